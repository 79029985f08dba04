"""COLMAP's models as text: a line per camera, two per image."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from marey.io.calibration._colmap_model import MAX_IMAGES, ColmapImage, ColmapLens, count_parameters


def read_lenses(path: Path) -> dict[int, ColmapLens]:
    lenses = {}
    for words in _rows(path):
        if not words:
            continue
        model, count = words[1], count_parameters(words[1])
        if len(words) != 4 + count:
            raise ValueError(f"a camera of model {model} has {len(words) - 4} parameters")
        values = np.array([float(word) for word in words[4:]])
        lenses[int(words[0])] = ColmapLens(model, (int(words[2]), int(words[3])), values)
    return lenses


def read_images(path: Path) -> Iterator[ColmapImage]:
    """Yield images; every other line lists the points seen, and may be empty."""
    for number, words in enumerate(_rows(path)):
        if number % 2 == 0 and words:
            pose = np.array([float(word) for word in words[1:8]])
            yield ColmapImage(" ".join(words[9:]), int(words[8]), pose)
        if number > 2 * MAX_IMAGES:
            raise ValueError(f"it lists more than {MAX_IMAGES} images")


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.startswith("#"):
                yield line.split()


def format_lenses(lenses: list[ColmapLens]) -> str:
    lines = ["# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    for number, lens in enumerate(lenses, start=1):
        values = " ".join(repr(float(value)) for value in lens.parameters)
        lines.append(f"{number} {lens.model} {lens.size[0]} {lens.size[1]} {values}")
    return "\n".join(lines) + "\n"


def format_images(images: list[ColmapImage]) -> str:
    lines = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "# POINTS2D[]"]
    for number, image in enumerate(images, start=1):
        pose = " ".join(repr(float(value)) for value in image.pose)
        lines += [f"{number} {pose} {image.lens} {image.name}", ""]
    return "\n".join(lines) + "\n"
