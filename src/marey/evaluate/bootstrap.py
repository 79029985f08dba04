"""How much a result depends on what happened to be filmed: percentile bootstrap (Efron 1979).

Frames of one recording resemble each other, so whole sequences are drawn, or, where there are few,
stretches of a second or so; single frames would give intervals far too narrow.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from marey.evaluate.score import Order

MIN_UNITS = 8
_STRETCH = 30
_NUM_SAMPLES = 1000


def confidence_interval(
    maps: Sequence[Float[np.ndarray, "..."]], *, order: Order, seed: int = 0
) -> tuple[float, float] | None:
    """Return the 2.5 % and 97.5 % quantiles of an average over redrawn recordings.

    Args:
        maps: Error maps of all sequences, `N U R` each.
        order: The order in which the average is taken.
        seed: Of the drawing; equal seeds give equal intervals.

    Returns:
        The interval, or None if there are fewer than 8 sequences and stretches to draw from.
    """
    units = [each.reshape(-1, each.shape[-1]) for each in maps if np.isfinite(each).any()]
    # Sequences of different actors are few by design; their means are drawn only as sequences.
    if len(units) < MIN_UNITS and order != "sequences":
        units = [part for each in maps for person in each for part in _stretches(person)]
    if len(units) < MIN_UNITS:
        return None
    totals, counts = _sums(units, order)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(units), np.full(len(units), 1 / len(units)), _NUM_SAMPLES)
    total, count = drawn @ totals, drawn @ counts
    means = total / np.where(count > 0, count, np.nan)
    low, high = np.nanquantile(np.nanmean(means, axis=-1), [0.025, 0.975])
    return float(low), float(high)


def _stretches(person: Float[np.ndarray, "U R"]) -> list[Float[np.ndarray, "W R"]]:
    parts = (person[start : start + _STRETCH] for start in range(0, len(person), _STRETCH))
    return [part for part in parts if np.isfinite(part).any()]


def _sums(
    units: Sequence[Float[np.ndarray, "..."]], order: Order
) -> tuple[Float[np.ndarray, "B R"], Float[np.ndarray, "B R"]]:
    known = [np.isfinite(unit) for unit in units]
    totals = [np.where(each, unit, 0.0) for unit, each in zip(units, known, strict=True)]
    if order == "joints":
        sums = [(total.sum(0), each.sum(0)) for total, each in zip(totals, known, strict=True)]
    elif order == "frames":
        sums = []
        for total, each in zip(totals, known, strict=True):
            count = each.sum(-1)
            means = total.sum(-1)[count > 0] / count[count > 0]
            sums.append((means.sum(keepdims=True), np.array([len(means)])))
    else:
        sums = [
            (total.sum(keepdims=True)[0], each.sum(keepdims=True)[0])
            for total, each in zip(totals, known, strict=True)
        ]
    if order == "sequences":
        sums = [(total / count, np.ones(1)) for total, count in sums]
    return np.stack([total for total, _ in sums]), np.stack(
        [np.asarray(count, np.float64) for _, count in sums]
    )
