"""Feet that stand still in what was seen stand still in space.

A foot point that rests is held at its median place of a first solution; one that creeps is held in
pieces, so that slow movements survive as small steps for the sequence prior to smooth. How a rest
is told depends on what was seen:

- One view hardly tells how far away a person is, so a standing person's depth wanders by
  decimetres while the picture does not change. With a camera that stands still, a point that rests
  across the view rests in space.
- Several views tell places. But detectors see toes now higher and now lower as the leg moves, by
  centimetres and in all views alike, so that a standing foot seems to tilt. A foot that rests with
  heel and toe, and not much out of level, stands level; a toe's height hardly counts for whether it
  rests, while a heel that lifts does not rest any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.ndimage import uniform_filter1d
from torch import Tensor

from marey.core.scratch import Scratch, chunks
from marey.fit.chain import Chain, Pose, place
from marey.fit.costs import PointAnchor
from marey.fit.windows import runs

FOOT_POINTS = ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
"""Points of the sole that are held: neighbours are heel and toe of one foot."""
_STILL_SPEED = 0.25
"""Speed below which a foot point rests, m/s."""
_STEADY = 0.2
"""Time over which positions are averaged before their speed is taken, s; a far person's keypoints
tremble by centimetres."""
_CREEP = 0.06
"""How far a rest may creep before it is taken for a new one, m."""
_SHORTEST = 0.15
"""Shortest rest worth holding, s."""
_BRIDGED = 0.1
"""Longest moment for which a rest in space may seem to move, s."""
_HEEL_HEIGHT, _TOE_HEIGHT = 2.0, 0.5
"""What heights count for in rests of feet that stand level, ways along the ground being 1."""
_LEVEL, _PITCHED = 0.15, 0.24
"""Angles from level, rad: a foot below the first is taken to stand level, one above the second (14
degrees) to stand as it is seen, on its toes or on a slope; in between, in part."""
_BLOCK = 8192
"""Frames in which rests are looked for together; a rest that goes on beyond becomes two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """How rests are told, and how they are held."""

    in_space: bool = False
    """Whether places are known, from several views; else, that they are across one view."""
    level: bool = False
    """Whether +Z is up, so that feet that rest stand level; with `in_space`."""
    sigma: float = 0.02
    """How exactly a resting point is held, m."""


def plant_feet(
    chain: Chain,
    poses: Pose,
    weight: Float[Tensor, "L K"],
    time: Float[np.ndarray, "L"],
    *,
    stance: Stance | None = None,
    scratch: Scratch | None = None,
) -> PointAnchor | None:
    """Return anchors for the feet that rest, or None if no foot ever does.

    Args:
        chain: The body chain.
        poses: The first solution; NaN where not solved.
        weight: Of the image points of the chain, 0 where no view saw one.
        time: Time of each frame, s.
        stance: How rests are told and held; as one view needs it if None.
        scratch: Where the arrays of a long span lie.
    """
    scratch, stance = scratch or Scratch(), stance or Stance()
    names = [name for name in FOOT_POINTS if name in chain.points]
    columns = [chain.points.index(name) for name in names]
    shape, held = (len(time), len(columns), 3), False
    target, stiffness = scratch.empty("rest.target", shape), scratch.empty("rest.weight", shape)
    whole = len(columns) == len(FOOT_POINTS)
    sole = _sole_heights(chain, poses, columns) if stance.level and whole else None
    for block in chunks(len(time), _BLOCK):
        points = _foot_points(chain, poses, block, columns)
        seen = (weight[block][:, columns] > 0).numpy()
        target[block], stiffness[block] = hold_rests(
            points, seen, time[block], names=names, stance=stance, sole=sole
        )
        held = held or bool(stiffness[block].any())
    if not held:
        return None
    return PointAnchor(
        point=torch.tensor(columns),
        target=torch.from_numpy(target),
        weight=torch.from_numpy(stiffness),
    )


def hold_rests(
    points: Float[np.ndarray, "L G 3"],
    seen: Bool[np.ndarray, "L G"],
    time: Float[np.ndarray, "L"],
    *,
    names: Sequence[str] = FOOT_POINTS,
    stance: Stance | None = None,
    sole: Float[np.ndarray, "G"] | None = None,
) -> tuple[Float[np.ndarray, "L G 3"], Float[np.ndarray, "L G 3"]]:
    """Return where each foot point is to be held, and the weights (1/m), 0 where it is free.

    Args:
        points: Places of the points, m; NaN where not solved.
        seen: Frames in which each was seen.
        time: Time of each frame, s.
        names: Of the points, in the order of `FOOT_POINTS`, all of which `sole` needs.
        stance: How rests are told and held; as one view needs it if None.
        sole: Height of each point in a foot that stands level, m, above anything common to them;
            feet are left as they are if None.
    """
    stance = stance or Stance()
    target, weight = np.zeros_like(points), np.zeros_like(points)
    known = seen & np.isfinite(points).all(-1)
    rests = [
        _rests_of(points[:, column], known[:, column], time, stance, heel=name.endswith("heel"))
        for column, name in enumerate(names)
    ]
    for column, found in enumerate(rests):
        for rest in found:
            target[rest, column] = np.median(points[rest, column], axis=0)
            weight[rest, column] = 1 / stance.sigma
    if sole is not None:
        resting = weight[..., 0] > 0
        for column, found in enumerate(rests):
            # Heel and toe of a foot are neighbours: 0 and 1, 2 and 3.
            for rest in found:
                target[rest, column, 2] += _lift(points, resting, sole, rest, column, column ^ 1)
    return target, weight


