"""When cameras looked: their clocks from what people do in the pictures.

Of two calibrated views the one's keypoints have to lie on the epipolar lines of the other's at the
same moment; a moment too early or late, a moving point lies beside its line. The offset at which
they fit best is sought on a grid first, then to a fraction of a frame, with each keypoint's mean
residual taken out there, since detectors are biased and calibrations imperfect. Without
calibration the speeds of keypoints are compared instead, to a frame or two; of motion that repeats
itself they cannot tell which repetition is which.

A pair of calibrated views whose lines fit badly at any offset (a wrong calibration), or nearly as
well at another one with worse ones between (motion that repeats itself), says nothing.

The offsets of all pairs are brought together by least squares. Stretches of the clip estimate each
pair's offset on their own: their spread says how well it is known, and their trend is drift. That
spread does not show what is wrong all along, as of a detector that sees a body's back otherwise
than its front: what is left at the best offset, over how fast points leave their lines, bounds it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from marey.capture.views.triangulate import find_rays, make_extrinsics
from marey.core import Cameras, Keypoints2D
from marey.core.errors import InputError, NothingFoundError

_BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16
_BODY = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "nose", "heel")
_MIN_CONFIDENCE = 0.3
_LEAST_SPREAD = 1e-3
_NUM_BLOCKS = 8
_FEWEST_POINTS = 40
_LEAST_OVERLAP = 0.4
"""Share of the points in common at the best overlap that an offset has to leave."""
_FINEST_STEP_S = 1 / 30
"""Finer steps of the grid tell nothing new about people."""
_FINE_STEPS = np.linspace(-2.0, 2.0, 41)
"""Offsets tried around the best of the grid, in its steps."""
_LEAST_SIGMA = 0.05
"""Frames that are always left open."""
_PREFER_NEAR = 0.3
"""How much worse the largest offset has to be than none to count as equal."""
_CERTAIN = 3.0
"""Standard deviations from zero at which drift shows."""
_LEAST_DRIFT = 0.25
"""Frames that drift has to add up to, to be worth a correction."""
_MOST_MOMENTS = 2000
_COARSE_MOMENTS = 300
_WORST_LINES = 0.03
"""Distance from epipolar lines, on the plane z = 1, beyond which a calibration is not theirs."""
_AS_GOOD = 1.1
"""How much worse another offset may fit and still be as good."""
_BIASED = 0.3
"""Share of what is left at the best offset that may be wrong in the same way all along."""
_NEAR_S = 0.1
"""How far from the best offset it is measured how fast points leave their lines, s."""
_BARRIER = 1.25
"""How much worse than the best what lies between has to fit for the other to be another one."""

Residual = Callable[[float, int], Float[np.ndarray, "T K"]]
"""What is left of a pair of views at an offset, at every so many-th moment; NaN where either sees
nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """How offsets are sought."""

    max_offset: float = 5.0
    """Largest offset between two views, s."""
    most_partners: int = 6
    """Views that each is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synchronised:
    """Common time is `own + offset + drift * (own - own[0])`; the first view's clock is common."""

    offset: Float[np.ndarray, "C"]
    """s"""
    sigma: Float[np.ndarray, "C"]
    """Standard deviation of the offsets, s; infinite where a view tells nothing."""
    drift: Float[np.ndarray, "C"]
    """s per s; 0 where none shows."""
    drift_sigma: Float[np.ndarray, "C"]

    def to_common(self, own: Float[np.ndarray, "T"], view: int) -> Float[np.ndarray, "T"]:
        """Return a view's times on the common clock, s."""
        return own + self.offset[view] + self.drift[view] * (own - own[0])


@dataclass(frozen=True, slots=True)
class _Pair:
    first: int
    second: int
    lag: float
    """s to add to the first's own time to get the second's."""
    variance: float
    drift: float
    drift_variance: float
    bias: float
    """s; standard deviation of what is wrong all along."""


