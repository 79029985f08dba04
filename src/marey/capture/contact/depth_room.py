"""People seen by one camera give way in depth first: as wholes, along the floor, slowly.

One picture says well where people are side by side and badly how far behind each other. Who is seen
in front of another and fitted into them is at the wrong depth. So both are moved away from each
other along the camera's view of them, half the way each, before any joint has to bend. The way is
zero at first and in the end, and has no corners: the widest that is needed nearby, smoothed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

_LEAST_ACROSS = 0.3
"""Of a ray's length the least share along the floor; a camera above people has no depth there."""
_BESIDE_M = 0.25
"""Pelvises farther to the side of each other than this are beside each other, not behind."""
_STEP_M = 0.02
_FARTHEST_M = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How far one person is moved away from the camera, frame by frame."""

    frame: Int[np.ndarray, "M"]
    """On the clip's clock, ascending."""
    away: Float[np.ndarray, "M"]
    """m; negative towards it."""

    def over(self, window: slice) -> Float[np.ndarray, "L"]:
        """Lay it out over a window of frames, 0 where nothing moves."""
        laid = np.zeros(window.stop - window.start)
        inside = (self.frame >= window.start) & (self.frame < window.stop)
        laid[self.frame[inside] - window.start] = self.away[inside]
        return laid


def find_direction(
    place: Float[np.ndarray, "M 3"], centre: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "M 3"]:
    """Return the way from the camera to each place, along the floor where there is such a way.

    Args:
        place: m.
        centre: Of the camera.
    """
    ray = place.astype(np.float64) - centre
    ray /= np.maximum(np.linalg.norm(ray, axis=-1, keepdims=True), 1e-9)
    flat = ray * [1.0, 1.0, 0.0]
    length = np.linalg.norm(flat, axis=-1, keepdims=True)
    return np.where(length > _LEAST_ACROSS, flat / np.maximum(length, 1e-9), ray)


def shift_root(
    root: Float[np.ndarray, "M 7"], away: Float[np.ndarray, "M"], centre: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "M 7"]:
    """Return poses of roots moved away from the camera; the same bytes where `away` is 0."""
    moved, rows = root.copy(), away != 0
    moved[rows, 4:] += away[rows, None] * find_direction(root[rows, 4:], centre)
    return moved


def choose_front(
    one: Float[np.ndarray, "M 3"], two: Float[np.ndarray, "M 3"], centre: Float[np.ndarray, "3"]
) -> float:
    """Tell who of two is in front over a meeting: 1 the first, -1 the second.

    Args:
        one: The first one's pelvis, m; NaN where unknown.
        two: The second one's.
        centre: Of the camera.
    """
    behind = ((two - one) * find_direction(one, centre)).sum(-1)
    return -1.0 if np.nansum(behind) < 0 else 1.0


def are_behind(
    one: Float[np.ndarray, "M 3"], two: Float[np.ndarray, "M 3"], centre: Float[np.ndarray, "3"]
) -> np.ndarray:
    """Tell in which frames two people are behind each other, rather than beside."""
    way, along = (two - one).astype(np.float64), find_direction(one, centre)
    aside = way - (way * along).sum(-1, keepdims=True) * along
    aside[..., 2] = 0.0
    return np.linalg.norm(aside, axis=-1) < _BESIDE_M


def cut_rows(
    rows: Int[np.ndarray, "K"], frame: Int[np.ndarray, "M"], longest: int
) -> Iterator[Int[np.ndarray, "L"]]:
    """Cut rows into runs that follow on, none over more than so many frames: meshes are large.

    Args:
        rows: Which of the frames, ascending.
        frame: All of them, ascending.
        longest: Frames.
    """
    while len(rows):
        many = np.searchsorted(frame[rows], frame[rows[0]] + longest)
        apart = np.flatnonzero(np.diff(rows[:many]) > 1)
        stop = int(apart[0]) + 1 if len(apart) else int(many)
        yield rows[:stop]
        rows = rows[stop:]


def find_room(
    measure: Callable[[Int[np.ndarray, "K"], float], Float[np.ndarray, "K"]],
    depth: Float[np.ndarray, "M"],
    *,
    deep: float,
    allowed: float,
) -> Float[np.ndarray, "M"]:
    """Return how far apart people must be moved in each frame until they are out of each other.

    Where no way that is allowed helps it is 0: they stay, and their skins do what they can.

    Args:
        measure: Returns depths of some of the frames with people moved apart by so much, m.
        depth: How deep they are in each other as they are, m.
        deep: Who is not deeper than this is not moved, m.
        allowed: How deep the others may stay, m.
    """
    room, left = np.zeros(len(depth)), np.flatnonzero(depth > deep)
    while len(left) and room[left[0]] < _FARTHEST_M - 1e-9:
        room[left] += _STEP_M
        left = left[measure(left, float(room[left[0]])) > allowed]
    room[left] = 0.0
    return room


def smooth_room(
    frame: Int[np.ndarray, "M"], room: Float[np.ndarray, "M"], reach: int
) -> tuple[Int[np.ndarray, "L"], Float[np.ndarray, "L"]]:
    """Return a slowly changing way that is nowhere shorter than what is needed.

    Args:
        frame: Where something is needed, ascending.
        room: How much, m.
        reach: Frames over which it comes and goes.
    """
    first, last = int(frame[0]) - 2 * reach, int(frame[-1]) + 2 * reach
    needed = np.zeros(last - first + 1)
    needed[frame - first] = room
    padded = np.pad(needed, reach)
    widest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(-1)
    weight = np.hanning(2 * reach + 3)[1:-1]
    smooth = np.convolve(widest, weight / weight.sum(), "same")
    return np.arange(first, last + 1), smooth
