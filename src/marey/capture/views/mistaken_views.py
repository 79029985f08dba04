"""Which mistake explains a camera that agrees with nobody: two videos exchanged, or one mirrored.

Two cameras that have each other's videos may still agree with each other, on somebody where nobody
is. So a camera that the others do not confirm is looked at as if it had another one's calibration,
or as if its picture were flipped; with the true explanation it joins the others. A short stretch
and a few of the cameras that agree are enough for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from marey.capture.pipeline import Seen
from marey.capture.rig.common_clock import Steps
from marey.capture.views.associate import AssociationOptions
from marey.capture.views.crowd_in_views import gather_crowd
from marey.capture.views.triangulate import triangulate_keypoints
from marey.capture.views.view_quality import judge_views
from marey.core import Cameras, Keypoints2D, Tracks
from marey.core.errors import NothingFoundError

_MOMENTS = 24
_MOST_TRUSTED, _MOST_DOUBTED = 5, 6
_CONFIRMED = 0.5
"""Share of what a camera sees that the others have to confirm."""
_GAIN = 0.3
"""By how much the cameras' support has to grow in sum; nobody's may fall by a third of that."""
_FEW_CAMERAS, _SURE_OF_FEW = 4, 0.75
"""Of so few cameras two may agree by chance on what a third partly confirms."""
_ENOUGH, _SURE = 50, 0.5

_PADDING_PX = 16
"""Pictures may lack a part of a block in which video is coded."""

Kind = Literal["exchanged", "mirrored"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with the videos of some cameras."""

    kind: Kind
    views: tuple[int, ...]
    """Two that are exchanged, or one that is mirrored."""

    def describe(self, names: Sequence[str]) -> str:
        """Return a sentence about it."""
        which = " and ".join(names[view] for view in self.views)
        if self.kind == "exchanged":
            return (
                f"the videos of {which} look exchanged for each other: each agrees with the other "
                "cameras by the calibration of the other one; both are left out, give them in the "
                "other order or exchange their names"
            )
        return (
            f"the video of {which} looks mirrored: flipped back it agrees with the other cameras; "
            "it is left out, flip it back and solve again"
        )


