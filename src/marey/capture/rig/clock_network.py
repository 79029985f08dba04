"""Offsets of pairs of clocks brought together by least squares, robustly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True, slots=True)
class ClockPair:
    """What two views say of their clocks."""

    first: int
    second: int
    lag: float
    """s to add to the first's own time to get the second's."""
    variance: float
    drift: float
    drift_variance: float
    bias: float
    """s; standard deviation of what is wrong all along."""


def choose_pairs(num: int, most: int) -> list[tuple[int, int]]:
    """Compare each view with the next ones around, so that cost grows with views only."""
    reach = range(1, max(1, min(most, num - 1) // 2) + 1 if num > most else num)
    pairs = {tuple(sorted((view, (view + step) % num))) for view in range(num) for step in reach}
    return sorted((a, b) for a, b in pairs if a != b)


def find_bias(pairs: Sequence[ClockPair], num: int) -> Float[np.ndarray, "C"]:
    """Return what may be wrong with each view all along, s; more pairs do not make it less."""
    bias = np.zeros(num)
    for view in range(1, num):
        own = [pair.bias for pair in pairs if view in (pair.first, pair.second)]
        bias[view] = np.median(own) if own else np.inf
    return bias


def solve_clocks(
    rows: Sequence[tuple[int, int]],
    lags: Sequence[float],
    variances: Sequence[float],
    num: int,
) -> tuple[Float[np.ndarray, "C"], Float[np.ndarray, "C"]]:
    """Bring pairs together: offsets whose differences are the lags, the first view's being 0."""
    design = np.zeros((len(rows), num))
    for row, (first, second) in enumerate(rows):
        design[row, first], design[row, second] = 1.0, -1.0
    lag, variance = np.array(lags), np.array(variances)
    usable = np.isfinite(variance)
    weight = np.where(usable, 1 / np.where(usable, variance, 1.0), 0.0)
    free = _reachable(design[weight > 0], num)
    offset, sigma = np.zeros(num), np.full(num, np.inf)
    sigma[0] = 0.0
    columns = np.flatnonzero(free)
    columns = columns[columns != 0]
    if not len(columns):
        return offset, sigma
    robust, left, normal = np.ones(len(rows)), np.zeros(len(rows)), np.eye(len(columns))
    for _ in range(10):
        own = design[:, columns] * (weight * robust)[:, None]
        normal = own.T @ design[:, columns]
        offset[columns] = np.linalg.solve(normal, own.T @ lag)
        left = np.square(design @ offset - lag) * weight
        robust = 1 / (1 + left / 9)
    freedom = max(int((weight > 0).sum()) - len(columns), 1)
    excess = max(1.0, float((robust * left)[weight > 0].sum()) / freedom)
    sigma[columns] = np.sqrt(np.diag(np.linalg.inv(normal)) * excess)
    return offset, sigma


def _reachable(design: Float[np.ndarray, "P C"], num: int) -> Bool[np.ndarray, "C"]:
    """Mark views that pairs connect with the first."""
    reached = np.arange(num) == 0
    for _ in range(num):
        touched = (np.abs(design) * reached).any(1)
        reached = reached | (design[touched] != 0).any(0)
    return reached
