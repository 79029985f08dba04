"""Measuring saved predictions against the truth by a protocol."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core.errors import InputError
from marey.evaluate.additions import measure_additions
from marey.evaluate.bootstrap import confidence_interval
from marey.evaluate.crowd import measure_crowd
from marey.evaluate.matching import found_share
from marey.evaluate.measure import ErrorMap, NotMeasurable, is_map, measure
from marey.evaluate.pairing import FIELDS
from marey.evaluate.poses import PoseSequence, PoseSet
from marey.evaluate.prepare import Pair, prepare
from marey.evaluate.protocol import Metric, Protocol
from marey.evaluate.result import Frame, Result, Row
from marey.evaluate.score import Score, average

NUM_WORST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A result and the maps it was averaged from, for plots."""

    result: Result
    pairs: tuple[Pair, ...]
    maps: dict[str, tuple[ErrorMap, ...]]
    """By metric, one map per sequence, in the metric's unit."""


def evaluate(
    protocol: Protocol,
    predicted: PoseSet,
    truth: PoseSet,
    *,
    smpl_dir: Path | None = None,
    allow_missing: bool = False,
) -> Measured:
    """Measure predictions by a protocol.

    Args:
        protocol: What to measure, see `marey.evaluate.protocols.get_protocol`.
        predicted: Predictions.
        truth: Truth; only its sequences and frames count.
        smpl_dir: Folder of the licensed files (`J_regressor_*.npy`) that some protocols need.
        allow_missing: Whether predictions may be incomplete; the result counts what is missing.

    Raises:
        InputError: If the two cannot be compared, see `marey.evaluate.prepare.prepare`.
        FormatError: If a licensed file is not what its name says.
    """
    pairs = prepare(protocol, predicted, truth, regressors=smpl_dir, allow_missing=allow_missing)
    people, missed = sum(p.num_people for p in pairs), sum(p.num_missed for p in pairs)
    if protocol.split_people:
        pairs = [part for pair in pairs for part in _split(pair)]
    rows: list[Row] = []
    maps: dict[str, tuple[ErrorMap, ...]] = {}
    for metric in protocol.metrics:
        if is_map(metric):
            row, maps[metric.name] = _average(protocol, metric, pairs)
        elif metric.measure in ("found-f1", "per-found"):
            row = _found(protocol, metric, rows, people, missed)
        else:
            row = measure_crowd(protocol, metric, pairs)
        rows.append(row)
    if all(row.note or not np.isfinite(row.score.value) for row in rows):
        reasons = "; ".join(sorted({row.note for row in rows if row.note}))
        raise InputError(
            f"nothing of protocol {protocol.name} could be measured: "
            f"{reasons or 'not one true joint has a prediction'}"
        )
    result = Result(
        full_name=protocol.full_name,
        protocol=protocol.describe(),
        rows=tuple(rows),
        num_sequences=len(pairs),
        num_people=people,
        num_missed=missed,
        predictions=predicted.origin,
        truth=truth.origin,
        notes=_notes(protocol, truth, pairs),
        additions=measure_additions(protocol, pairs, licensed=smpl_dir),
    )
    return Measured(
        result=result, pairs=tuple(pairs), maps={name: each for name, each in maps.items() if each}
    )


def _average(
    protocol: Protocol, metric: Metric, pairs: Sequence[Pair]
) -> tuple[Row, tuple[ErrorMap, ...]]:
    try:
        found = [measure(protocol, metric, pair) for pair in pairs]
    except NotMeasurable as error:
        return _empty(metric, str(error)), ()
    maps = tuple(replace(each, values=each.values * metric.factor) for each in found)
    values = [each.values for each in maps]
    names = [pair.name for pair in pairs]
    score = average(values, expected=[each.expected for each in maps], order=metric.order)
    if not score.num_values:
        return replace(_empty(metric, "not one value counts"), score=score), ()
    row = Row(
        name=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        score=score,
        interval=confidence_interval(values, order=metric.order),
        per_person=True,
        per_sequence={
            name: average([each], order=metric.order).value
            for name, each in zip(names, values, strict=True)
        },
        per_joint=_per_joint(maps),
        worst=_worst(metric, pairs, maps),
    )
    return row, maps


