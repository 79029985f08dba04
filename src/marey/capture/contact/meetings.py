"""Where people come near each other, and how deep they are in each other there: window by window.

Most people are never near anybody, and those who are only for some time. So frames are looked at in
windows, in each of which only those take part who are near somebody; memory does not grow with the
clip, nor work with people who keep to themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float, Int

from marey.capture.contact.depth_room import Shift, shift_root
from marey.capture.contact.gathering import Gathering, Moved, cut_keypoints, cut_motions
from marey.core import BodyMotion, Cameras
from marey.core.scratch import chunks, forget_pages
from marey.fit.contact.crowd import Crowd
from marey.fit.contact.crowd_body import CrowdBody
from marey.fit.contact.options import CollisionOptions
from marey.fit.seen_points import SeenPoints
from marey.geometry.rotation import quaternion_to_matrix

WINDOW = 240
"""Frames that are looked at together."""
_NEAR_M = 3.0
"""Pelvises farther apart than this belong to people who cannot touch."""

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Depths:
    """How deep two people are in each other in frames in which they nearly touch."""

    frame: Int[np.ndarray, "M"]
    """On the clip's clock, ascending."""
    depth: Float[np.ndarray, "M"]
    """m; negative for a gap."""


@dataclass(slots=True)
class Meetings:
    """Everyone's fit in the world, what has moved since, and who is near whom."""

    gathering: Gathering
    body: CrowdBody
    options: CollisionOptions
    cameras: Cameras
    """One that does not move."""
    centre: Float[np.ndarray, "3"]
    """Of that camera."""
    workers: int
    near: dict[int, dict[Pair, Depths]] = field(default_factory=dict)
    """By number of the window and pair."""
    shifts: dict[int, Shift] = field(default_factory=dict)
    """Of people who have given way in depth."""
    moving: dict[int, slice] = field(init=False)
    """Frames of everyone who has a fit, on the clip's clock."""

    def __post_init__(self) -> None:
        starts, self.moving = self.gathering.starts, {}
        for number in range(len(self.gathering.names)):
            root = self.gathering.read_root(number)
            if root is not None:
                self.moving[number] = slice(starts[number], starts[number] + len(root))

    @property
    def windows(self) -> list[slice]:
        """Windows that cover the clip."""
        return list(chunks(len(self.gathering.time), WINDOW))

    def cut(self, people: Sequence[int], window: slice) -> BodyMotion:
        """Lay people out over a window as they were fitted, moved only in depth."""
        starts = self.gathering.starts
        motions = {n: (starts[n], self.gathering.read_motion(n)) for n in people}
        motion = cut_motions(motions, self.gathering.time, window)
        root = motion.T_world_root
        for row, number in enumerate(people):
            if number in self.shifts:
                root[row] = shift_root(root[row], self.shifts[number].over(window), self.centre)
        return motion

    def crowd(
        self, people: Sequence[int], window: slice, *, now: Moved | None = None, seen: bool = False
    ) -> Crowd:
        """Return some people in a window, ready to be measured and moved.

        Args:
            people: Who.
            window: Frames.
            now: What has been moved already.
            seen: Whether they are held by their keypoints.
        """
        views, motion = None, self.cut(people, window)
        if seen:
            readers = [self.gathering.read_person(n) for n in people]
            keypoints = cut_keypoints(readers, self.gathering.time, window)
            views = None if keypoints is None else SeenPoints(keypoints, self.cameras)
        solved = None
        if now is not None:
            solved = _blank(motion)
            lay_over(solved, people, window, now)
        return Crowd(self.body, motion, views, self.options, self.workers, now=solved)

    def look(self, number: int) -> None:
        """Measure everyone who is near somebody in a window."""
        window = self.windows[number]
        people = self._near_people(window)
        self.near.pop(number, None)
        if not people:
            return
        crowd, found = self.crowd(people, window), {}
        for a, b in crowd.find_pairs():
            depth = crowd.measure(a, b, within=self.options.watched)
            frames = np.flatnonzero(depth > -self.options.watched)
            if len(frames):
                found[people[a], people[b]] = Depths(frames + window.start, depth[frames])
        if found:
            self.near[number] = found

    def pairs(self) -> list[Pair]:
        """Name all pairs who come near at some time."""
        return sorted({pair for found in self.near.values() for pair in found})

    def depths(self, pair: Pair, window: slice | None = None) -> Depths:
        """Return how deep a pair is in each other, over the clip or a part of it.

        Args:
            pair: Who.
            window: Frames; windows that they lie in are given as wholes.
        """
        numbers = sorted(self.near)
        if window is not None:
            numbers = range(window.start // WINDOW, (window.stop - 1) // WINDOW + 1)
        found = [self.near[n][pair] for n in numbers if pair in self.near.get(n, ())]
        return Depths(
            np.concatenate([np.zeros(0, np.int64), *(each.frame for each in found)]),
            np.concatenate([np.zeros(0), *(each.depth for each in found)]),
        )

    def pelvis(self, number: int, frames: Int[np.ndarray, "M"]) -> Float[np.ndarray, "M 3"]:
        """Return where a person's fit has the pelvis."""
        root = self.gathering.read_root(number)
        assert root is not None
        return root[frames - self.moving[number].start, 4:]

    def _near_people(self, window: slice) -> list[int]:
        places = dict(self._places(window))
        if self.options.oneself:
            return sorted(places)
        near: set[int] = set()
        for a, b in combinations(sorted(places), 2):
            (at, one), (from_, two) = places[a], places[b]
            first, stop = max(at, from_), min(at + len(one), from_ + len(two))
            if first >= stop:
                continue
            apart = one[first - at : stop - at] - two[first - from_ : stop - from_]
            if (np.linalg.norm(apart, axis=-1) < _NEAR_M).any():
                near |= {a, b}
        return sorted(near)

    def _places(self, window: slice) -> Iterator[tuple[int, tuple[int, np.ndarray]]]:
        """Yield first frame and pelvises of everyone who is there in a window."""
        for number, span in self.moving.items():
            first, stop = max(window.start, span.start), min(window.stop, span.stop)
            if first >= stop:
                continue
            root = self.gathering.read_root(number)
            assert root is not None
            yield number, (first, np.array(root[first - span.start : stop - span.start, 4:]))
            forget_pages(root)


def find_centre(cameras: Cameras) -> Float[np.ndarray, "3"]:
    """Return where the first camera stands at first."""
    pose = torch.from_numpy(np.asarray(cameras.T_cam_world[0, 0], np.float64))
    return -(quaternion_to_matrix(pose[:4]).T @ pose[4:]).numpy()


def lay_over(motion: BodyMotion, people: Sequence[int], window: slice, moved: Moved) -> None:
    """Put what has moved in the place of what was there.

    Args:
        motion: Of `people` in a window; the arrays of its poses are written to.
        people: Who.
        window: Frames.
        moved: What has moved, there or elsewhere.
    """
    first, stop = max(window.start, moved.first), min(window.stop, moved.stop)
    if first >= stop:
        return
    there, own = (slice(first - at, stop - at) for at in (window.start, moved.first))
    for row, number in enumerate(people):
        if number not in moved.people:
            continue
        other = moved.people.index(number)
        known = moved.motion.confidence[other, own] > 0
        for name in ("T_world_root", "R_parent_joint"):
            array, new = getattr(motion, name), getattr(moved.motion, name)
            array[row, there][known] = new[other, own][known]


def _blank(motion: BodyMotion) -> BodyMotion:
    """Return a motion without a pose."""
    return replace(
        motion,
        T_world_root=np.full_like(motion.T_world_root, np.nan),
        R_parent_joint=np.full_like(motion.R_parent_joint, np.nan),
    )
