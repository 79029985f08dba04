"""How well several cameras agree: distances of what each sees from the points in space.

A camera agrees with a point where a keypoint it is sure of lies within the reach that triangulation
allows (`marey.geometry.triangulation`). What stays in memory is a few numbers per camera and frame.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from marey.capture.rig.camera_paths import fill_poses
from marey.core import Cameras, Person, Skeleton, Take
from marey.evaluate.quality import Distribution
from marey.geometry.triangulation import TriangulationOptions
from marey.view.report.camera_faults import CameraFault, find_camera_faults
from marey.view.report.parts import is_finger, part_of
from marey.view.report.posing import Stretch, project, stretches

SURE = TriangulationOptions().min_confidence
"""Confidence above which a keypoint speaks for or against a camera."""
REACH = 2 * TriangulationOptions().max_error
"""Distance within which a view agrees, on the plane one metre ahead."""
BLIND, BLIND_MOMENT = 50, 6
"""Keypoints below which nothing can be said about a camera: in all, and in a single picture."""
WEAK = 0.85
"""Share of agreeing keypoints below which a camera is doubtful."""
WORSE = 2.5
"""How many times further off than its fellows a doubtful camera is."""
LEAST_M = 0.02
"""Median distance at the person below which no camera is doubted for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFigures:
    """What is known of C cameras."""

    names: tuple[str, ...]
    error_px: Float[np.ndarray, "C T"]
    """Mean distance of sure keypoints of all people to their points' images; NaN without any."""
    num_seen: Int[np.ndarray, "C"]
    """Keypoints that each camera is sure of."""
    frames_seen: Float[np.ndarray, "C"]
    """Share of the take's frames in which it is sure of anything."""
    agreeing: Float[np.ndarray, "C"]
    """Share of those with a point in space that agree with it; NaN without any."""
    median_px: Float[np.ndarray, "C"]
    high_px: Float[np.ndarray, "C"]
    """95 % lie below."""
    median_m: Float[np.ndarray, "C"]
    """The median distance, at the person."""
    keypoints: tuple[str, ...]
    """Of the body, those that any camera ever sees."""
    agreed_by: Float[np.ndarray, "K C1"]
    """Share of the moments at which 0, 1, ... C cameras agree on each, of those where a person is
    there."""
    faults: tuple[CameraFault | None, ...]
    """What each camera does wrong all the time."""
    left_out: tuple[bool, ...]
    """Whether the solve left the camera out, since its video was mistaken for another."""

    @property
    def doubtful(self) -> list[int]:
        """The cameras that disagree with the others, or see too little to say."""
        return [view for view in range(len(self.names)) if self._is_doubtful(view)]

    def is_blind(self, view: int) -> bool:
        """Tell whether a camera sees too little to be judged."""
        least = min(BLIND, BLIND_MOMENT * self.error_px.shape[1])
        return bool(self.num_seen[view] < least)

    def _is_doubtful(self, view: int) -> bool:
        if self.is_blind(view) or not self.agreeing[view] >= WEAK:
            return True
        others = np.delete(self.median_m, view)
        usual = float(np.nanmedian(others)) if np.isfinite(others).any() else np.nan
        return bool(self.median_m[view] > max(WORSE * usual, LEAST_M))


def measure_cameras(
    take: Take, *, advance: Callable[[int], None] = lambda frames: None
) -> CameraFigures | None:
    """Compare all cameras of a take; None if it has but one, or no points in space.

    Args:
        take: The take.
        advance: Called with the number of frames finished.
    """
    cameras = take.cameras
    if cameras is None or len(cameras.names) < 2:
        return None
    people = [p for p in take.people if _is_complete(p, len(cameras.names))]
    if not people:
        return None
    counter = _Counter(take, cameras, people[0])
    for person in people:
        for stretch in stretches(person.num_frames):
            counter.add(person, stretch)
            advance(stretch.frames.stop - stretch.frames.start)
    figures = counter.finish()
    doubtful = figures.doubtful
    faults = find_camera_faults(take, people, counter.columns, doubtful=doubtful)
    return replace(figures, faults=faults, left_out=_find_left_out(take, cameras.names))


def _find_left_out(take: Take, names: Sequence[str]) -> tuple[bool, ...]:
    views = take.provenance.get("views")
    table = views if isinstance(views, Mapping) else {}
    rows = (table.get(name) for name in names)
    return tuple(isinstance(row, Mapping) and "left_out" in row for row in rows)


def body_columns(skeleton: Skeleton) -> Int[np.ndarray, "K"]:
    """Return the keypoints of a skeleton that are of the body, the head and the feet."""
    names = skeleton.keypoints
    kept = [k for k, n in enumerate(names) if part_of(n) != "other" and not is_finger(n)]
    return np.array(kept or range(len(names)), np.int64)


