"""Who is who: pairing predicted with true people of one frame before they are compared."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Pairs of people in one frame."""

    pairs: Int[np.ndarray, "M 2"]
    """Index of the prediction and of the true person, in the order of the true people."""
    missed: Int[np.ndarray, "U"]
    """True people without a prediction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundShare:
    """How many of the true people were found."""

    precision: float
    recall: float
    f1: float


def match_by_image(
    predicted: Float[np.ndarray, "D K 2"],
    truth: Float[np.ndarray, "N K 2"],
    *,
    least_overlap: float = 0.6,
    end_early: bool = True,
) -> Matches:
    """Pair people greedily by their joints in the image (benchmark of Harmony4D).

    The pair whose difference has the smallest spectral norm (largest singular value of the K x 2
    matrix) comes first; it is accepted if the boxes around the joints, counting border pixels,
    overlap enough (IoU).

    Args:
        predicted: Joints of the predictions, px.
        truth: Joints of the true people, px.
        least_overlap: IoU from which a pair is accepted.
        end_early: Whether every refused pair uses up one prediction: matching ends when accepted
            and refused pairs together are as many as predictions. The published benchmark does so.
    """
    gap = np.asarray(predicted, np.float64)[:, None] - truth[None]
    gap = np.where(np.isfinite(gap), gap, 1e12)
    distance = np.linalg.norm(gap, ord=2, axis=(-2, -1))
    overlap = _overlaps(predicted, truth)
    pairs: list[tuple[int, int]] = []
    refused = 0
    for flat in np.argsort(distance, axis=None, kind="stable").tolist():
        row, column = divmod(flat, len(truth))
        if any(row == other or column == taken for other, taken in pairs):
            continue
        if len(pairs) + (refused if end_early else 0) >= len(predicted):
            break
        if overlap[row, column] >= least_overlap:
            pairs.append((row, column))
        else:
            refused += 1
    return _sorted_matches(pairs, len(truth))


def match_by_distance(cost: Float[np.ndarray, "D N"], *, highest: float = np.inf) -> Matches:
    """Pair people so that the sum of their distances is smallest (Hungarian method).

    Args:
        cost: Distance of every prediction to every true person; NaN where it is unknown.
        highest: Largest distance of a pair.
    """
    allowed = np.isfinite(cost) & (cost <= highest)
    # Far above any sum of real costs: a forbidden pair is taken only where none is allowed.
    forbidden = 1.0 + (cost[allowed].sum() if allowed.any() else 0.0)
    rows, columns = linear_sum_assignment(np.where(allowed, cost, forbidden))
    pairs = [(r, c) for r, c in zip(rows.tolist(), columns.tolist(), strict=True) if allowed[r, c]]
    return _sorted_matches(pairs, cost.shape[1])


def found_share(num_people: int, num_missed: int, *, decimals: int | None = None) -> FoundShare:
    """Return precision, recall and `F1 = TP / (TP + FN / 2)` where false finds are not counted.

    Args:
        num_people: True people, all frames together.
        num_missed: Those without a prediction.
        decimals: Places to round to; Harmony4D's benchmark rounds to 2 before it divides by F1.
    """
    found = num_people - num_missed
    recall = found / num_people if num_people else float("nan")
    f1 = found / (found + 0.5 * num_missed) if num_people else float("nan")
    values = (1.0 if found else 0.0, recall, f1)
    if decimals is not None:
        values = tuple(round(value, decimals) for value in values)
    return FoundShare(precision=values[0], recall=values[1], f1=values[2])


def _overlaps(
    predicted: Float[np.ndarray, "D K 2"], truth: Float[np.ndarray, "N K 2"]
) -> Float[np.ndarray, "D N"]:
    low_p, high_p = _box(predicted)
    low_t, high_t = _box(truth)
    low = np.maximum(low_p[:, None], low_t[None])
    high = np.minimum(high_p[:, None], high_t[None])
    shared = np.maximum(high - low + 1, 0).prod(-1)
    area_p, area_t = (high_p - low_p + 1).prod(-1), (high_t - low_t + 1).prod(-1)
    return shared / (area_p[:, None] + area_t[None] - shared)


def _box(
    joints: Float[np.ndarray, "N K 2"],
) -> tuple[Float[np.ndarray, "N 2"], Float[np.ndarray, "N 2"]]:
    known = np.isfinite(joints)
    low = np.where(known, joints, np.inf).min(-2)
    high = np.where(known, joints, -np.inf).max(-2)
    return np.asarray(low, np.float64), np.asarray(high, np.float64)


def _sorted_matches(pairs: list[tuple[int, int]], num_people: int) -> Matches:
    pairs = sorted(pairs, key=lambda pair: pair[1])
    found = {column for _, column in pairs}
    return Matches(
        pairs=np.array(pairs, np.int64).reshape(-1, 2),
        missed=np.array([c for c in range(num_people) if c not in found], np.int64),
    )