def synchronise(
    views: Sequence[Keypoints2D],
    cameras: Cameras | None = None,
    *,
    options: SyncOptions | None = None,
) -> Synchronised:
    """Find the offsets of the views' clocks.

    Args:
        views: Per camera, its people (N T K) on its own clock; frame rates may differ.
        cameras: Static cameras; without them the offsets are less precise.
        options: How far apart clocks may be.

    Raises:
        InputError: If views and cameras do not fit together, or cameras move.
        NothingFoundError: If no two views show enough of the same.
    """
    options = options or SyncOptions()
    _check(views, cameras)
    make = _compare_speeds(views) if cameras is None else _compare_lines(views, cameras)
    worst = np.inf if cameras is None else _WORST_LINES
    pairs = []
    for first, second in _choose_pairs(len(views), options.most_partners):
        step = max(_interval(views[first]), _interval(views[second]), _FINEST_STEP_S)
        time = views[first].time[_moments(views[first])]
        pair = _match(make(first, second), time, step, options.max_offset, worst)
        if pair is not None:
            pairs.append(_Pair(first, second, *pair))
    if not pairs:
        raise NothingFoundError(
            "no two videos show enough movement of the same people to find their offset; trust "
            "the clocks with --no-sync, or film a clap that all cameras see"
        )
    num = len(views)
    rows = [(p.first, p.second) for p in pairs]
    offset, sigma = _solve(
        rows, [p.lag for p in pairs], [p.variance + p.bias**2 for p in pairs], num
    )
    drift, drift_sigma = _solve(
        rows, [p.drift for p in pairs], [p.drift_variance for p in pairs], num
    )
    sigma = np.maximum(sigma, _find_bias(pairs, num))
    length = np.array([view.time[-1] - view.time[0] for view in views])
    step = np.array([_interval(view) for view in views])
    shows = np.abs(drift) > _CERTAIN * drift_sigma
    shows &= np.abs(drift) * length > np.maximum(_LEAST_DRIFT * step, _CERTAIN * sigma)
    # Offsets are of the middle of the clip; where there is drift they are carried to its start.
    drift = np.where(shows, drift, 0.0)
    return Synchronised(
        offset=offset - drift * length / 2, sigma=sigma, drift=drift, drift_sigma=drift_sigma
    )


def _check(views: Sequence[Keypoints2D], cameras: Cameras | None) -> None:
    if len(views) < 2 or (cameras is not None and len(cameras.names) != len(views)):
        known = "" if cameras is None else f" and {len(cameras.names)} cameras"
        raise InputError(f"{len(views)} views{known} came to be synchronised; give two at least")
    if cameras is not None and cameras.T_cam_world.shape[1] > 1:
        raise InputError("cameras that move cannot be synchronised by what they see; use --no-sync")
    if any(view.skeleton.name != views[0].skeleton.name for view in views):
        raise InputError("views to synchronise need one skeleton; convert them first")
    if any(len(view.time) < 3 for view in views):
        raise InputError("single pictures cannot be synchronised; use --no-sync")


def _interval(view: Keypoints2D) -> float:
    return float(np.median(np.diff(view.time)))


