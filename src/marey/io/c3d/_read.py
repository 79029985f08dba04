"""Reading points through the package c3d, which is given sound files only."""

import math
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import c3d
import numpy as np
from jaxtyping import Float32

from marey.core.errors import FormatError, MareyError
from marey.io.c3d._check import BLOCK, check_layout

METRES = {"": 0.001, "mm": 0.001, "cm": 0.01, "m": 1.0}

NO_PLACES = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS")
"""Parameters that list points which are something else in disguise."""

MAX_FRAMES = 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class C3dPoints:
    """What a C3D file says, in metres and in its own axes."""

    labels: tuple[str, ...]
    rate: float
    """Frames per second."""
    first_frame: int
    """Number of the first frame, from 1 on."""
    position: Float32[np.ndarray, "T points 3"]


_BROKEN = (
    *(AssertionError, AttributeError, KeyError, IndexError, TypeError, ValueError, MemoryError),
    *(OverflowError, ZeroDivisionError, EOFError, struct.error, OSError),
)
"""What the package raises at files that contradict themselves."""


def read_points(path: Path) -> C3dPoints:
    """Read a C3D file.

    Raises:
        InputError: If the file is missing or cannot be read.
        FormatError: If it is not a sound C3D file, holds no points or is in another unit.
    """
    check_layout(path)
    try:
        # The package warns of trifles, and converts damaged residuals to integers.
        with path.open("rb") as file, warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return _read_points(c3d.Reader(file), path)
    except MareyError:
        raise
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise FormatError(f"{path} is not a sound C3D file: {reason}; export it again") from error


def _read_points(reader: c3d.Reader, path: Path) -> C3dPoints:
    scale, rate = _read_unit(reader, path), float(reader.point_rate)
    num_frames = _count_frames(reader, path, rate)
    labels, others = _read_labels(reader), _find_others(reader)
    kept = [column for column, label in enumerate(labels) if label not in others]
    if not kept:
        raise FormatError(f"{path} holds no points in space; only analogue channels or angles")
    position = np.full((num_frames, len(kept), 3), np.nan, np.float32)
    frames = reader.read_frames(copy=False, analog_transform=False)
    for row, (_, points, _) in zip(position, frames, strict=False):
        visible = points[kept, 3] >= 0
        row[visible] = points[kept, :3][visible] * scale
    # Coordinates may also have become infinite by the scale.
    position[~np.isfinite(position).all(-1)] = np.nan
    return C3dPoints(
        labels=tuple(labels[column] for column in kept),
        rate=rate,
        first_frame=max(1, int(reader.first_frame)),
        position=position,
    )


def _count_frames(reader: c3d.Reader, path: Path, rate: float) -> int:
    """Return the number of frames, all of which the file must hold."""
    num_points, count = int(reader.point_used), int(reader.frame_count)
    magnitude = abs(float(reader.point_scale))
    if not (0 < rate < math.inf and 0 < magnitude < math.inf):
        raise FormatError(f"{path} states {rate} frames a second and a scale of {magnitude}")
    samples = int(reader.analog_used) * int(reader.analog_per_frame)
    word = 4 if reader.point_scale < 0 else 2
    if num_points < 1 or samples < 0 or not 1 <= count <= MAX_FRAMES:
        raise FormatError(f"{path} states {num_points} points in {count} frames; expected some")
    needed = count * word * (4 * num_points + samples)
    room = path.stat().st_size - BLOCK * (int(reader.header.data_block) - 1)
    if needed > room:
        raise FormatError(
            f"{path} ends after {room} of the {needed} bytes its {count} frames need; copy it again"
        )
    return count


def _read_unit(reader: c3d.Reader, path: Path) -> float:
    """Return metres per unit; files without one are in millimetres."""
    param = reader.get("POINT:UNITS")
    text = "" if param is None else param.string_value
    unit = text.split("\0")[0].strip().lower()
    if unit not in METRES:
        raise FormatError(f"{path} is in {unit[:20]!r}; marey reads points in mm, cm and m")
    return METRES[unit]


def _read_labels(reader: c3d.Reader) -> list[str]:
    """Return a label for every point; those without one get an empty one."""
    count, labels, number = int(reader.point_used), [], 1
    while len(labels) < count:
        more = _read_texts(reader, f"POINT:LABELS{number if number > 1 else ''}")
        if not more:
            break
        labels += more
        number += 1
    return (labels + [""] * count)[:count]


def _find_others(reader: c3d.Reader) -> set[str]:
    lists = (_read_texts(reader, f"POINT:{name}") for name in NO_PLACES)
    return {label for labels in lists for label in labels if label}


def _read_texts(reader: c3d.Reader, name: str) -> list[str]:
    """Return the texts of a parameter, all of one length; a single one may have one dimension."""
    param = reader.get(name)
    if param is None or len(param.dimensions) not in (1, 2):
        return []
    width, count = (*param.dimensions, 1)[:2]
    parts = (param.bytes[width * k : width * (k + 1)] for k in range(count))
    return [part.decode("utf-8", "replace").strip(" \0") for part in parts]
