"""Feet that stand still in the picture stand still in space.

One view hardly tells how far away a person is, so a standing person's depth wanders by decimetres
while the picture does not change. With a camera that stands still, a foot point that rests in the
image rests in space. Each such rest holds the point at its median place of the first solution; a
foot that creeps is held in pieces, so that slow movements survive as small steps for the sequence
prior to smooth.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.ndimage import uniform_filter1d

from marey.capture.observe import Observation
from marey.core.scratch import Scratch, chunks
from marey.fit.chain import Chain, Pose, place
from marey.fit.costs import PointAnchor
from marey.fit.windows import runs

_FOOT_POINTS = ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
_STILL_SPEED = 0.25
"""Speed across the view below which a foot point rests, m/s."""
_STEADY = 0.2
"""Time over which positions are averaged before their speed is taken, s; a far person's keypoints
tremble by centimetres."""
_CREEP = 0.06
"""How far across the view a rest may creep before it is taken for a new one, m."""
_SHORTEST = 0.15
"""Shortest rest worth holding, s."""
_SIGMA = 0.02
"""How exactly a resting point is held, m."""
_BLOCK = 8192
"""Frames in which rests are looked for together; a rest that goes on beyond becomes two."""


def plant_feet(
    chain: Chain,
    poses: Pose,
    observation: Observation,
    time: Float[np.ndarray, "L"],
    *,
    scratch: Scratch | None = None,
) -> PointAnchor | None:
    """Return anchors for the feet that rest, or None if no foot ever does.

    Args:
        chain: The body chain.
        poses: The first solution; NaN where not solved.
        observation: The keypoints, to know where a foot was seen.
        time: Time of each frame, s.
        scratch: Where the arrays of a long span lie.
    """
    scratch = scratch or Scratch()
    columns = [chain.points.index(name) for name in _FOOT_POINTS if name in chain.points]
    shape, held = (len(time), len(columns), 3), False
    target, weight = scratch.empty("rest.target", shape), scratch.empty("rest.weight", shape)
    for block in chunks(len(time), _BLOCK):
        points = _foot_points(chain, poses, block, columns)
        seen = (observation.image_weight[block][:, columns] > 0).numpy()
        target[block], weight[block] = hold_rests(points, seen, time[block])
        held = held or bool(weight[block].any())
    if not held:
        return None
    return PointAnchor(
        point=torch.tensor(columns),
        target=torch.from_numpy(target),
        weight=torch.from_numpy(weight),
    )


def hold_rests(
    points: Float[np.ndarray, "L G 3"],
    seen: Bool[np.ndarray, "L G"],
    time: Float[np.ndarray, "L"],
) -> tuple[Float[np.ndarray, "L G 3"], Float[np.ndarray, "L G 3"]]:
    """Return where each foot point is to be held, and the weights (1/m), 0 where it is free.

    Args:
        points: Places of the points in camera axes, m; NaN where not solved.
        seen: Frames in which each was seen.
        time: Time of each frame, s.
    """
    target, weight = np.zeros_like(points), np.zeros_like(points)
    known = seen & np.isfinite(points).all(-1)
    for column in range(points.shape[1]):
        for rest in find_rests(points[:, column], known[:, column], time):
            target[rest, column] = np.median(points[rest, column], axis=0)
            weight[rest, column] = 1 / _SIGMA
    return target, weight


def _foot_points(
    chain: Chain, poses: Pose, block: slice, columns: list[int]
) -> Float[np.ndarray, "L G 3"]:
    parts = [
        place(chain, poses[block.start + part.start : block.start + part.stop]).points[:, columns]
        for part in chunks(block.stop - block.start)
    ]
    return torch.cat(parts).numpy().astype(np.float64)


def find_rests(
    points: Float[np.ndarray, "L 3"],
    seen: Bool[np.ndarray, "L"],
    time: Float[np.ndarray, "L"],
) -> list[slice]:
    """Return the spans of frames in which one point rests in the image.

    Args:
        points: Places of the point in camera axes, m.
        seen: Frames in which it was seen.
        time: Time of each frame, s.
    """
    if len(points) < 3 or not seen.any():
        return []
    clock = np.maximum.accumulate(time + np.arange(len(time)) * 1e-9)
    across = _steady(_across(points, seen, clock), clock)
    speed = np.linalg.norm(np.gradient(across, clock, axis=0), axis=-1)
    still = seen & (speed < _STILL_SPEED)
    pieces = [piece for run in runs(still) for piece in _split_creep(across, run)]
    return [piece for piece in pieces if time[piece.stop - 1] - time[piece.start] >= _SHORTEST]


def _across(
    points: Float[np.ndarray, "L 3"],
    seen: Bool[np.ndarray, "L"],
    clock: Float[np.ndarray, "L"],
) -> Float[np.ndarray, "L 2"]:
    """Image positions in metres at the point's typical distance, so that its depth is no matter."""
    depth = np.maximum(points[:, 2:], 0.1)
    image = points[:, :2] / depth * np.median(depth[seen])
    # Unseen frames lie on the way; they only keep the average beside them finite.
    columns = [np.interp(clock, clock[seen], column[seen]) for column in image.T]
    return np.stack(columns, -1)


def _steady(
    across: Float[np.ndarray, "L 2"], clock: Float[np.ndarray, "L"]
) -> Float[np.ndarray, "L 2"]:
    width = max(3, round(_STEADY / max(float(np.median(np.diff(clock))), 1e-6)))
    return uniform_filter1d(across, width, axis=0, mode="nearest")


def _split_creep(across: Float[np.ndarray, "L 2"], run: slice) -> list[slice]:
    pieces, start = [], run.start
    for frame in range(run.start, run.stop):
        if np.linalg.norm(across[frame] - across[start]) > _CREEP:
            pieces.append(slice(start, frame))
            start = frame
    return [*pieces, slice(start, run.stop)]