def _empty(metric: Metric, note: str) -> Row:
    return Row(
        name=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        score=Score(value=float("nan"), num_frames=0, num_values=0),
        note=note,
        per_person=True,
    )


def _per_joint(maps: Sequence[ErrorMap]) -> dict[str, float]:
    names = maps[0].columns
    if not names:
        return {}
    rows = np.concatenate([each.values.reshape(-1, len(names)) for each in maps])
    known = np.isfinite(rows)
    count = known.sum(0)
    means = np.where(known, rows, 0.0).sum(0) / np.where(count > 0, count, np.nan)
    return dict(zip(names, means.tolist(), strict=True))


def frame_means(values: Float[np.ndarray, "N U R"]) -> Float[np.ndarray, "N U"]:
    """Return the mean of every person's frame, NaN where nothing counts."""
    known = np.isfinite(values)
    count = known.sum(-1)
    return np.where(known, values, 0.0).sum(-1) / np.where(count > 0, count, np.nan)


def _worst(metric: Metric, pairs: Sequence[Pair], maps: Sequence[ErrorMap]) -> tuple[Frame, ...]:
    sign = -1.0 if metric.higher_is_better else 1.0
    found: list[tuple[float, Frame]] = []
    for pair, each in zip(pairs, maps, strict=True):
        means = frame_means(each.values)
        flat = np.where(np.isnan(means), -np.inf, sign * means).ravel()
        for place in np.argsort(-flat, kind="stable")[:NUM_WORST].tolist():
            person, row = divmod(place, means.shape[1])
            if np.isfinite(means[person, row]):
                frame = Frame(
                    sequence=pair.name,
                    person=person,
                    frame=int(pair.truth.frame[row + each.first_frame]),
                    value=float(means[person, row]),
                )
                found.append((float(flat[place]), frame))
    # Sorting is stable: equal frames stay in the order of the files.
    found.sort(key=lambda each: -each[0])
    return tuple(frame for _, frame in found[:NUM_WORST])


def _found(
    protocol: Protocol, metric: Metric, rows: Sequence[Row], people: int, missed: int
) -> Row:
    share = found_share(people, missed, decimals=2 if protocol.has("rounded-f1") else None)
    if metric.measure == "found-f1":
        value, base = share.f1, None
    else:
        base = next(row for row in rows if row.name == metric.of)
        value = base.score.value / share.f1 if share.f1 else float("nan")
    return Row(
        name=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        score=Score(
            value=value,
            num_frames=people - missed,
            num_values=people,
            num_missing=missed,
        ),
        note=base.note if base is not None else "",
        per_person=True,
    )


def _split(pair: Pair) -> list[Pair]:
    return [
        replace(
            pair,
            name=f"{pair.name}, person {person}",
            predicted=_one(pair.predicted, person),
            truth=_one(pair.truth, person),
            valid=pair.valid[[person]],
        )
        for person in range(len(pair.truth.position))
    ]


def _one(each: PoseSequence, person: int) -> PoseSequence:
    fields = {name: getattr(each, name) for name in FIELDS}
    chosen = {name: values[[person]] for name, values in fields.items() if values is not None}
    return replace(each, **chosen)


def _notes(protocol: Protocol, truth: PoseSet, pairs: Sequence[Pair]) -> tuple[str, ...]:
    notes = []
    if protocol.lacking:
        notes.append(f"a draft: no source at hand says {'; '.join(protocol.lacking)}")
    names = {each.name for each in truth.sequences}
    lost = names - {pair.name.rsplit(", person ", 1)[0] for pair in pairs}
    if lost:
        notes.append(f"{len(lost)} of {len(names)} sequences have no predictions")
    return tuple(notes)
