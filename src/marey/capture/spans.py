"""Runs of frames: where a person is observed, bridged over a short gap, or absent."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from marey.fit.windows import runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """When one person is to be solved."""

    time: Float[np.ndarray, "L"]
    """Time of each frame, s."""
    observed: Bool[np.ndarray, "L"]
    """Frames with enough keypoints."""
    solved: Bool[np.ndarray, "L"]
    """Frames to solve: the observed ones and the gaps to bridge."""


def bridge_gaps(
    observed: Bool[np.ndarray, "T"], time: Float[np.ndarray, "T"], *, max_gap: float = 0.5
) -> Bool[np.ndarray, "T"]:
    """Mark the frames to solve: the observed ones and the short gaps between them.

    Args:
        observed: Frames with enough keypoints.
        time: Time of each frame, s.
        max_gap: Longest gap to bridge, s, from the last observed frame to the next.

    Returns:
        Mask of frames to solve; the ends are never extrapolated.
    """
    solved = observed.copy()
    for gap in runs(~observed):
        inside = gap.start > 0 and gap.stop < len(observed)
        if inside and time[gap.stop] - time[gap.start - 1] <= max_gap + 1e-6:
            solved[gap] = True
    return solved
