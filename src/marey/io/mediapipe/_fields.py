"""What arrays of MediaPipe say beside the landmarks: size of the pictures and clock."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from marey.core.errors import FormatError
from marey.io.limits import MAX_SIDE_PX

SIZE_KEYS = ("wh", "size", "image_size")
RATE_KEYS = ("fps", "frame_rate")
TIME_KEY = "time"

Arrays = dict[str, Shaped[np.ndarray, "..."]]


def find_size(arrays: Arrays, path: Path) -> tuple[int, int] | None:
    """Return width and height that are stated, px, or None."""
    key = next((key for key in SIZE_KEYS if key in arrays), None)
    if key is None:
        return None
    size = arrays[key]
    if size.shape != (2,) or size.dtype.kind not in "fiu":
        raise FormatError(f"{path}: '{key}' is {size.dtype} {size.shape}; expected width, height")
    if not ((size >= 1) & (size <= MAX_SIDE_PX)).all():
        raise FormatError(f"{path}: '{key}' is {size.tolist()}, no size of a picture")
    return int(size[0]), int(size[1])


def find_rate(arrays: Arrays, path: Path) -> float | None:
    """Return the frames per second that are stated, or None."""
    key = next((key for key in RATE_KEYS if key in arrays), None)
    if key is None:
        return None
    value = arrays[key]
    if value.size != 1 or value.dtype.kind not in "fiu":
        raise FormatError(f"{path}: '{key}' is {value.dtype} {value.shape}; expected one number")
    number = float(value.reshape(-1)[0])
    if not 0.001 <= number <= 100_000:
        raise FormatError(f"{path}: '{key}' is {number:g} frames per second")
    return number


def find_time(arrays: Arrays, count: int, path: Path) -> Float[np.ndarray, "T"] | None:
    """Return the times that are stated, s, or None."""
    if TIME_KEY not in arrays:
        return None
    time = arrays[TIME_KEY]
    if time.shape != (count,) or time.dtype.kind not in "fiu":
        raise FormatError(f"{path}: '{TIME_KEY}' is {time.dtype} {time.shape}; expected ({count},)")
    time = time.astype(np.float64)
    if not np.isfinite(time).all() or (np.diff(time) <= 0).any():
        raise FormatError(f"{path}: '{TIME_KEY}' must be finite, increasing seconds")
    return time