def _lift(
    points: Float[np.ndarray, "L G 3"],
    resting: Bool[np.ndarray, "L G"],
    sole: Float[np.ndarray, "G"],
    rest: slice,
    own: int,
    other: int,
) -> float:
    """Return how far one end of a foot goes up to meet the other half way, m."""
    both = rest.start + np.flatnonzero(resting[rest, own] & resting[rest, other])
    if len(both) < 3:
        return 0.0
    apart = points[both, other] - points[both, own]
    lift = float(np.median(apart[:, 2])) - float(sole[other] - sole[own])
    pitch = abs(lift) / max(float(np.median(np.linalg.norm(apart, axis=-1))), 1e-6)
    share = np.clip((_PITCHED - pitch) / (_PITCHED - _LEVEL), 0.0, 1.0)
    return float(share) * lift / 2


def _foot_points(
    chain: Chain, poses: Pose, block: slice, columns: list[int]
) -> Float[np.ndarray, "L G 3"]:
    parts = [
        place(chain, poses[block.start + part.start : block.start + part.stop]).points[:, columns]
        for part in chunks(block.stop - block.start)
    ]
    return torch.cat(parts).numpy().astype(np.float64)


def _sole_heights(chain: Chain, poses: Pose, columns: list[int]) -> Float[np.ndarray, "G"]:
    """Return how high points are in the rest pose, which stands level, with +Y up."""
    joint = chain.point_joint[columns]
    height = chain.template[joint, 1] + chain.point_offset[columns, 1]
    by_shape = chain.shapedirs[joint, 1] + chain.point_shapedirs[columns, 1]
    return (height + by_shape @ poses.shape[0]).numpy().astype(np.float64)


def _rests_of(
    points: Float[np.ndarray, "L 3"],
    known: Bool[np.ndarray, "L"],
    time: Float[np.ndarray, "L"],
    stance: Stance,
    *,
    heel: bool,
) -> list[slice]:
    if not known.any():
        return []
    if not stance.in_space:
        return find_rests(across_view(points, known), known, time)
    if not stance.level:
        return find_rests(points, known, time, bridged=_BRIDGED)
    judged = points * [1.0, 1.0, _HEEL_HEIGHT if heel else _TOE_HEIGHT]
    return find_rests(judged, known, time, creep=3 if heel else 2, bridged=_BRIDGED)


def across_view(
    points: Float[np.ndarray, "L 3"], seen: Bool[np.ndarray, "L"]
) -> Float[np.ndarray, "L 2"]:
    """Return image positions in m at a point's typical distance, so that its depth is no matter.

    Args:
        points: Places of the point in camera axes, m.
        seen: Frames in which it was seen, one at least.
    """
    depth = np.maximum(points[:, 2:], 0.1)
    return points[:, :2] / depth * np.median(depth[seen])


def find_rests(
    places: Float[np.ndarray, "L D"],
    seen: Bool[np.ndarray, "L"],
    time: Float[np.ndarray, "L"],
    *,
    creep: int | None = None,
    bridged: float = 0.0,
) -> list[slice]:
    """Return the spans of frames in which a point rests.

    Args:
        places: Where the point is, m, in as many coordinates as count.
        seen: Frames in which it was seen.
        time: Time of each frame, s.
        creep: How many of the coordinates count for creeping; all if None.
        bridged: Longest moment of movement within a rest, s.
    """
    if len(places) < 3 or not seen.any():
        return []
    clock = np.maximum.accumulate(time + np.arange(len(time)) * 1e-9)
    # Unseen frames lie on the way; they only keep the average beside them finite.
    on_way = np.stack([np.interp(clock, clock[seen], column[seen]) for column in places.T], -1)
    steady = _steady(on_way, clock)
    speed = np.linalg.norm(np.gradient(steady, clock, axis=0), axis=-1)
    still = seen & (speed < _STILL_SPEED)
    for gap in runs(seen & ~still):
        # At the ends of a clip as well, where speeds are worst known.
        before = gap.start == 0 or still[gap.start - 1]
        after = gap.stop == len(still) or still[gap.stop]
        if before and after and clock[gap.stop - 1] - clock[gap.start] < bridged:
            still[gap] = True
    pieces = [piece for run in runs(still) for piece in _split_creep(steady[:, :creep], run)]
    return [piece for piece in pieces if time[piece.stop - 1] - time[piece.start] >= _SHORTEST]


def _steady(
    places: Float[np.ndarray, "L D"], clock: Float[np.ndarray, "L"]
) -> Float[np.ndarray, "L D"]:
    width = max(3, round(_STEADY / max(float(np.median(np.diff(clock))), 1e-6)))
    return uniform_filter1d(places, width, axis=0, mode="nearest")


def _split_creep(places: Float[np.ndarray, "L D"], run: slice) -> list[slice]:
    pieces, start = [], run.start
    for frame in range(run.start, run.stop):
        if np.linalg.norm(places[frame] - places[start]) > _CREEP:
            pieces.append(slice(start, frame))
            start = frame
    return [*pieces, slice(start, run.stop)]
