"""How good a capture is by itself, where no truth is known: figures that a bad take fails.

Everything works on arrays of one person over a stretch of frames, missing entries NaN, so that long
recordings are measured stretch by stretch: derivatives need only the few frames before a stretch,
and `Distribution` gives medians of any number of values in a fixed amount of memory.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.fit.windows import runs

_LOWEST, _HIGHEST, _STEP = 1e-6, 1e6, 0.002
_NUM_BINS = int(np.log(_HIGHEST / _LOWEST) / _STEP) + 2


class Distribution:
    """Quantiles of a stream of values >= 0 for each of K columns, right to 0.2 %.

    Values are counted in bins whose borders grow by 0.2 %, between 1e-6 and 1e6; what lies below
    counts as zero, what lies above as 1e6.
    """

    def __init__(self, num_columns: int):
        """Start empty, with K columns."""
        self._counts = np.zeros((num_columns, _NUM_BINS), np.int64)

    def add(
        self, values: Float[np.ndarray, "T D"], columns: Int[np.ndarray, "D"] | None = None
    ) -> None:
        """Count finite values.

        Args:
            values: Values; NaN does not count.
            columns: The column that each of them belongs to; their own if not given.
        """
        columns = np.arange(values.shape[1]) if columns is None else columns
        row, place = np.nonzero(np.isfinite(values))
        steps = np.log(np.maximum(values[row, place], _LOWEST / 2) / _LOWEST) / _STEP
        bins = np.clip(np.floor(steps).astype(np.int64) + 1, 0, _NUM_BINS - 1)
        np.add.at(self._counts, (columns[place], bins), 1)

    @property
    def count(self) -> Int[np.ndarray, "K"]:
        """How many values each column counted."""
        return self._counts.sum(-1)

    def quantile(self, share: float) -> Float[np.ndarray, "K"]:
        """Return the value below which a share of each column lies; NaN where nothing counted."""
        return np.array([_quantile(row, share) for row in self._counts])

    def pooled(self, share: float, columns: Int[np.ndarray, "D"] | None = None) -> float:
        """Return the quantile of some columns (or all) together."""
        counts = self._counts if columns is None else self._counts[columns]
        return _quantile(counts.sum(0), share)


def _quantile(counts: Int[np.ndarray, "B"], share: float) -> float:
    total = np.cumsum(counts)
    if not total[-1]:
        return float("nan")
    place = int(np.searchsorted(total, max(share * total[-1], 1)))
    return 0.0 if place == 0 else float(_LOWEST * np.exp((place - 0.5) * _STEP))


def derive(
    position: Float[np.ndarray, "T *rest"], time: Float[np.ndarray, "T"], *, order: int
) -> Float[np.ndarray, "U *rest"]:
    """Differentiate by divided differences, so that an uneven clock does no harm.

    Exact for polynomials of degree `order`; on an even clock the same as repeated differences.

    Args:
        position: Values, NaN where missing.
        time: Increasing times, s.
        order: Which derivative, at least 1.

    Returns:
        The derivative over each `order + 1` neighbouring frames; U = T - order (or 0).
    """
    result = np.asarray(position, np.float64)
    for step in range(1, order + 1):
        if len(result) < 2:
            return result[:0]
        width = (time[step:] - time[:-step]) / step
        result = np.diff(result, axis=0) / width.reshape(-1, *[1] * (result.ndim - 1))
    return result


def limb_lengths(
    position: Float[np.ndarray, "T K 3"], limbs: Int[np.ndarray, "E 2"]
) -> Float[np.ndarray, "T E"]:
    """Return the length of each limb, m; a body's own limbs do not change theirs."""
    ends = np.asarray(position, np.float64)[:, limbs]
    return np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1)


def standing_speeds(
    position: Float[np.ndarray, "T G 3"],
    contact: Bool[np.ndarray, "T G"],
    time: Float[np.ndarray, "T"],
) -> Float[np.ndarray, "T-1 G"]:
    """Return how fast points move while they touch the floor in both frames, m/s; else NaN."""
    speed = np.linalg.norm(derive(position, time, order=1), axis=-1)
    return np.where(contact[1:] & contact[:-1], speed, np.nan)


def find_exchanged(
    observed: Float[np.ndarray, "T P 2 2"],
    expected: Float[np.ndarray, "T P 2 2"],
    *,
    scale: Float[np.ndarray, "T"],
    ratio: float = 0.5,
    least: float = 0.04,
) -> Bool[np.ndarray, "T"]:
    """Mark frames in which left and right points fit much better exchanged than as named.

    Args:
        observed: P pairs of points, each (left, right), px; NaN where missing.
        expected: Where they should be (where a fitted body has them), px.
        scale: Height of the person, px.
        ratio: How small the exchanged distance must be, as a share of the named one.
        least: Mean distance per point as named from which a frame is doubted at all, as a share of
            the height; legs side by side cannot be told apart and do not matter.
    """
    known = np.isfinite(observed).all((-1, -2)) & np.isfinite(expected).all((-1, -2))
    named = np.linalg.norm(observed - expected, axis=-1).sum(-1)
    crossed = np.linalg.norm(observed - expected[..., ::-1, :], axis=-1).sum(-1)
    count = known.sum(-1)
    named, crossed = (np.where(known, value, 0.0).sum(-1) for value in (named, crossed))
    far = named > 2 * np.maximum(count, 1) * least * np.where(np.isfinite(scale), scale, np.inf)
    return (count >= min(2, observed.shape[1])) & far & (crossed < ratio * named)


def joined_runs(
    mask: Bool[np.ndarray, "T"], *, shortest: int = 1, join: int = 0
) -> tuple[slice, ...]:
    """Return runs of true values: those at most `join` frames apart as one, short ones left out."""
    joined: list[slice] = []
    for run in runs(np.asarray(mask, bool)):
        if joined and run.start - joined[-1].stop <= join:
            joined[-1] = slice(joined[-1].start, run.stop)
        else:
            joined.append(run)
    return tuple(run for run in joined if run.stop - run.start >= shortest)


def envelope(
    values: Float[np.ndarray, "T"], num_columns: int
) -> tuple[Int[np.ndarray, "B"], Float[np.ndarray, "W 3"]]:
    """Shorten a curve for drawing without losing its spikes.

    Args:
        values: The curve; NaN where missing.
        num_columns: Largest number of columns W; there are B = W + 1 borders.

    Returns:
        The frame at which each column begins (and the end), and each column's lowest, median and
        highest value; NaN where all of it is missing.
    """
    count = max(min(num_columns, len(values)), 1)
    borders = np.linspace(0, len(values), count + 1).round().astype(np.int64)
    result = np.full((count, 3), np.nan)
    for row, (start, stop) in zip(result, pairwise(borders.tolist()), strict=True):
        part = values[start:stop]
        part = part[np.isfinite(part)]
        if len(part):
            row[:] = part.min(), np.median(part), part.max()
    return borders, result
