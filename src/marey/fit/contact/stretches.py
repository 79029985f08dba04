"""Which frames are solved together where bodies are taken apart, and which of them stay."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from marey.fit.contact.options import CollisionOptions


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames `first` to `stop` of a motion, solved at once."""

    first: int
    stop: int
    """One past the last; those that the next piece solves again are among them."""
    held: Bool[np.ndarray, "L"]
    """Frames that stay as they are: seams to what is not solved here."""
    goes_on: bool
    """Whether an earlier piece has solved the first frames of this one."""


def find_stretches(
    deep: Bool[np.ndarray, "T"], time: Float[np.ndarray, "T"], options: CollisionOptions
) -> list[tuple[int, int]]:
    """Return the frames around collisions, as runs.

    Args:
        deep: Frames in which somebody is in somebody.
        time: s.
        options: How far around.
    """
    wanted = np.zeros(len(deep), bool)
    for frame in np.flatnonzero(deep):
        first = np.searchsorted(time, time[frame] - options.margin)
        last = np.searchsorted(time, time[frame] + options.margin, side="right")
        # Two frames on either side are seams, which do not move.
        wanted[max(0, min(first, frame - 3)) : max(last, frame + 4)] = True
    return find_runs(wanted)


def find_runs(wanted: Bool[np.ndarray, "T"]) -> list[tuple[int, int]]:
    """Return first and one past the last of each run of frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wanted, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def cut_stretch(start: int, stop: int, last: int, options: CollisionOptions) -> Iterator[Piece]:
    """Cut a stretch into pieces that follow on.

    Args:
        start: First frame.
        stop: One past its last.
        last: Frames of the whole motion.
        options: How long a piece is, and how far it looks ahead.
    """
    held = np.zeros(stop - start, bool)
    held[:2] = start > 0
    held[-2:] = stop < last
    at = start
    while at < stop:
        end = min(at + options.longest, stop)
        if stop - end < options.ahead:
            end = stop
        first, beyond = max(start, at - 2), min(end + options.ahead, stop)
        own = held[first - start : beyond - start].copy()
        own[: at - first] = True
        yield Piece(first, beyond, own, goes_on=at > start)
        at = end
