"""What marey measures beside published columns: do bodies collide, and touch as they should."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.evaluate.bootstrap import confidence_interval
from marey.evaluate.meetings import Meetings, Surface, Touch, find_meetings, find_surface
from marey.evaluate.prepare import Pair, explain_no_vertices
from marey.evaluate.protocol import Metric, Protocol
from marey.evaluate.result import Row
from marey.evaluate.score import Score

COLLISION_M = 0.002
"""Bodies that are deeper than this in each other collide."""


def measure_additions(
    protocol: Protocol,
    pairs: Sequence[Pair],
    *,
    licensed: Path | None = None,
    surface: Surface | None = None,
) -> tuple[Row, ...]:
    """Measure what a protocol has beside its published columns.

    Pairs of people count in the frames in which both true people have a mesh. Where one of the two
    was not found, penetration is missing and the true touches are missed.

    Args:
        protocol: The protocol.
        pairs: Both sides, people in the same places.
        licensed: Folder of licensed bodies, whose faces meshes may have.
        surface: Of all meshes; looked for among the bodies at hand by their number of vertices if
            not given.

    Raises:
        InputError: If meshes are of different bodies.
    """
    if not protocol.additions:
        return ()
    note = explain_no_vertices(pairs)
    if not note and surface is None:
        first = pairs[0].truth.vertices
        count = 0 if first is None else first.shape[2]
        surface = find_surface(count, licensed)
        if surface is None:
            note = f"no body of {count} vertices is at hand, so their faces are unknown"
    if note or surface is None:
        blank = Score(value=float("nan"), num_frames=0, num_values=0)
        return tuple(_row(metric, blank, note=note) for metric in protocol.additions)
    ours, theirs = find_meetings(pairs, surface)
    return tuple(_measure(metric, pairs, ours, theirs, surface) for metric in protocol.additions)


def _measure(
    metric: Metric,
    pairs: Sequence[Pair],
    ours: Sequence[Meetings],
    theirs: Sequence[Meetings],
    surface: Surface,
) -> Row:
    if metric.measure.startswith("touch"):
        return _touches(metric, ours, theirs, surface)
    sides = theirs if metric.measure == "true-penetration" else ours
    wanted = [true.there for true in theirs]
    depths = [
        np.where(there, each.depth, np.nan) for each, there in zip(sides, wanted, strict=True)
    ]
    if metric.measure == "collision-share":
        depths = [
            np.where(np.isnan(depth), np.nan, depth > COLLISION_M).astype(np.float64)
            for depth in depths
        ]
    values = [metric.factor * depth for depth in depths]
    known = np.concatenate([each[np.isfinite(each)] for each in values])
    if metric.measure == "deepest-penetration":
        value, interval = float(known.max(initial=0.0)) if len(known) else float("nan"), None
    else:
        value = float(known.mean()) if len(known) else float("nan")
        interval = confidence_interval([each[..., None] for each in values], order="values")
    score = Score(
        value=value,
        num_frames=sum(int(np.isfinite(each).any(0).sum()) for each in values),
        num_values=len(known),
        num_missing=sum(int(there.sum()) for there in wanted) - len(known),
    )
    per_sequence = {
        pair.name: _summarise(metric, each) for pair, each in zip(pairs, values, strict=True)
    }
    return _row(metric, score, interval=interval, per_sequence=per_sequence)


def _summarise(metric: Metric, values: Float[np.ndarray, "P T"]) -> float:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan")
    return float(known.max() if metric.measure == "deepest-penetration" else known.mean())


def _touches(
    metric: Metric, ours: Sequence[Meetings], theirs: Sequence[Meetings], surface: Surface
) -> Row:
    # Where nobody knows the truth, a touch is neither right nor wrong.
    found = {
        touch
        for number, each in enumerate(ours)
        for touch in each.touches
        if theirs[number].there[touch[1], touch[2]]
    }
    true = {touch for each in theirs for touch in each.touches}
    per_parts: dict[str, float] = {}
    kinds = sorted({_kind(touch, surface) for touch in found | true})
    for kind in kinds:
        one, two = (
            {touch for touch in side if _kind(touch, surface) == kind} for side in (found, true)
        )
        per_parts[kind] = metric.factor * score_touches(metric.measure, one, two)
    score = Score(
        value=metric.factor * score_touches(metric.measure, found, true),
        num_frames=len({touch[:3] for touch in found | true}),
        num_values=len(found | true),
    )
    if not found and not true:
        return _row(metric, score, note="nobody touches, neither predicted nor true")
    return _row(metric, score, per_joint=per_parts)


def _kind(touch: Touch, surface: Surface) -> str:
    """Name a pair of parts; whose part is whose does not matter."""
    return " - ".join(sorted((surface.names[touch[3]], surface.names[touch[4]])))


def score_touches(measure: str, found: set[Touch], true: set[Touch]) -> float:
    """Return precision, recall or F1 of touches, 0 to 1; NaN where there is nothing to judge.

    Args:
        measure: `touch-precision`, `touch-recall` or `touch-f1`.
        found: Touches predicted.
        true: Touches of the truth.
    """
    right = len(found & true)
    total = {
        "touch-precision": len(found),
        "touch-recall": len(true),
        "touch-f1": (len(found) + len(true)) / 2,
    }[measure]
    return right / total if total else float("nan")


def _row(metric: Metric, score: Score, **fields) -> Row:
    return Row(
        name=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        score=score,
        **fields,
    )
