"""Landmarks one can see, in the image and in space.

Missing is NaN in position and 0 in confidence, never a zero coordinate and never a repeated value.
Confidence is what a network said; sigma is what we believe and what solvers weight by.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from marey.core.skeleton import Skeleton

Frame = Literal["world", "camera", "root"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypoints2D:
    """Image keypoints of N people over T frames, in one view or with a leading view axis C."""

    skeleton: Skeleton
    people: tuple[str, ...]
    time: Float[np.ndarray, "T"]
    position: Float[np.ndarray, "*C N T K 2"]
    """px of the full image; the centre of the first pixel is (0.5, 0.5)."""
    confidence: Float[np.ndarray, "*C N T K"]
    sigma: Float[np.ndarray, "*C N T K"] | None = None
    """Standard deviation in px."""

    @property
    def valid(self) -> Bool[np.ndarray, "*C N T K"]:
        """Which keypoints exist."""
        return np.isfinite(self.position).all(-1) & (self.confidence > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypoints3D:
    """Keypoints in space of N people over T frames."""

    skeleton: Skeleton
    people: tuple[str, ...]
    time: Float[np.ndarray, "T"]
    position: Float[np.ndarray, "N T K 3"]
    """m, in `frame`'s axes."""
    frame: Frame
    """`root`: camera axes, origin between the hips (hands: at their own wrist)."""
    confidence: Float[np.ndarray, "N T K"]
    sigma: Float[np.ndarray, "N T K"] | None = None
    """Standard deviation in m."""

    @property
    def valid(self) -> Bool[np.ndarray, "N T K"]:
        """Which keypoints exist."""
        return np.isfinite(self.position).all(-1) & (self.confidence > 0)
