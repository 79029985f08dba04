"""Writing points through the package c3d, with what it leaves out of the format."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import c3d
import numpy as np
from jaxtyping import Float, Float32

from marey.core.errors import InputError

MAX_COUNT = 255
"""Labels in one parameter; its sizes are bytes."""
MAX_LABEL_BYTES = 127
MAX_SECTION_BYTES = 60_000
"""Of all labels; the parameters have 255 blocks of 512 bytes, of which the package c3d counts each
byte twice."""

MM_PER_M = 1000.0
CHUNK = 4096
"""Frames at a time."""


def check_labels(labels: Sequence[str]) -> list[list[bytes]]:
    """Return the labels in groups of 255, padded to one length.

    Raises:
        InputError: If they are too long or too many.
    """
    encoded = [label.encode() for label in labels]
    width = max(len(label) for label in encoded)
    if width > MAX_LABEL_BYTES or width * len(encoded) > MAX_SECTION_BYTES:
        raise InputError(
            f"C3D has no room for {len(encoded)} names of up to {width} bytes (it has "
            f"{MAX_LABEL_BYTES} bytes for one, {MAX_SECTION_BYTES} for all); write fewer people, "
            "or TRC"
        )
    padded = [label.ljust(width) for label in encoded]
    return [padded[start : start + MAX_COUNT] for start in range(0, len(padded), MAX_COUNT)]


def write_points(
    path: Path,
    labels: list[list[bytes]],
    position: Float[np.ndarray, "N T K 3"],
    *,
    rate: float,
    first_frame: int,
) -> None:
    """Write a C3D file.

    Args:
        path: The file.
        labels: Labels of the N x K points, from `check_labels`.
        position: m, NaN where missing.
        rate: Frames per second.
        first_frame: Number of the first frame, from 1 on.
    """
    writer = c3d.Writer(point_rate=rate, point_units="mm")
    _add_labels(writer, labels)
    writer.set_screen_axis("+X", "+Z")
    writer.set_start_frame(first_frame)
    no_analog = np.zeros((0, 0), np.float32)
    for start in range(0, position.shape[1], CHUNK):
        rows = _make_rows(position[:, start : start + CHUNK])
        writer.add_frames([(row, no_analog) for row in rows])
    with path.open("wb") as file, warnings.catch_warnings():
        # It warns that there are no analogue channels.
        warnings.simplefilter("ignore")
        writer.write(file)
    _clear_missing(path, num_frames=position.shape[1], num_points=sum(map(len, labels)))


def _add_labels(writer: c3d.Writer, labels: list[list[bytes]]) -> None:
    group, width = writer.point_group, len(labels[0][0])
    for number, names in enumerate(labels, start=1):
        suffix = str(number) if number > 1 else ""
        group.add(f"LABELS{suffix}", "", -1, "", b"".join(names), width, len(names))
        group.add(f"DESCRIPTIONS{suffix}", "", -1, "", b" " * len(names), 1, len(names))


def _make_rows(position: Float[np.ndarray, "N L K 3"]) -> Float32[np.ndarray, "L points 5"]:
    """Return x, y, z in mm, residual and cameras; a residual of -1 says that a point is missing."""
    points = np.swapaxes(position, 0, 1).reshape(position.shape[1], -1, 3)
    missing = ~np.isfinite(points).all(-1, keepdims=True)
    millimetres = np.where(missing, 0, points * MM_PER_M)
    cameras = np.zeros_like(missing)
    return np.concatenate([millimetres, np.where(missing, -1, 0), cameras], -1).astype(np.float32)


def _clear_missing(path: Path, *, num_frames: int, num_points: int) -> None:
    """Set missing points to zero: the package repeats where they were last seen."""
    data_block = int(np.fromfile(path, "<u2", 1, offset=16)[0])
    shape = (num_frames, num_points, 4)
    data = np.memmap(path, "<f4", "r+", 512 * (data_block - 1), shape)
    for start in range(0, num_frames, CHUNK):
        rows = data[start : start + CHUNK]
        rows[..., :3][rows[..., 3] < 0] = 0
    data.flush()