def _is_complete(person: Person, num_views: int) -> bool:
    points = person.keypoints3d
    if points is None or points.frame != "world" or len(person.keypoints2d) != num_views:
        return False
    own = points.skeleton.keypoints
    return all(block.skeleton.keypoints == own for block in person.keypoints2d)


class _Counter:
    """Collects what all people say about the cameras."""

    def __init__(self, take: Take, cameras: Cameras, first: Person):
        assert first.keypoints3d is not None
        self._cameras, self._names = cameras, cameras.names
        # Where a moving camera has no pose it sees nothing, and any depth will do.
        self._poses = fill_poses(cameras)[0].T_cam_world
        num, length = len(cameras.names), len(take.time)
        skeleton = first.keypoints3d.skeleton
        self.columns = body_columns(skeleton)
        self._keypoints = tuple(skeleton.keypoints[k] for k in self.columns)
        self._focal = np.sqrt(cameras.K[:, 0, 0] * cameras.K[:, 1, 1]).astype(np.float64)
        self._total, self._count = np.zeros((num, length)), np.zeros((num, length), np.int64)
        self._px, self._m = Distribution(num), Distribution(num)
        self._agreeing, self._known = np.zeros(num, np.int64), np.zeros(num, np.int64)
        self._seen, self._any = np.zeros(num, np.int64), np.zeros((num, length), bool)
        self._ever = np.zeros(len(self.columns), bool)
        self._agreed = np.zeros((len(self.columns), num + 1), np.int64)

    def add(self, person: Person, stretch: Stretch) -> None:
        """Count some frames of one person."""
        assert person.keypoints3d is not None
        frames = stretch.frames
        points = person.keypoints3d.position[0, frames][:, self.columns].astype(np.float64)
        here = slice(person.start + frames.start, person.start + frames.stop)
        votes, there = np.zeros(points.shape[:2], np.int64), np.zeros(len(points), bool)
        for view in range(len(self._names)):
            block = person.keypoints2d[view]
            seen = block.position[0, frames][:, self.columns].astype(np.float64)
            sure = block.confidence[0, frames][:, self.columns] > SURE
            sure &= np.isfinite(seen).all(-1)
            image = project(points, self._cameras, person, frames=frames, view=view)
            off = np.where(sure, np.linalg.norm(image - seen, axis=-1), np.nan)
            known = np.isfinite(off)
            agrees = known & (off < REACH * self._focal[view])
            depth = self._depth(points, person, frames, view)
            column = np.full(off.shape[1], view)
            self._px.add(off, column)
            self._m.add(off * depth / self._focal[view], column)
            self._total[view, here] += np.where(known, off, 0).sum(1)
            self._count[view, here] += known.sum(1)
            self._agreeing[view] += agrees.sum()
            self._known[view] += known.sum()
            self._seen[view] += sure.sum()
            self._any[view, here] |= sure.any(1)
            self._ever |= sure.any(0)
            votes += agrees
            there |= sure.any(1)
        for row in range(len(self.columns)):
            self._agreed[row] += np.bincount(votes[there, row], minlength=len(self._names) + 1)

    def finish(self) -> CameraFigures:
        """Return the figures."""
        total = np.maximum(self._agreed.sum(1, keepdims=True), 1)
        # What a detector does not know at all says nothing about cameras.
        known = self._ever
        with np.errstate(invalid="ignore", divide="ignore"):
            error, agreeing = self._total / self._count, self._agreeing / self._known
        return CameraFigures(
            names=self._names,
            error_px=error,
            num_seen=self._seen,
            frames_seen=self._any.mean(1) if self._any.shape[1] else np.zeros(len(self._names)),
            agreeing=agreeing,
            median_px=self._px.quantile(0.5),
            high_px=self._px.quantile(0.95),
            median_m=self._m.quantile(0.5),
            keypoints=tuple(n for n, k in zip(self._keypoints, known, strict=True) if k),
            agreed_by=(self._agreed / total)[known],
            faults=(None,) * len(self._names),
            left_out=(False,) * len(self._names),
        )

    def _depth(
        self, points: Float[np.ndarray, "L K 3"], person: Person, frames: slice, view: int
    ) -> Float[np.ndarray, "L K"]:
        poses = self._poses[view]
        if len(poses) > 1:
            poses = poses[person.start + frames.start : person.start + frames.stop]
        forward = Rotation.from_quat(poses[:, :4], scalar_first=True).as_matrix()[:, 2]
        return (points * forward[:, None]).sum(-1) + poses[:, None, 6]
