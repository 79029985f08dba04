"""The second stage of a long run: each person's motion in camera axes, a small take of its own."""

from collections.abc import Callable

from marey.capture.everyone import fit_everyone
from marey.core import Person
from marey.core.heap import trim_heap
from marey.io.take.stream import TakeReader
from marey.jobs.solve.archive import DiskArchive
from marey.jobs.solve.long_run import LongRun, list_names
from marey.jobs.solve.overriding import make_edit
from marey.jobs.solve.stages import find_changes
from marey.jobs.solve.standing import keep_if_same, say_fit_changes
from marey.jobs.workspace import Workspace


def fit_people(run: LongRun, workspace: Workspace, people: TakeReader) -> DiskArchive:
    """Fit everyone whom an interrupted run has not fitted yet."""
    before = keep_if_same(run, workspace.fit, ("people", "fit"))
    same_video = before.get("clip") == {"sha256": run.digest}
    if same_video and not find_changes(before, run.stages, "people"):
        say_fit_changes(run, find_changes(before, run.stages, "fit"))
    archive = DiskArchive(people, workspace, edit=_make_edit(run, people))
    if archive.num_standing:
        run.note(f"fit: {archive.num_standing} of {len(people)} taken from the interrupted run")
    with run.timings.measure("fit"):
        fit_everyone(
            archive,
            body=run.body,
            view=run.view,
            options=run.capture.fit,
            workers=run.capture.workers,
            progress=run.progress,
        )
    trim_heap()
    return archive


def _make_edit(run: LongRun, people: TakeReader) -> Callable[[Person], Person]:
    if not run.overrides:
        return lambda person: person
    joints = people.read_person(0).keypoints2d[0].skeleton.keypoints
    return make_edit(people.take.clips[0], list_names(people), joints, run.overrides)
