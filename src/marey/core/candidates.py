"""Image points that a detector found and gave to nobody."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from marey.core.errors import ShapeError
from marey.core.skeleton import Skeleton


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates2D:
    """D candidates for keypoints in T frames of one view, and what links E pairs of them.

    Bottom-up detectors (OpenPose) find points first and people later; across views it is better to
    decide on people once.
    """

    skeleton: Skeleton
    time: Float[np.ndarray, "T"]
    """s"""
    frame: Int[np.ndarray, "D"]
    """Index into `time`, not falling."""
    keypoint: Int[np.ndarray, "D"]
    """Index into the skeleton's keypoints."""
    position: Float[np.ndarray, "D 2"]
    """px of the full image; the centre of the first pixel is (0.5, 0.5)."""
    score: Float[np.ndarray, "D"]
    """What the detector said, 0 to 1."""
    link: Int[np.ndarray, "E 2"]
    """Pairs of candidates of one frame and of different keypoints; E may be 0."""
    affinity: Float[np.ndarray, "E"]
    """How surely the two belong to one person, 0 to 1."""

    def __post_init__(self) -> None:
        if np.any(np.diff(self.frame) < 0):
            raise ShapeError("candidates have to be sorted by frame; sort them by `frame` first")
        for what, index, count in (
            ("frame", self.frame, len(self.time)),
            ("keypoint", self.keypoint, len(self.skeleton)),
            ("link", self.link, len(self.frame)),
        ):
            if index.size and not 0 <= index.min() <= index.max() < count:
                raise ShapeError(f"`{what}` of candidates points outside 0 to {count - 1}")
        if np.any(self.frame[self.link[:, 0]] != self.frame[self.link[:, 1]]):
            raise ShapeError("a link joins candidates of two frames; link within a frame only")
