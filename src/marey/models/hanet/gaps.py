"""Missing joints in what goes into the network, which knows no gaps."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A sequence without gaps."""

    position: Float[np.ndarray, "T K D"]
    """Gaps are interpolated, ends held; zero where a joint is never seen."""
    bridged: Bool[np.ndarray, "T K"]
    """Where a short gap between two sightings was interpolated."""
    lost: Bool[np.ndarray, "T K"]
    """Where a value stands that means nothing: in long gaps, before the first sighting and after
    the last one."""


def fill_gaps(position: Float[np.ndarray, "T K D"], *, max_gap: int) -> Filled:
    """Fill the gaps of every joint.

    Args:
        position: NaN in any coordinate: the joint is missing in this frame.
        max_gap: Frames of the longest gap that counts as bridged.
    """
    seen = np.all(np.isfinite(position), axis=-1)
    frames = np.arange(len(position))
    filled = np.where(seen[..., None], position, 0.0)
    for joint in np.flatnonzero(~np.all(seen, axis=0) & np.any(seen, axis=0)):
        at = np.flatnonzero(seen[:, joint])
        for axis in range(position.shape[2]):
            filled[:, joint, axis] = np.interp(frames, at, position[at, joint, axis])
    bridged = ~seen & _between(seen) & (_run_lengths(~seen) <= max_gap)
    return Filled(position=filled.astype(position.dtype), bridged=bridged, lost=~seen & ~bridged)


def find_stretches(seen: Bool[np.ndarray, "T"], *, max_gap: int) -> list[slice]:
    """Return the stretches of a sequence without a gap longer than `max_gap`, in order."""
    at = np.flatnonzero(seen)
    if not len(at):
        return []
    breaks = np.flatnonzero(np.diff(at) > max_gap + 1)
    first = at[np.concatenate([[0], breaks + 1])]
    last = at[np.concatenate([breaks, [len(at) - 1]])]
    return [slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True)]


def _between(seen: Bool[np.ndarray, "T K"]) -> Bool[np.ndarray, "T K"]:
    """Tell where a sighting came before and one comes after."""
    before = np.logical_or.accumulate(seen, axis=0)
    after = np.logical_or.accumulate(seen[::-1], axis=0)[::-1]
    return before & after


def _run_lengths(missing: Bool[np.ndarray, "T K"]) -> np.ndarray:
    """Return for every entry how long the run of missing frames is that it lies in."""
    lengths = np.zeros(missing.shape, np.int64)
    for joint in np.flatnonzero(np.any(missing, axis=0)):
        edges = np.flatnonzero(np.diff(missing[:, joint].astype(np.int8), prepend=0, append=0))
        for start, end in edges.reshape(-1, 2):
            lengths[start:end, joint] = end - start
    return lengths