def _choose_pairs(num: int, most: int) -> list[tuple[int, int]]:
    """Compare each view with the next ones around, so that cost grows with views only."""
    reach = range(1, max(1, min(most, num - 1) // 2) + 1 if num > most else num)
    pairs = {tuple(sorted((view, (view + step) % num))) for view in range(num) for step in reach}
    return sorted((a, b) for a, b in pairs if a != b)


def _points(view: Keypoints2D) -> Float[np.ndarray, "N T K 2"]:
    """Return the believed points of the body, smoothed; NaN next to gaps."""
    names = view.skeleton.keypoints
    rows = [row for row, name in enumerate(names) if name.endswith(_BODY)]
    sure = view.valid & (view.confidence >= _MIN_CONFIDENCE)
    points = np.where(sure[..., None], view.position, np.nan)[:, :, rows].astype(np.float64)
    # Interpolation averages the noise of two frames, which would make fractions of a frame look
    # better than whole ones; noise that is smooth already it hardly touches.
    padded = np.pad(points, [(0, 0), (2, 2), (0, 0), (0, 0)], constant_values=np.nan)
    length = points.shape[1]
    return sum(
        (share * padded[:, start : start + length] for start, share in enumerate(_BINOMIAL)),
        np.zeros_like(points),
    )


def _interpolate(
    values: Float[np.ndarray, "N T *rest"],
    own: Float[np.ndarray, "T"],
    wanted: Float[np.ndarray, "M"],
) -> Float[np.ndarray, "N M *rest"]:
    after = np.clip(np.searchsorted(own, wanted), 1, len(own) - 1)
    share = (wanted - own[after - 1]) / (own[after] - own[after - 1])
    share = np.where((share >= 0) & (share <= 1), share, np.nan)
    share = share.reshape(1, -1, *[1] * (values.ndim - 2))
    return (1 - share) * values[:, after - 1] + share * values[:, after]


def _moments(view: Keypoints2D) -> slice:
    """Return the frames of a view that are compared: a regular sample of long clips."""
    return slice(None, None, 1 + len(view.time) // _MOST_MOMENTS)


def _compare_lines(
    views: Sequence[Keypoints2D], cameras: Cameras
) -> Callable[[int, int], list[Residual]]:
    """Compare by distances from epipolar lines on the plane z = 1."""
    rays = []
    for number, view in enumerate(views):
        points = _points(view)
        full = np.full((len(cameras.names), *points.shape), np.nan)
        full[number] = points
        rays.append(find_rays(cameras, full)[0][number])
    extrinsics = make_extrinsics(cameras)[:, 0]

    def make(first: int, second: int) -> list[Residual]:
        a, b = extrinsics[first], extrinsics[second]
        R = b[:, :3] @ a[:, :3].T
        t = b[:, 3] - R @ a[:, 3]
        unit = t / max(np.linalg.norm(t), 1e-9)
        E = np.cross(np.eye(3), unit) @ R
        part = _moments(views[first])
        time, own = views[first].time[part], views[second].time

        def pair(one: np.ndarray, other: np.ndarray) -> Residual:
            return lambda lag, stride: _off_lines(
                E, one[None, ::stride], _interpolate(other[None], own, time[::stride] + lag)
            )[0]

        return [pair(one[part], other) for one in rays[first] for other in rays[second]]

    return make


def _off_lines(
    E: Float[np.ndarray, "3 3"],
    one: Float[np.ndarray, "*batch 2"],
    other: Float[np.ndarray, "*batch 2"],
) -> Float[np.ndarray, "*batch"]:
    """Return signed distances from epipolar lines (Sampson's)."""
    line = one @ E[:, :2].T + E[:, 2]
    back = other @ E[:2] + E[2]
    value = (other * line[..., :2]).sum(-1) + line[..., 2]
    return value / np.sqrt(np.square(line[..., :2]).sum(-1) + np.square(back[..., :2]).sum(-1))


def _compare_speeds(views: Sequence[Keypoints2D]) -> Callable[[int, int], list[Residual]]:
    """Compare by the speeds of keypoints, as far as they stand out from the usual."""
    paces = []
    for view in views:
        points = _points(view)
        speed = np.linalg.norm(np.gradient(points, view.time, axis=1), axis=-1)
        paces.append(_standardise(np.sqrt(speed)))

    def make(first: int, second: int) -> list[Residual]:
        part = _moments(views[first])
        time, own = views[first].time[part], views[second].time

        def pair(one: np.ndarray, other: np.ndarray) -> Residual:
            return lambda lag, stride: (
                one[::stride] - _interpolate(other[None], own, time[::stride] + lag)[0]
            )

        return [pair(one[part], other) for one in paces[first] for other in paces[second]]

    return make


def _standardise(values: Float[np.ndarray, "N T K"]) -> Float[np.ndarray, "N T K"]:
    known = np.isfinite(values)
    count = np.maximum(known.sum(1, keepdims=True), 1)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(1, keepdims=True) / count
    deviation = np.where(known, values - mean, 0.0)
    spread = np.sqrt(np.square(deviation).sum(1, keepdims=True) / count)
    return np.where(known, deviation / np.maximum(spread, 1e-9), np.nan)


def _find_bias(pairs: Sequence[_Pair], num: int) -> Float[np.ndarray, "C"]:
    """Return what may be wrong with each view all along, s; more pairs do not make it less."""
    bias = np.zeros(num)
    for view in range(1, num):
        own = [pair.bias for pair in pairs if view in (pair.first, pair.second)]
        bias[view] = np.median(own) if own else np.inf
    return bias


def _match(
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
        costs = _coarse_costs([residual(lag, stride) for lag in grid])
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


def _coarse_costs(residuals: Sequence[Float[np.ndarray, "T K"]]) -> Float[np.ndarray, "G"]:
    """Return the size of what is left, outliers cut; infinite where too little overlaps."""
    known = [np.abs(residual[np.isfinite(residual)]) for residual in residuals]
    fewest = max(_FEWEST_POINTS, _LEAST_OVERLAP * max(len(size) for size in known))
    return np.array(
        [
            np.sqrt(np.square(np.minimum(size, 4 * np.median(size))).mean())
            if len(size) >= fewest
            else np.inf
            for size in known
        ]
    )


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
    table = np.stack([residual(lag, 1) for lag in lags])
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


def _solve(
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
