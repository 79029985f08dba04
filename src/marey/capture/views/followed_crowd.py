"""Everyone who is followed through a clip in space, frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from marey.capture.frame_points import (
    CandidateFrames,
    FramePoints,
    PoseFrames,
    spread_of_keypoints,
)
from marey.capture.views.followed_in_space import (
    Followed,
    find_overlaps,
    hint_from_views,
    join_pieces,
)
from marey.capture.views.match_views import (
    assign_candidates,
    assign_poses,
    find_unused,
    reprojection_costs,
)
from marey.capture.views.newcomers import Finder, Newcomer, group_poses
from marey.geometry.triangulation import TriangulationOptions, triangulate

_REACH_M = 0.15
"""Two people whose keypoints are nearer than this are one."""

_NEAR_FRAMES = 5

_LENIENT = TriangulationOptions(
    min_confidence=0.02, max_error=0.015, in_front=True, strict=True, workers=1
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationOptions:
    """When somebody is there."""

    fewest_keypoints: int = 6
    """Keypoints on which two views have to agree for a newcomer, or all there are if fewer."""
    max_gap: float = 1.0
    """Longest time without two views that agree through which a person stays the same, s."""
    min_duration: float = 0.25
    """Shortest appearance that is believed, s, where the clip is longer than that."""
    speed: float = 1.5
    """How fast people may walk while nobody sees them, m/s."""
    max_people: int = 100


class FollowedCrowd:
    """Everyone who is followed, frame by frame."""

    def __init__(self, frames: PoseFrames | CandidateFrames, options: AssociationOptions):
        """Begin with nobody."""
        self._time, self._options = frames.time, options
        self._spread = spread_of_keypoints(frames.skeleton)
        self._fewest = min(options.fewest_keypoints, len(frames.skeleton))
        self._finder = Finder(frames.skeleton, self._spread, fewest=self._fewest)
        self._present: list[Followed] = []
        self._gone: list[Followed] = []

    def take_in(self, frame: int, points: FramePoints, pose: Float[np.ndarray, "C 3 4"]) -> None:
        """Assign a frame's points, then look for newcomers among the rest."""
        step = float(self._time[frame] - self._time[frame - 1]) if frame else 0.0
        index = np.full((0, *points.ray.shape[:2]), -1)
        if self._present:
            index = self._assign(points, pose, step)
            self._update(frame, points, pose, index, step)
        self._welcome(frame, points, pose, find_unused(points, index))
        self._part(frame)

    def finish(self) -> list[Followed]:
        """Return everyone who was there long enough, pieces joined."""
        people = [person for person in self._gone + self._present if person.frames]
        options, time = self._options, self._time
        joined = join_pieces(people, time, max_gap=options.max_gap, speed=options.speed)
        clip = float(time[-1] - time[0]) if len(time) else 0.0
        shortest = min(options.min_duration, 0.5 * clip)
        kept = [p for p in joined if time[p.frames[-1]] - time[p.frames[0]] >= shortest]
        return sorted(kept, key=lambda person: person.frames[0])[: options.max_people]

    def _assign(
        self, points: FramePoints, pose: Float[np.ndarray, "C 3 4"], step: float
    ) -> Int[np.ndarray, "N C K"]:
        expected, sigma = _stack([person.expect(step) for person in self._present])
        costs = reprojection_costs(points, expected, sigma, self._spread, pose)
        if not points.whole:
            known = np.asarray(np.isfinite(expected).all(-1))
            return assign_candidates(points, costs, known)
        before = np.stack([person.index[-1].max(1, initial=-1) for person in self._present]).astype(
            int
        )
        return assign_poses(points, costs, before)

    def _update(
        self,
        frame: int,
        points: FramePoints,
        pose: Float[np.ndarray, "C 3 4"],
        index: Int[np.ndarray, "N C K"],
        step: float,
    ) -> None:
        measured, ray, inlier = self._triangulate(points, pose, index)
        expected = np.stack([person.expect(step)[0] for person in self._present])
        hinted = hint_from_views(expected, ray, pose)
        for row, person in enumerate(self._present):
            person.learn(expected[row], measured[row], hinted[row], step)
            person.forget_stretched(self._finder.edges, self._finder.longest)
            if np.isfinite(measured[row]).all(-1).sum() >= min(self._fewest, 3):
                person.last = frame
            own = index[row]
            if not points.whole:
                # A candidate that its fellows contradict is not this person's.
                wrong = np.isfinite(measured[row, :, 0]) & ~inlier[:, row]
                own = np.where(wrong, -1, own)
                index[row] = own
            person.record(frame, own)

    def _triangulate(
        self, points: FramePoints, pose: Float[np.ndarray, "C 3 4"], index: Int[np.ndarray, "N C K"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        num_views, num_keypoints = points.ray.shape[:2]
        view, keypoint = np.arange(num_views)[:, None], np.arange(num_keypoints)
        slot = np.maximum(index, 0)
        given = index >= 0
        ray = np.where(given[..., None], points.ray[view, keypoint, slot], np.nan).swapaxes(0, 1)
        score = np.where(given, points.score[view, keypoint, slot], 0.0).swapaxes(0, 1)
        stated = points.sigma[view, keypoint, slot].swapaxes(0, 1)
        sigma = np.where(np.isfinite(stated), stated, self._spread / 4)
        found = triangulate(ray, score, pose[:, None], sigma=sigma, options=_LENIENT)
        doubtful = found.sigma > 0.3
        position = np.where(doubtful[..., None], np.nan, found.position)
        return position, ray, found.inlier

    def _welcome(self, frame: int, points: FramePoints, pose: np.ndarray, free: np.ndarray) -> None:
        views, poses = group_poses(points, free, min(self._fewest, 4))
        for newcomer in self._finder.find(points, views, poses, pose):
            others = [person.position for person in self._present]
            overlap = find_overlaps(
                np.stack([newcomer.position, *others]), 2 * _REACH_M, self._finder.trunk
            )
            if overlap[0].any() or len(self._present) >= self._options.max_people:
                continue
            if self._complete(newcomer):
                continue
            person = Followed.begin(newcomer, frame)
            person.forget_stretched(self._finder.edges, self._finder.longest)
            person.record(frame, newcomer.index)
            self._present.append(person)

    def _complete(self, newcomer: Newcomer) -> bool:
        """Give a newcomer to the person of whom it is the missing part, if there is one."""
        for person in self._present:
            if self._finder.completes(newcomer, person.position, person.age):
                person.adopt(newcomer)
                return True
        return False

    def _part(self, frame: int) -> None:
        """Let go of who is lost, and of who turns out to be somebody else or a part of them."""
        self._count_doubles()
        staying = []
        for person in self._present:
            if person.part >= _NEAR_FRAMES and self._merge(person, staying):
                self._gone.append(person)
            elif self._time[frame] - self._time[person.last] > 0.5 * self._options.max_gap:
                self._gone.append(_cut(person))
            elif person.near < _NEAR_FRAMES:
                staying.append(person)
        self._present = staying

    def _count_doubles(self) -> None:
        if len(self._present) < 2:
            return
        overlap = find_overlaps(
            np.stack([p.position for p in self._present]), _REACH_M, self._finder.trunk
        )
        for row, person in enumerate(self._present):
            older = self._present[:row]
            person.near = person.near + 1 if overlap[row, :row].any() else 0
            part = person.as_part()
            double = any(self._finder.completes(part, o.position, o.age) for o in older)
            person.part = person.part + 1 if double else 0

    def _merge(self, person: Followed, others: Sequence[Followed]) -> bool:
        part = person.as_part()
        for other in others:
            if self._finder.completes(part, other.position, other.age):
                other.adopt(part)
                return True
        return False


def _cut(person: Followed) -> Followed:
    """Drop the frames after the last in which two views agreed."""
    keep = sum(frame <= person.last for frame in person.frames)
    person.frames, person.index = person.frames[:keep], person.index[:keep]
    person.middle = person.middle[:keep]
    return person


def _stack(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
) -> tuple[Float[np.ndarray, "N K 3"], Float[np.ndarray, "N K"]]:
    return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])
