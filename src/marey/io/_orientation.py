"""The rotation and mirror flags by which a recording is shown upright.

A container stores them as FFmpeg's display matrix: nine 32-bit integers (a b u; c d v; x y w), by
which the stored pixel (x, y) is shown at (a x + c y, b x + d y), y downwards. Cameras only use the
eight ways to lay a rectangle on a grid; other angles are rounded to the nearest of them.
"""

from dataclasses import dataclass

import numpy as np
from av import VideoFrame
from jaxtyping import UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class Orientation:
    """How the stored picture becomes the shown one: transpose first, then flip."""

    transpose: bool = False
    flip_rows: bool = False
    """Upside down."""
    flip_columns: bool = False
    """Left to right."""

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height as shown."""
        return (height, width) if self.transpose else (width, height)

    def apply(self, image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """Lay a stored picture upright; the result is contiguous."""
        if self.transpose:
            image = image.swapaxes(0, 1)
        rows = slice(None, None, -1 if self.flip_rows else 1)
        columns = slice(None, None, -1 if self.flip_columns else 1)
        return np.ascontiguousarray(image[rows, columns])


def read_orientation(frame: VideoFrame) -> Orientation:
    """Return how a decoded frame is to be shown."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return Orientation()
    (a, b), (c, d) = np.frombuffer(bytes(data), np.int32, count=9).reshape(3, 3)[:2, :2].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(flip_columns=a < 0, flip_rows=d < 0)
    return Orientation(transpose=True, flip_columns=c < 0, flip_rows=b < 0)
