"""An average and what it rests on, and the orders in which published averages are taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

Order = Literal["values", "frames", "joints", "sequences"]
"""Which mean is taken first: none (`values`: everything pooled), the one over the joints of each
frame (`frames`), over the frames of each joint (`joints`), or over each sequence (`sequences`).
They differ only where something is missing or sequences differ in length; publications use all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An average and how much it rests on."""

    value: float
    """NaN if nothing counted."""
    num_frames: int
    """Frames of which at least one value counted; everybody's count of their own."""
    num_values: int
    """Values (mostly: joints of all frames) that counted."""
    num_missing: int = 0
    """Values that should have counted and could not: there is a truth and no prediction. An average
    that leaves them out is too good; protocols therefore refuse or count them as wrong."""


def summarise(
    errors: Float[np.ndarray, "*batch T K"],
    *,
    expected: Bool[np.ndarray, "*batch T K"] | None = None,
    order: Order = "values",
) -> Score:
    """Average an error map over its finite entries.

    Args:
        errors: One number per frame and joint, NaN where it does not count.
        expected: Where a number should be, for `Score.num_missing`.
        order: Which mean comes first.
    """
    return average([errors], expected=None if expected is None else [expected], order=order)


def average(
    maps: Sequence[Float[np.ndarray, "..."]],
    *,
    expected: Sequence[Bool[np.ndarray, "..."]] | None = None,
    order: Order = "values",
) -> Score:
    """Average the error maps of several sequences, each `*batch T K` with K the same in all.

    Args:
        maps: One map per sequence.
        expected: One map per sequence of where numbers should be, for `Score.num_missing`.
        order: Which mean comes first. A sequence (frame, joint) without any value has no mean and
            is left out.
    """
    counted = [np.isfinite(each) for each in maps]
    lacking = 0
    if expected is not None:
        pairs = zip(expected, counted, strict=True)
        lacking = sum(int((wanted & ~known).sum()) for wanted, known in pairs)
    return Score(
        value=_mean(maps, counted, order),
        num_frames=sum(int(np.any(known, axis=-1).sum()) for known in counted),
        num_values=sum(int(known.sum()) for known in counted),
        num_missing=lacking,
    )


def _mean(
    maps: Sequence[Float[np.ndarray, "..."]], counted: Sequence[Bool[np.ndarray, "..."]], order: str
) -> float:
    pairs = list(zip(maps, counted, strict=True))
    if order == "values":
        parts = [each[known] for each, known in pairs]
    elif order == "frames":
        parts = [_partial_means(each, known, -1) for each, known in pairs]
    elif order == "sequences":
        parts = [each[known].mean(keepdims=True) for each, known in pairs if known.any()]
    else:
        rows = [each.reshape(-1, each.shape[-1]) for each in maps]
        known = [each.reshape(-1, each.shape[-1]) for each in counted]
        parts = [_partial_means(np.concatenate(rows), np.concatenate(known), 0)] if rows else []
    values = np.concatenate([np.asarray(part, np.float64).ravel() for part in parts] or [[]])
    return float(values.mean()) if values.size else float("nan")


def _partial_means(
    values: Float[np.ndarray, "..."], known: Bool[np.ndarray, "..."], axis: int
) -> Float[np.ndarray, "..."]:
    count = known.sum(axis)
    total = np.where(known, values, 0.0).sum(axis)
    return total[count > 0] / count[count > 0]
