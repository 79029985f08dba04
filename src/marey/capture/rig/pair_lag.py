"""How far the clocks of two views are apart, from what is left of their keypoints at any offset.

The offset with the least residuals is sought on a grid, then to a fraction of its step. Stretches
of the clip have a say each: their spread is the variance, their trend is drift.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from marey.capture.rig._lines_numba import measure_costs
from marey.capture.rig.view_residuals import Residual

_LEAST_SPREAD = 1e-3
_NUM_BLOCKS = 8
_FEWEST_POINTS = 40
_LEAST_OVERLAP = 0.4
"""Share of the points in common at the best overlap that an offset has to leave."""
_FINE_STEPS = np.linspace(-2.0, 2.0, 41)
"""Offsets tried around the best of the grid, in its steps."""
_LEAST_SIGMA = 0.05
"""Frames that are always left open."""
_PREFER_NEAR = 0.3
"""How much worse the largest offset has to be than none to count as equal."""
_COARSE_MOMENTS = 150
_AS_GOOD = 1.1
"""How much worse another offset may fit and still be as good."""
_BIASED = 0.3
"""Share of what is left at the best offset that may be wrong in the same way all along."""
_NEAR_S = 0.1
"""How far from the best offset it is measured how fast points leave their lines, s."""
_BARRIER = 1.25
"""How much worse than the best what lies between has to fit for the other to be another one."""


def find_lag(
    residuals: Sequence[Residual],
    time: Float[np.ndarray, "T"],
    step: float,
    reach: float,
    worst: float,
) -> tuple[float, float, float, float, float] | None:
    """Return lag, its variance, drift, its variance, and bias of a pair of views.

    People are paired as they fit best: of those who lie on each other's lines at some offset, the
    two for whom offsets make most of a difference; of speeds, those that differ least. None if the
    pair says naught.
    """
    best, most = None, 0.0
    grid = np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1) * step
    stride = max(1, len(time) // _COARSE_MOMENTS)
    for residual in residuals:
        costs = find_costs(residual(grid, stride))
        known = np.isfinite(costs)
        if not known.any():
            continue
        # Steps repeat themselves: of stretches that fit as well the nearer one is meant.
        row = int(np.argmin(costs * (1 + _PREFER_NEAR * np.abs(grid) / max(reach, step))))
        lowest = max(float(costs[row]), 1e-9)
        says = float(np.median(costs[known])) / lowest if np.isfinite(worst) else 1 / lowest
        if lowest <= worst and says > most:
            most, best = says, (residual, row, costs)
    if best is None:
        return None
    residual, row, costs = best
    # Speeds are too rough to tell a repetition; there the nearest is taken.
    if np.isfinite(worst) and _has_rival(costs, row):
        return None
    found = _refine(residual, float(grid[row]), time, step)
    if found is None:
        return None
    bias = _measure_bias(costs, row, step) if np.isfinite(worst) else 0.0
    # Where stretches of the clip have no offset of their own, the whole has one by chance.
    by_chance = np.isfinite(worst) and not np.isfinite(found[3])
    return None if by_chance or not np.isfinite(bias) else (*found, bias)


def _measure_bias(costs: Float[np.ndarray, "G"], best: int, step: float) -> float:
    """Return how far off a lag may be by what is left at the best one, s."""
    reach = max(2, round(_NEAR_S / step))
    around = [costs[row] for row in (best - reach, best + reach) if 0 <= row < len(costs)]
    rise = np.mean([value for value in np.square(around) if np.isfinite(value)] or [0.0])
    rise = float(rise) - float(costs[best]) ** 2
    if rise <= 0:
        return float("inf")
    return _BIASED * float(costs[best]) * reach * step / rise**0.5


def find_costs(table: Float[np.ndarray, "G T K"]) -> Float[np.ndarray, "G"]:
    """Return the size of what is left, outliers cut; infinite where too little overlaps."""
    cost, count = np.empty(len(table)), np.empty(len(table))
    measure_costs(np.ascontiguousarray(table, np.float64), cost, count)
    fewest = max(_FEWEST_POINTS, _LEAST_OVERLAP * count.max(initial=0.0))
    return np.where(count >= fewest, cost, np.inf)


def _has_rival(costs: Float[np.ndarray, "G"], best: int) -> bool:
    """Tell whether another offset fits nearly as well, with worse ones between."""
    low = max(float(costs[best]), 1e-12)
    for side in (costs[best:], costs[: best + 1][::-1]):
        finite = side[np.isfinite(side)]
        highest = np.maximum.accumulate(finite)
        if ((highest > _BARRIER * low) & (finite < _AS_GOOD * low)).any():
            return True
    return False


def _refine(
    residual: Residual, coarse: float, time: Float[np.ndarray, "T"], step: float
) -> tuple[float, float, float, float] | None:
    lags = coarse + _FINE_STEPS * step
    table = residual(lags, 1)
    # What one lag lacks no lag may count.
    known = np.isfinite(table).all(0)
    count = known.sum(0)
    if known.sum() < _FEWEST_POINTS:
        return None
    table = np.where(known, table, 0.0)
    table = np.where(known, table - (table.sum(1) / np.maximum(count, 1))[:, None], 0.0)
    middle = np.abs(table[len(lags) // 2][known])
    spread = max(1.5 * float(np.median(middle)), _LEAST_SPREAD)
    squared = np.square(table / spread)
    cost = np.where(known, squared / (1 + squared), 0.0).sum(2)
    whole = _find_lowest(cost.sum(1), lags)
    if whole is None:
        return None
    edges = np.linspace(time[0], time[-1] + 1e-9, _NUM_BLOCKS + 1)
    part = np.digitize(time, edges) - 1
    blocks = np.stack([cost[:, part == block].sum(1) for block in range(_NUM_BLOCKS)], 1)
    return _judge(blocks, lags, whole, (edges[:-1] + edges[1:]) / 2, step)


def _find_lowest(
    cost: Float[np.ndarray, "G"], lags: Float[np.ndarray, "G"]
) -> tuple[float, float] | None:
    """Return where a cost is lowest, by a parabola through its surroundings, and its curvature."""
    lowest = int(np.argmin(cost))
    reach = 5
    if not reach <= lowest < len(cost) - reach:
        return None
    part = slice(lowest - reach, lowest + reach + 1)
    unit = lags[1] - lags[0]
    curve, slope, _ = np.polyfit((lags[part] - lags[lowest]) / unit, cost[part], 2)
    if curve <= 0:
        return None
    return float(lags[lowest] - unit * slope / (2 * curve)), float(curve / unit**2)


def _judge(
    blocks: Float[np.ndarray, "G B"],
    lags: Float[np.ndarray, "G"],
    whole: tuple[float, float],
    moments: Float[np.ndarray, "B"],
    step: float,
) -> tuple[float, float, float, float]:
    """Return lag, variance, drift and its variance from stretches that each have a say."""
    found = [_find_lowest(block, lags) for block in blocks.T]
    rows = [row for row, lowest in enumerate(found) if lowest is not None]
    if len(rows) < 3:
        return whole[0], (0.5 * step) ** 2, 0.0, np.inf
    lag, weight = np.array([found[row] for row in rows]).T
    weight = weight / weight.sum()
    mean = float((weight * lag).sum())
    variance = float((weight * np.square(lag - mean)).sum() / (len(rows) - 1))
    moment = moments[rows] - (weight * moments[rows]).sum()
    extent = float((weight * np.square(moment)).sum())
    drift = float((weight * moment * lag).sum() / extent)
    left = lag - mean - drift * moment
    drift_variance = float((weight * np.square(left)).sum() / max(len(rows) - 2, 1) / extent)
    return whole[0], max(variance, (_LEAST_SIGMA * step) ** 2), drift, max(drift_variance, 1e-14)
