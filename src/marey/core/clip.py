"""One view's video and its clock."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A video file, an image folder or a single image, described but not decoded.

    Or, without a path, the pictures that keypoints were found in, of which no more is known.

    The time of each frame is kept as the container states it, so a variable frame rate survives.
    """

    path: Path | None
    """None where pictures are not at hand: keypoints of other detectors bring size and clock."""
    size: tuple[int, int]
    """Width and height in px, after the rotation flag has been applied."""
    time: Float[np.ndarray, "T"]
    """Presentation time of each frame in s, float64, starting at the first frame's own time."""
    cuts: tuple[int, ...] = ()
    """Frames at which a new shot begins (never 0)."""
    first: int = 0
    """Frame of the file that is the clip's first; a clip may be a part of its file."""
    step: int = 1
    """Frames of the file from one of the clip's to the next."""
    warnings: tuple[str, ...] = ()
    """What is wrong with the file: cut off, damaged, interlaced. A sentence each."""

    @property
    def name(self) -> str:
        """What messages call it."""
        return "the pictures of the keypoints" if self.path is None else self.path.name

    @property
    def video(self) -> Path:
        """The file or folder of its pictures.

        Raises:
            InputError: If there is none.
        """
        if self.path is None:
            raise InputError(
                "the take was made of keypoints, without a video to look at; say where it is with "
                "--video (in Python video=...)"
            )
        return self.path

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.time)

    @property
    def frame_rate(self) -> float:
        """Frames per second by the median interval; 30 for a single image."""
        if len(self.time) < 2:
            return 30.0
        return 1.0 / float(np.median(np.diff(self.time)))
