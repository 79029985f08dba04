"""Files of corpora: which one it is, and what is labelled in it."""

from pathlib import Path

import numpy as np

from marey.core import BodyMotion, Keypoints2D, Keypoints3D
from marey.datasets.recording import Recording
from marey.jobs.evaluate.corpora import Corpus, read_corpus, take_first
from marey.jobs.info.description import Description, Fact, Table
from marey.jobs.info.motions import say_motion
from marey.jobs.info.phrases import say_clock, say_file_size, say_size

SHOWN = 10_000
"""Sequences that are listed; more are counted."""


def describe_corpus(path: Path, corpus: Corpus) -> Description:
    """Describe a file or folder of a corpus by reading it.

    Raises:
        FormatError: If its content is not what its name promises.
    """
    first, items = take_first(read_corpus(path, corpus))
    reader = Fact("reader", f"marey.datasets.{corpus.module}")
    if isinstance(first, BodyMotion):
        count = sum(1 for _ in items)
        facts = [reader, *([Fact("sequences", count)] if count > 1 else []), *say_motion(first)]
        return Description(path=path, kind=corpus.title, facts=(*facts, say_file_size(path)))
    rows, count, frames, notes = [], 0, 0, {}
    for item in items:
        assert isinstance(item, Recording)
        count += 1
        frames += len(item.frame)
        notes |= dict.fromkeys(item.notes)
        if count <= SHOWN:
            rows.append(_tabulate(item))
    single = count == 1
    facts = [reader, *(_say_recording(first) if single else _say_many(first, count, frames))]
    facts += [Fact("notes", [*notes], "; ".join(notes))] if notes else []
    more = (f"{count - SHOWN} more sequences are not listed",) if count > SHOWN else ()
    return Description(
        path=path,
        kind=corpus.title,
        facts=(*facts, say_file_size(path)),
        tables=() if single else (Table(name="sequences", rows=tuple(rows)),),
        warnings=more,
    )


def _say_many(first: Recording, count: int, frames: int) -> list[Fact]:
    facts = [Fact("sequences_in_it", count, str(count)), Fact("frames", frames)]
    return facts + _say_parts(first)


def _say_recording(item: Recording) -> list[Fact]:
    facts = [Fact("sequence", item.name), Fact("people", [*item.people], ", ".join(item.people))]
    if item.frame_rate is None:
        return [*facts, Fact("frames", len(item.frame)), *_say_parts(item)]
    return facts + say_clock(item.frame / item.frame_rate) + _say_parts(item)


def _say_parts(item: Recording) -> list[Fact]:
    facts = []
    for name, points in (("in_image", item.keypoints2d), ("in_space", item.keypoints3d)):
        if points is not None:
            facts.append(_say_points(name, points))
    if item.motion is not None:
        body = item.motion.body
        facts.append(Fact("body", body if isinstance(body, str) else body.name))
    if item.cameras is not None:
        names = item.cameras.names
        facts.append(Fact("cameras", len(names), f"{len(names)} ({item.cameras.model})"))
    if item.size is not None:
        facts.append(say_size(item.size))
    return facts


def _say_points(name: str, points: Keypoints2D | Keypoints3D) -> Fact:
    share = float(np.mean(points.valid)) if points.valid.size else 0.0
    text = f"{points.skeleton.name}, {100 * share:.0f} % of all points"
    return Fact(name, points.skeleton.name, text)


def _tabulate(item: Recording) -> tuple[Fact, ...]:
    return (
        Fact("name", item.name),
        Fact("frames", len(item.frame)),
        Fact("people", len(item.people)),
    )
