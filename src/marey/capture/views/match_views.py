"""Which points of a frame are whose, given where people in space are expected.

Costs are squared distances between a point's ray and the expected keypoint, at its depth, in units
of what the detector and the expectation leave open (Mahalanobis). In each view every keypoint is
assigned at least total cost (Hungarian); part affinities enter as agreement with the neighbours of
the first round. Where a detector found whole people, they are assigned as wholes.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment

from marey.capture.frame_points import FramePoints

GATE = 16.0
"""Squared distance in sigmas beyond which a point is not that keypoint."""
_DOUBT = 8.0
"""What a candidate costs in addition whose affinities all speak against a person."""
_LEADS = 0.5
"""Affinity with a person's other points above which it alone gives a candidate to the person."""
_FEWEST_POINTS = 3
_POSE_GATE = 0.65
"""Mean cost, as a share of the gate, up to which a whole pose is a person's."""
_SAME_ROW = 0.1
"""What a pose costs less that was the person's in the frame before."""


def reprojection_costs(
    points: FramePoints,
    expected: Float[np.ndarray, "N K 3"],
    sigma: Float[np.ndarray, "N K"],
    spread: Float[np.ndarray, "K"],
    pose: Float[np.ndarray, "C 3 4"],
) -> Float[np.ndarray, "N C K D"]:
    """Return squared distances in sigmas; infinite where there is none to compare.

    Args:
        points: What the views hold.
        expected: Where people are expected, m; NaN where nothing is known.
        sigma: How well, m.
        spread: How far detectors are off, m.
        pose: World to camera.
    """
    local = np.einsum("cij,nkj->ncki", pose[:, :, :3], expected) + pose[:, None, :, 3]
    depth = local[..., 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        image = local[..., :2] / depth[..., None]
        apart = np.square(image[..., None, :] - points.ray).sum(-1) * np.square(depth)[..., None]
        stated = points.sigma * depth[..., None]
    off = np.where(np.isfinite(stated), stated, spread[:, None])
    costs = apart / (np.square(off) + np.square(sigma)[:, None, :, None])
    return np.where(np.isfinite(costs) & (depth > 0.05)[..., None], costs, np.inf)


def assign_candidates(
    points: FramePoints, costs: Float[np.ndarray, "N C K D"], known: Bool[np.ndarray, "N K"]
) -> Int[np.ndarray, "N C K"]:
    """Give candidates to people keypoint by keypoint.

    Args:
        points: What the views hold.
        costs: Of giving a candidate to a person.
        known: Keypoints that are expected somewhere; the others go where affinities lead.

    Returns:
        Slots; -1 where a person has none.
    """
    near = costs < GATE
    index = _assign_keypoints(np.where(near, costs, np.inf), points)
    led = ~known[:, None, :, None] & np.isfinite(points.ray[..., 0])
    for _ in range(2):
        support = _find_support(points, index, costs.shape)
        doubt = np.where(np.isfinite(support), _DOUBT * (1 - 2 * support), 0.0)
        total = np.where(near, costs + doubt, np.inf)
        total = np.where(led & (support > _LEADS), GATE / 2 + doubt, total)
        index = _assign_keypoints(total, points)
    return index


def _assign_keypoints(
    costs: Float[np.ndarray, "N C K D"], points: FramePoints
) -> Int[np.ndarray, "N C K"]:
    index = np.full(costs.shape[:3], -1)
    # A sure candidate is worth more than a doubtful one.
    worth = costs - 4.0 * np.minimum(points.score, 1.0)
    possible = np.isfinite(costs) & (worth < GATE)
    for view, keypoint in zip(*np.nonzero(possible.any((0, 3))), strict=True):
        table = np.where(possible[:, view, keypoint], worth[:, view, keypoint], 2 * GATE)
        for person, slot in zip(*linear_sum_assignment(table - 2 * GATE), strict=True):
            if possible[person, view, keypoint, slot]:
                index[person, view, keypoint] = slot
    return index


def _find_support(
    points: FramePoints, index: Int[np.ndarray, "N C K"], shape: tuple[int, ...]
) -> Float[np.ndarray, "N C K D"]:
    """Return the mean affinity of candidates to what people have; NaN where nothing links them."""
    total, count = np.zeros(shape), np.zeros(shape)
    for view, links in enumerate(points.affinity):
        ends = links[:, :4].astype(int)
        for key, slot, other, theirs in (ends.T, ends[:, [2, 3, 0, 1]].T):
            chosen = (index[:, view, other] == theirs) * links[:, 4]
            for person, own in enumerate(chosen):
                np.add.at(total[person, view], (key, slot), own)
            for pair in np.unique(np.stack([key, other]), axis=1).T:
                count[:, view, pair[0]] += (index[:, view, pair[1]] >= 0)[:, None]
    return total / np.where(count > 0, count, np.nan)


def assign_poses(
    points: FramePoints,
    costs: Float[np.ndarray, "N C K D"],
    before: Int[np.ndarray, "N C"],
) -> Int[np.ndarray, "N C K"]:
    """Give whole poses to people."""
    seen = np.isfinite(points.ray[..., 0])
    known = np.isfinite(costs)
    weight = np.where(known, np.maximum(points.score, 1e-3), 0.0)
    share = np.minimum(np.where(known, costs, 0.0) / GATE, 1.0)
    mean = (weight * share).sum(2) / np.maximum(weight.sum(2), 1e-9)
    mean = np.where(known.sum(2) >= _FEWEST_POINTS, mean, np.inf)
    kept = np.arange(costs.shape[3]) == before[..., None]
    worth = mean - _SAME_ROW * kept
    index = np.full(costs.shape[:3], -1)
    for view in np.flatnonzero((mean < _POSE_GATE).any((0, 2))):
        table = np.where(mean[:, view] < _POSE_GATE, worth[:, view], 2.0)
        for person, slot in zip(*linear_sum_assignment(table - 2.0), strict=True):
            if mean[person, view, slot] < _POSE_GATE:
                index[person, view] = np.where(seen[view, :, slot], slot, -1)
    return index


def find_unused(points: FramePoints, index: Int[np.ndarray, "N C K"]) -> Bool[np.ndarray, "C K D"]:
    """Mark the slots that are nobody's; of whole poses, those that are wholly nobody's."""
    free = np.isfinite(points.ray[..., 0])
    person, view, keypoint = np.nonzero(index >= 0)
    slot = index[person, view, keypoint]
    if points.whole:
        for c, d in set(zip(view.tolist(), slot.tolist(), strict=True)):
            free[c, :, d] = False
    else:
        free[view, keypoint, slot] = False
    return free
