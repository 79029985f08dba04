"""COLMAP's models as little-endian numbers."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from marey.io.calibration._colmap_model import MODELS, ColmapImage, ColmapLens, count_parameters


def read_lenses_binary(path: Path) -> dict[int, ColmapLens]:
    data, place, lenses = path.read_bytes(), 8, {}
    names = {number: name for name, (number, _) in MODELS.items()}
    for _ in range(struct.unpack_from("<Q", data)[0]):
        number, kind, width, height = struct.unpack_from("<IiQQ", data, place)
        model = names.get(kind, f"number {kind}")
        values = struct.unpack_from(f"<{count_parameters(model)}d", data, place + 24)
        lenses[number] = ColmapLens(model, (width, height), np.array(values))
        place += 24 + 8 * len(values)
    return lenses


def read_images_binary(path: Path) -> Iterator[ColmapImage]:
    data, place = path.read_bytes(), 8
    for _ in range(struct.unpack_from("<Q", data)[0]):
        _, *pose, lens = struct.unpack_from("<I7dI", data, place)
        end = data.index(b"\0", place + 64)
        name = data[place + 64 : end].decode("utf-8", "replace")
        (points,) = struct.unpack_from("<Q", data, end + 1)
        place = end + 9 + 24 * points
        yield ColmapImage(name, lens, np.array(pose))


def pack_lenses(lenses: list[ColmapLens]) -> bytes:
    parts = [struct.pack("<Q", len(lenses))]
    for number, lens in enumerate(lenses, start=1):
        parts.append(struct.pack("<IiQQ", number, MODELS[lens.model][0], *lens.size))
        parts.append(struct.pack(f"<{len(lens.parameters)}d", *lens.parameters))
    return b"".join(parts)


def pack_images(images: list[ColmapImage]) -> bytes:
    parts = [struct.pack("<Q", len(images))]
    for number, image in enumerate(images, start=1):
        parts.append(struct.pack("<I7dI", number, *image.pose, image.lens))
        parts.append(image.name.encode() + b"\0" + struct.pack("<Q", 0))
    return b"".join(parts)
