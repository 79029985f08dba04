"""Runs of frames: where a person is observed, bridged over a short gap, or absent."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """When one person is to be solved."""

    time: Float[np.ndarray, "L"]
    """Time of each frame, s."""
    observed: Bool[np.ndarray, "L"]
    """Frames with enough keypoints."""
    solved: Bool[np.ndarray, "L"]
    """Frames to solve: the observed ones and the gaps to bridge."""


def runs(mask: Bool[np.ndarray, "T"]) -> list[slice]:
    """Return the maximal runs of true values, in order."""
    padded = np.concatenate([[False], mask, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(padded))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


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


def windows(span: slice, *, size: int, ahead: int) -> list[tuple[slice, slice]]:
    """Cut a span into windows to solve one after the other.

    Args:
        span: Frames to cover.
        size: Frames a window contributes.
        ahead: Further frames a window looks ahead; they are solved again by the next one.

    Returns:
        Pairs (frames to solve, frames to keep), both as absolute slices.
    """
    result = []
    start = span.start
    while start < span.stop:
        stop = min(start + size, span.stop)
        # A short rest is cheaper to solve at once than in a window of its own.
        if span.stop - stop <= ahead:
            stop = span.stop
        result.append((slice(start, min(stop + ahead, span.stop)), slice(start, stop)))
        start = stop
    return result
