"""Who touches whom, with which parts, when and how deep: figures from what the take noted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.core import Take
from marey.evaluate.quality import joined_runs
from marey.view.report.findings import Finding
from marey.view.report.words import number, spoken

MAX_PARTS = 10
"""Pairs of parts that are told apart; of more, those that touch longest."""
DEEP_M = 0.03
"""How far bodies may be in each other; flesh gives way by less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTouch:
    """A part of one person on a part of another."""

    part: str
    other_part: str
    frames: Bool[np.ndarray, "T"]
    depth: float
    """The deepest that one skin is in the other, m; 0 where they only meet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touching:
    """Two people who touch, or one who touches themselves."""

    person: str
    other: str
    depth: Float[np.ndarray, "T"]
    """How far one skin is in the other at its deepest, m; 0 where they only meet; NaN where they
    do not touch."""
    parts: tuple[PartTouch, ...]
    """Those that touch longest first."""
    num_more: int
    """Pairs of parts that are not listed."""

    @property
    def frames(self) -> Bool[np.ndarray, "T"]:
        """When they touch anywhere."""
        return np.isfinite(self.depth)

    def deepest(self) -> tuple[int, float]:
        """Return the frame at which they are deepest in each other, and how deep, m."""
        frame = int(np.nanargmax(self.depth))
        return frame, float(self.depth[frame])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Every touch once: people and parts as numbers, the earlier person first."""

    pair: Int[np.ndarray, "R 2"]
    parts: Int[np.ndarray, "R 2"]
    frame: Int[np.ndarray, "R"]
    depth: Float[np.ndarray, "R"]


def measure_touches(take: Take) -> tuple[Touching, ...] | None:
    """Return everyone who touches, those who touch longest first; None if nobody has looked."""
    moving = [person for person in take.people if person.motion is not None]
    if not any(person.motion.touch for person in moving if person.motion is not None):
        return None
    names, parts = [person.name for person in take.people], []
    tables = [*_gather(take, names, parts)]
    rows = _Rows(
        pair=np.concatenate([table.pair for table in tables]),
        parts=np.concatenate([table.parts for table in tables]),
        frame=np.concatenate([table.frame for table in tables]),
        depth=np.concatenate([table.depth for table in tables]),
    )
    found = [
        _measure_pair(rows, (rows.pair == pair).all(1), names, parts, len(take.time))
        for pair in np.unique(rows.pair, axis=0)
    ]
    return tuple(sorted(found, key=lambda touching: -int(touching.frames.sum())))


def find_in_touches(take: Take, touches: Sequence[Touching] | None) -> Iterator[Finding]:
    """Yield who is so deep in whom that the fit must be wrong."""
    for touching in touches or ():
        deep = np.nan_to_num(touching.depth) > DEEP_M
        if deep.any():
            deepest = max(touching.parts, key=lambda part: part.depth)
            runs = joined_runs(deep, join=2)
            yield Finding(
                kind="Bodies in each other",
                who=f"{touching.person} and {touching.other}",
                text=f"Up to {number(100 * touching.deepest()[1])} cm deep, "
                f"{spoken(deepest.part)} and {spoken(deepest.other_part)}: at least one of the "
                "bodies is fitted wrongly there.",
                spans=tuple(
                    (float(take.time[run.start]), float(take.time[run.stop - 1])) for run in runs
                ),
            )


def _gather(take: Take, names: list[str], parts: list[str]) -> Iterator[_Rows]:
    """Yield each person's rows; adds to names and parts what is met on the way."""
    for number_, person in enumerate(take.people):
        touch = None if person.motion is None else person.motion.touch
        if touch is None:
            continue
        names += [name for name in touch.others if name not in names]
        parts += [name for name in touch.parts if name not in parts]
        to_part = np.array([parts.index(name) for name in touch.parts], np.int64)
        to_name = np.array([names.index(name) for name in touch.others], np.int64)
        other = to_name[touch.other]
        pair = np.stack([np.full_like(other, number_), other], 1)
        own = np.stack([to_part[touch.part], to_part[touch.other_part]], 1)
        # A touch has a row in either's name; of oneself, from either part.
        swap = (pair[:, 0] > pair[:, 1]) | ((pair[:, 0] == pair[:, 1]) & (own[:, 0] > own[:, 1]))
        yield _Rows(
            pair=np.where(swap[:, None], pair[:, ::-1], pair),
            parts=np.where(swap[:, None], own[:, ::-1], own),
            frame=np.asarray(touch.frame, np.int64) + person.start,
            depth=np.maximum(-np.asarray(touch.gap, np.float64), 0.0),
        )


def _measure_pair(
    rows: _Rows,
    chosen: Bool[np.ndarray, "R"],
    names: list[str],
    parts: list[str],
    num_frames: int,
) -> Touching:
    frame, own, deep = rows.frame[chosen], rows.parts[chosen], rows.depth[chosen]
    depth = np.full(num_frames, -1.0)
    np.maximum.at(depth, frame, deep)
    pairs, which = np.unique(own, axis=0, return_inverse=True)
    found = []
    for row, (part, other_part) in enumerate(pairs.tolist()):
        here = which.ravel() == row
        mask = np.zeros(num_frames, bool)
        mask[frame[here]] = True
        found.append((int(mask.sum()), float(deep[here].max()), part, other_part, mask))
        # What is not shown is not kept: an hour has many frames.
        found = sorted(found, key=lambda each: -each[0])[:MAX_PARTS]
    person, other = (names[int(k)] for k in rows.pair[chosen][0])
    return Touching(
        person=person,
        other=other,
        depth=np.where(depth < 0, np.nan, depth),
        parts=tuple(
            PartTouch(part=parts[a], other_part=parts[b], frames=mask, depth=deepest)
            for _, deepest, a, b, mask in found
        ),
        num_more=len(pairs) - len(found),
    )
