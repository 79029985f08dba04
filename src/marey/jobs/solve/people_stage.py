"""The first stage of a long run: everyone's keypoints, kept as a take without motion."""

import shutil
from collections.abc import Iterator

from marey.capture.people import to_person
from marey.capture.pipeline import Found, find_people
from marey.core import Person, Take, Track
from marey.core.heap import trim_heap
from marey.core.scratch import Scratch
from marey.io.take.stream import TakeReader, write_people
from marey.io.video import read_frames
from marey.jobs.solve.journal import Journal
from marey.jobs.solve.long_run import LongRun
from marey.jobs.solve.recorded import record_detector, record_estimator
from marey.jobs.solve.video import open_networks
from marey.jobs.workspace import Workspace


def keep_people(run: LongRun, workspace: Workspace) -> TakeReader:
    """Find everyone, answering from the journal what an interrupted run has asked the networks."""
    with run.timings.measure("load networks"):
        detector, estimator = open_networks(run.options)
    rows = workspace.scratch / "rows"
    rows.mkdir(parents=True)
    journal = Journal(workspace.journal, run.identity)
    if journal.num_frames:
        run.note(f"people: going on after frame {journal.num_frames} of the interrupted run")
    try:
        with run.timings.measure("people"):
            found = find_people(
                run.clip,
                journal.watch(read_frames(run.clip)),
                detector=record_detector(detector, journal),
                estimator=record_estimator(estimator, journal),
                options=run.capture,
                progress=run.progress,
                spill=rows,
            )
            stages = {key: run.stages[key] for key in ("marey", "people")}
            write_people(
                Take(time=found.clip.time, clips=(found.clip,), provenance=stages),
                workspace.people,
                people=_lay_out(found, workspace),
                home=run.target.parent,
            )
    finally:
        journal.close()
    workspace.journal.unlink()
    del detector, estimator
    trim_heap()
    return TakeReader(workspace.people)


def _lay_out(found: Found, workspace: Workspace) -> Iterator[tuple[Person, Track]]:
    folder = workspace.scratch / "person"
    for name, followed in zip(found.names, found.followed, strict=True):
        yield to_person(followed, name, found.skeleton, found.clip.time, scratch=Scratch(folder))
        followed.results.discard()
        shutil.rmtree(folder, ignore_errors=True)
