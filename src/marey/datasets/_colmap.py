"""COLMAP's text models: `cameras.txt` and `images.txt`, as far as static cameras need them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core.errors import FormatError
from marey.io._bvh_lines import LineReader, open_lines

MAX_CAMERAS = 10_000
MAX_IMAGES = 1_000_000

NUM_PARAMETERS = {"PINHOLE": 4, "OPENCV": 8, "OPENCV_FISHEYE": 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """A camera's intrinsics."""

    model: str
    size: tuple[int, int]
    parameters: Float[np.ndarray, "P"]
    """fx fy cx cy (the centre of the first pixel is (0.5, 0.5)), then distortion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """An image and where its camera stood."""

    name: str
    lens: int
    pose: Float[np.ndarray, "7"]
    """World to camera: quaternion wxyz and translation in the model's unit."""


def read_lenses(path: Path) -> dict[int, Lens]:
    """Read `cameras.txt`.

    Raises:
        InputError: If it cannot be read.
        FormatError: If a line is no camera, or of an unknown model.
    """
    lenses: dict[int, Lens] = {}
    with open_lines(path) as lines:
        while (words := lines.read_words()) is not None:
            if words[0].startswith("#"):
                continue
            model = words[1] if len(words) > 1 else ""
            count = NUM_PARAMETERS.get(model)
            if count is None or len(words) != 4 + count or len(lenses) >= MAX_CAMERAS:
                known = ", ".join(NUM_PARAMETERS)
                raise lines.fault(f"number, model ({known}), size, parameters", " ".join(words))
            values = _read_numbers(lines, [words[0], *words[2:]])
            if values[0] in lenses or values[1:3].min() < 1:
                raise lines.fault("a number of its own and a size", " ".join(words[:4]))
            size = (int(values[1]), int(values[2]))
            lenses[int(values[0])] = Lens(model=model, size=size, parameters=values[3:])
    return lenses


def read_shots(path: Path) -> list[Shot]:
    """Read `images.txt`; the points seen in the images, on every other line, are skipped.

    Raises:
        InputError: If it cannot be read.
        FormatError: If a line is no image.
    """
    shots: list[Shot] = []
    with open_lines(path) as lines:
        while (words := lines.read_words()) is not None:
            # Lines of points are triples of numbers, or empty, and are skipped by their length.
            if words[0].startswith("#") or len(words) != 10 or _is_number(words[9]):
                continue
            values = _read_numbers(lines, words[:9])
            if abs(np.linalg.norm(values[1:5]) - 1) > 1e-2 or len(shots) >= MAX_IMAGES:
                raise lines.fault("an image with a unit quaternion", " ".join(words))
            shots.append(Shot(name=words[9], lens=int(values[8]), pose=values[1:8]))
    if not shots:
        raise FormatError(f"{path} lists no images; is it a COLMAP model in text?")
    return shots


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _read_numbers(lines: LineReader, words: list[str]) -> Float[np.ndarray, "n"]:
    try:
        values = np.array([float(word) for word in words])
    except ValueError as error:
        raise lines.fault("numbers", " ".join(words)) from error
    if not (np.abs(values) < 1e9).all():
        raise lines.fault("finite numbers", " ".join(words))
    return values
