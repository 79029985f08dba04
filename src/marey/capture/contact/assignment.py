"""Whose a detector's report of a keypoint is, given where everybody is expected.

A report costs its squared distance to a prediction in sigmas, and minus twice the logarithm of how
often a detector does that: costs are deviances, so that half their differences are log odds.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment


def report_distances(
    rays: Float[np.ndarray, "C N K 2"],
    sigma: Float[np.ndarray, "C N K"],
    expected: Float[np.ndarray, "N K 3"],
    error: Float[np.ndarray, "N K"],
    pose: Float[np.ndarray, "C 3 4"],
) -> Float[np.ndarray, "C N N K"]:
    """Return the distance of each person's report (third axis) to each prediction (second axis).

    In sigmas, squared: those of the report and of the prediction together.
    """
    local = np.einsum("cij,nkj->cnki", pose[:, :, :3], expected) + pose[:, None, None, :, 3]
    depth = local[..., 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        image = np.where((depth > 0.05)[..., None], local[..., :2] / depth[..., None], np.nan)
        squared = np.square(rays[:, None] - image[:, :, None]).sum(-1)
        spread = np.square(sigma)[:, None] + np.square(error / depth)[:, :, None]
    return squared / spread


def assign_reports(cost: Float[np.ndarray, "C N N K"], nobody: float) -> Int[np.ndarray, "C N K"]:
    """Return whose report each person gets, at least total cost; -1 for none.

    Args:
        cost: Of giving to a person (second axis) the report of a person (third axis).
        nobody: Cost of giving a report to nobody.
    """
    count = cost.shape[1]
    gain = np.where(cost < nobody, nobody - cost, 0.0)
    own = np.einsum("cnnk->cnk", gain)
    # Where nobody gains by another's report, everyone keeps their own.
    others = gain.max(2) > own
    source = np.where(own > 0, np.arange(count)[:, None], -1)
    for view, column in zip(*np.nonzero(others.any(1)), strict=True):
        table = gain[view, :, :, column]
        source[view, :, column] = -1
        for person, report in zip(*linear_sum_assignment(-table), strict=True):
            if table[person, report] > 0:
                source[view, person, column] = report
    return source


def weigh_reports(
    cost: Float[np.ndarray, "C N N K"], source: Int[np.ndarray, "C N K"], nobody: float
) -> Float[np.ndarray, "C N K"]:
    """Return how probable it is that a report is its person's and not another's or nobody's."""
    view, column = np.arange(len(cost))[:, None, None], np.arange(cost.shape[3])
    person = np.arange(cost.shape[1])[:, None]
    report = np.maximum(source, 0)
    own = cost[view, person, report, column]
    # All people that could have this report: C N(holder) N(candidate) K.
    rivals = np.moveaxis(
        cost[view[..., None], np.arange(cost.shape[1])[:, None], report[:, :, None], column], 2, -1
    )
    lowest = np.minimum(np.minimum(rivals.min(-1), own), nobody)
    lowest = np.where(np.isfinite(lowest), lowest, 0.0)
    total = np.exp(-(rivals - lowest[..., None]) / 2).sum(-1) + np.exp(-(nobody - lowest) / 2)
    return np.where(source >= 0, np.exp(-(own - lowest) / 2) / total, 0.0)


def nearer_to_others(
    found: Float[np.ndarray, "N K 3"], expected: Float[np.ndarray, "N K 3"]
) -> Bool[np.ndarray, "N K"]:
    """Tell which points are nearer to somebody else's prediction than to their own, if known."""
    apart = np.linalg.norm(found[:, None] - expected[None], axis=-1)
    apart = np.where(np.isfinite(apart), apart, np.inf)
    own = np.einsum("nnk->nk", apart).copy()
    return np.isfinite(own) & (apart.min(1) < own)