@dataclass(frozen=True, slots=True)
class _Confirmed:
    """How far cameras are confirmed by others."""

    share: Float[np.ndarray, "C"]
    """Of what a camera sees for certain, what any other confirms."""
    support: Float[np.ndarray, "C"]
    """The same, each keypoint as far as all others confirm it: ghosts have two cameras only."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """A stretch of a recording by some of its cameras."""

    views: tuple[Seen, ...]
    cameras: Cameras
    clock: Float[np.ndarray, "T"]
    steps: tuple[Steps, ...]
    options: AssociationOptions | None

    def confirm(self) -> _Confirmed:
        """Find who is who, and how far cameras are confirmed then."""
        try:
            crowd = gather_crowd(
                self.views, self.cameras, self.clock, self.steps, options=self.options
            )
        except NothingFoundError:
            nothing = np.zeros(len(self.views))
            return _Confirmed(nothing, nothing)
        return _confirm(crowd.keypoints, self.cameras, crowd.num_seen.astype(np.float64))

    def apply(self, mistake: Mistake) -> "_Scene":
        """Return the scene with a mistake undone."""
        if mistake.kind == "mirrored":
            (view,) = mistake.views
            width = int(self.cameras.size[view, 0])
            views = [
                _flip(own, width) if row == view else own for row, own in enumerate(self.views)
            ]
            return replace(self, views=tuple(views))
        order = np.arange(len(self.views))
        order[list(mistake.views)] = mistake.views[::-1]
        return replace(self, cameras=_reorder(self.cameras, order))


def find_mistakes(
    views: Sequence[Seen],
    cameras: Cameras,
    clock: Float[np.ndarray, "T"],
    steps: Sequence[Steps],
    *,
    keypoints: Keypoints2D | None = None,
    num_seen: Int[np.ndarray, "C"] | None = None,
    options: AssociationOptions | None = None,
) -> tuple[Mistake, ...]:
    """Find out which cameras have another one's video or a mirrored one.

    Args:
        views: What each camera saw.
        cameras: The views' cameras, with a pose at all times.
        clock: The moments, s.
        steps: Where they lie among each view's frames.
        keypoints: Everyone in all views, as associated; None if no two cameras agree on anybody.
        num_seen: How many keypoints each view saw before it was asked whose they are.
        options: When somebody is there.

    Returns:
        What explains cameras that the others do not confirm; nothing where all is well, or where
        no such mistake makes it better.
    """
    seeing = np.array([bool(seen.people) for seen in views])
    confirmed = _Confirmed(np.zeros(len(views)), np.zeros(len(views)))
    if keypoints is not None and num_seen is not None:
        sample = _thin(keypoints)
        num = num_seen * len(sample.time) / max(len(keypoints.time), 1)
        thin = _thin_cameras(cameras, len(keypoints.time))
        confirmed = _confirm(sample, thin, num)
    few = seeing.sum() <= _FEW_CAMERAS
    doubtful = confirmed.support < _SURE_OF_FEW if few else confirmed.share < _CONFIRMED
    doubted = np.flatnonzero(seeing & doubtful)
    if not len(doubted):
        return ()
    trusted = np.flatnonzero(seeing & ~doubtful)
    if few or len(trusted) <= len(doubted):
        # Which of them are right is the question.
        doubted, trusted = np.flatnonzero(seeing), np.zeros(0, int)
    doubted = doubted[:_MOST_DOUBTED]
    trusted = trusted[np.argsort(-confirmed.share[trusted], kind="stable")][:_MOST_TRUSTED]
    rows = np.sort(np.concatenate([doubted, trusted]))
    if len(rows) < 2:
        return ()
    scene = _cut(views, cameras, clock, steps, rows, options)
    doubts = [int(np.flatnonzero(rows == view)[0]) for view in doubted]
    return tuple(
        replace(mistake, views=tuple(int(rows[view]) for view in mistake.views))
        for mistake in _explain(scene, doubts)
    )


def leave_out(views: Sequence[Seen], mistakes: Sequence[Mistake]) -> list[Seen]:
    """Return the views without what the mistaken ones say."""
    wrong = {view for mistake in mistakes for view in mistake.views}
    return [
        replace(seen, people=(), tracks=Tracks(time=seen.tracks.time, tracks=()))
        if row in wrong
        else seen
        for row, seen in enumerate(views)
    ]


def _explain(scene: _Scene, doubted: list[int]) -> list[Mistake]:
    """Undo one mistake after the other, each time the one that brings most together."""
    found, before = [], scene.confirm()
    while doubted:
        tried = [Mistake("mirrored", (view,)) for view in doubted]
        size = scene.cameras.size
        tried += [
            Mistake("exchanged", pair)
            for pair in combinations(doubted, 2)
            if (np.abs(size[pair[0]] - size[pair[1]]) < _PADDING_PX).all()
        ]
        best: tuple[float, Mistake, _Confirmed] | None = None
        for mistake in tried:
            now = scene.apply(mistake).confirm()
            gained = now.support - before.support
            helps = gained.sum() >= _GAIN and gained.min() > -_GAIN / 3
            if not helps or now.share[list(mistake.views)].min() < _CONFIRMED:
                continue
            total = float(now.support.sum())
            if best is None or total > best[0]:
                best = total, mistake, now
        if best is None:
            return found
        _, mistake, before = best
        scene = scene.apply(mistake)
        found.append(mistake)
        doubted = [view for view in doubted if view not in mistake.views]
    return found


def _confirm(
    keypoints: Keypoints2D, cameras: Cameras, num_own: Float[np.ndarray, "C"]
) -> _Confirmed:
    """Compare what cameras see with what the others see.

    Nothing of those counts who are apart from most: two that are exchanged may agree on a ghost.
    """
    found = triangulate_keypoints(keypoints, cameras)
    apart = np.array([own.apart for own in judge_views(keypoints, found, cameras)])
    sure = (keypoints.confidence > _SURE) & keypoints.valid
    agrees = found.inlier & sure & ~apart[:, None, None, None]
    others = np.maximum(agrees.sum(0) - 1, 0) / max(len(cameras.names) - 1, 1)
    own = np.maximum(num_own, 1)
    share, support = agrees.sum((1, 2, 3)) / own, (agrees * others).sum((1, 2, 3)) / own
    enough = num_own >= _ENOUGH
    return _Confirmed(np.where(enough, share, 1.0), np.where(enough, support, 1.0))


def _cut(
    views: Sequence[Seen],
    cameras: Cameras,
    clock: Float[np.ndarray, "T"],
    steps: Sequence[Steps],
    rows: np.ndarray,
    options: AssociationOptions | None,
) -> _Scene:
    """Return some cameras over the stretch in which they see most."""
    part = _choose_stretch([views[row] for row in rows], [steps[row] for row in rows])
    own = _reorder(cameras, rows)
    if own.T_cam_world.shape[1] > 1:
        own = replace(own, T_cam_world=own.T_cam_world[:, part])
    short = [
        Steps(
            before=steps[row].before[part],
            after=steps[row].after[part],
            share=steps[row].share[part],
        )
        for row in rows
    ]
    return _Scene(tuple(views[row] for row in rows), own, clock[part], tuple(short), options)


def _choose_stretch(views: Sequence[Seen], steps: Sequence[Steps]) -> slice:
    there = np.zeros(len(steps[0].before))
    for seen, own in zip(views, steps, strict=True):
        present = np.zeros(len(seen.clip.time) + 1)
        for person in seen.people:
            present[person.start : person.stop] = 1.0
        # Moments without a frame read the last entry, where nobody is.
        there += present[own.nearest]
    summed = np.concatenate([[0.0], np.cumsum(there)])
    length = min(_MOMENTS, len(there))
    start = int(np.argmax(summed[length:] - summed[: len(summed) - length]))
    return slice(start, start + length)


def _thin(keypoints: Keypoints2D) -> Keypoints2D:
    """Return a regular sample of the moments."""
    frames = _sample(len(keypoints.time))
    return replace(
        keypoints,
        time=keypoints.time[frames],
        position=keypoints.position[:, :, frames],
        confidence=keypoints.confidence[:, :, frames],
        sigma=None if keypoints.sigma is None else keypoints.sigma[:, :, frames],
    )


def _thin_cameras(cameras: Cameras, num_frames: int) -> Cameras:
    if cameras.T_cam_world.shape[1] == 1:
        return cameras
    return replace(cameras, T_cam_world=cameras.T_cam_world[:, _sample(num_frames)])


def _sample(num_frames: int) -> slice:
    return slice(None, None, max(1, num_frames // (4 * _MOMENTS)))


def _reorder(cameras: Cameras, order: np.ndarray) -> Cameras:
    """Return cameras in another order; names and clocks are the videos' and stay."""
    chosen = np.sort(order)
    return replace(
        cameras,
        names=tuple(cameras.names[row] for row in chosen),
        K=cameras.K[order],
        distortion=cameras.distortion[order],
        T_cam_world=cameras.T_cam_world[order],
        size=cameras.size[order],
        time_offset=cameras.time_offset[chosen],
    )


def _flip(seen: Seen, width: int) -> Seen:
    """Return what would have been seen in a flipped picture; a left hand is a right one there."""
    people = []
    for person in seen.people:
        block = person.keypoints2d[0]
        other = list(block.skeleton.mirror)
        position = block.position[..., other, :].copy()
        position[..., 0] = width - position[..., 0]
        flipped = replace(
            block,
            position=position,
            confidence=block.confidence[..., other],
            sigma=None if block.sigma is None else block.sigma[..., other],
        )
        people.append(replace(person, keypoints2d=(flipped, *person.keypoints2d[1:])))
    return replace(seen, people=tuple(people))
