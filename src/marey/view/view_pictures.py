"""The pictures of one camera, small, at moments of a clock that is not its own."""

import cv2
import numpy as np
from jaxtyping import UInt8

from marey.core import Clip
from marey.io.video import Frame, read_frames

NEAR = 0.51
"""Distance in time at which a picture still is that of the moment, in the camera's frames."""

Image = UInt8[np.ndarray, "h w 3"]


class ViewPictures:
    """Reads a clip once, from front to back; holds two small pictures."""

    def __init__(self, clip: Clip, *, size: tuple[int, int], offset: float, start: float):
        """Open a clip.

        Args:
            clip: The clip.
            size: Width and height of the small pictures, px.
            offset: What brings the clip's clock to the common one, s.
            start: The first moment that will be asked for, s on the common clock.
        """
        self._size, self._offset = size, offset
        self._reach = NEAR / clip.frame_rate
        first = int(np.searchsorted(clip.time + offset, start)) - 1
        first = min(max(first, 0), clip.num_frames)
        self._frames = read_frames(clip, start=first, prefetched=1)
        self._now: tuple[float, Image] | None = None
        self._next = self._read()

    def at(self, time: float) -> tuple[Image | None, bool]:
        """Return the picture nearest to a moment, and whether it is that of the moment.

        Args:
            time: s on the common clock; never before the moment asked for last.

        Returns:
            The picture, or the last one there was, None before the first.
        """
        while self._next is not None and (
            self._next[0] <= time
            or (abs(self._next[0] - time) <= self._reach and self._is_nearer(time))
        ):
            self._now, self._next = self._next, self._read()
        if self._now is None:
            return None, False
        return self._now[1], abs(self._now[0] - time) <= self._reach

    def close(self) -> None:
        """Stop reading."""
        self._frames.close()

    def _is_nearer(self, time: float) -> bool:
        assert self._next is not None
        return self._now is None or self._next[0] - time <= time - self._now[0]

    def _read(self) -> tuple[float, Image] | None:
        frame: Frame | None = next(self._frames, None)
        if frame is None:
            return None
        small = cv2.resize(frame.image, self._size, interpolation=cv2.INTER_AREA)
        return frame.time + self._offset, small
