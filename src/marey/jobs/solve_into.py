"""One video to one take on disk: whatever ends the run, the same command goes on from there.

Stages, each of which is skipped where it stands (see `stages`):

1. people: everyone's keypoints, a take without motion. Until it stands, a journal keeps what the
   networks answered.
2. fit: each person's motion in camera axes, a small take of its own.
3. world: the finished take.
4. refine, where it is asked for: a take that was not refined is refined as it stands.

Keypoints can also come from the finished take that is to be replaced, so that another focal length
or body does not look for people again.
"""

import json
import shutil
import time as clock
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from marey.body import Body, load_body
from marey.capture.everyone import find_world_of, fit_everyone
from marey.capture.observe import PinholeView
from marey.capture.people import to_person
from marey.capture.pipeline import CaptureOptions, Found, Timings, find_people, make_camera
from marey.capture.place_in_world import to_world
from marey.core import BodyMotion, Cameras, Clip, Person, Take, Track
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.core.files import atomic_path
from marey.core.heap import trim_heap
from marey.core.progress import Progress, silent
from marey.core.scratch import Scratch
from marey.io.overrides import Override
from marey.io.take import describe_source, read_run
from marey.io.take_stream import TakeReader, add_motions, write_people
from marey.io.video import read_frames
from marey.jobs.archive import DiskArchive
from marey.jobs.export_stage import NOTHING, Exported, write_exports
from marey.jobs.files import refuse_existing
from marey.jobs.journal import Journal
from marey.jobs.options import SolveOptions
from marey.jobs.outputs import check_exports, check_target
from marey.jobs.overriding import choose_overrides, make_edit
from marey.jobs.recorded import record_detector, record_estimator
from marey.jobs.solve import (
    capture_options,
    check_numbers,
    choose_view,
    describe_run,
    open_clip,
    open_networks,
    refine_fitted,
)
from marey.jobs.stages import Table, describe_stages, find_changes
from marey.jobs.workspace import Workspace, open_workspace

_STAGES = "stages.json"

Note = Callable[[str], None]
"""Receives a sentence for the user about how the run goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvedTake:
    """A take on disk and how the run went."""

    path: Path
    people: tuple[str, ...]
    run: Mapping[str, Any]
    """What stands in its `run.json`."""
    solved: bool = True
    """Whether there was anything to do; else the take stood."""
    exported: Exported = NOTHING
    """What it was exported to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What a run is made of."""

    clip: Clip
    digest: str
    """SHA-256 of the video."""
    options: SolveOptions
    capture: CaptureOptions
    view: PinholeView
    body: Body
    stages: Mapping[str, Table]
    overrides: Sequence[Override]
    target: Path
    progress: Progress
    note: Note
    timings: Timings

    @property
    def identity(self) -> bytes:
        """What keypoints depend on."""
        parts = {"clip": self.digest, **{key: self.stages[key] for key in ("marey", "people")}}
        return json.dumps(parts, sort_keys=True).encode()


def solve_into(
    video: str | Path,
    target: str | Path,
    *,
    options: SolveOptions | None = None,
    exports: Sequence[Path] = (),
    overwrite: bool = False,
    progress: Progress = silent,
    note: Note = lambda sentence: None,
) -> SolvedTake:
    """Turn a video into a take on disk, in memory that does not grow with the video.

    An interrupted run leaves a folder `TARGET.part`; calling this again with the same arguments
    goes on from there and gives the same bytes as a run that was not interrupted.

    Args:
        video: A video file, a folder of images or a single image.
        target: The take to write.
        options: Camera, body and networks.
        exports: Files to write the take to in other formats, see `marey.export`.
        overwrite: Whether an existing take and existing exports may be replaced; the take's
            keypoints are kept if they are those that the options ask for.
        progress: Called as the stages advance.
        note: Called with a sentence wherever a stage is skipped or done again.

    Raises:
        OutputExistsError: If the take or an export exists, is not of the interrupted run, and
            `overwrite` is off.
        InputError: If the file or an option cannot be used, nobody is found, or another run works
            on the same take.
        EnvironmentFault: If the disk is full.
        KeyboardInterrupt: On Ctrl-C, with a sentence that says what stands.
    """
    begin, options, target = clock.perf_counter(), options or SolveOptions(), Path(target)
    check_numbers(options)
    check_target(target, overwrite=overwrite)
    check_exports(target, exports, overwrite=overwrite, sources=[Path(video)])
    clip = open_clip(video, options)
    view, body = choose_view(clip, options), load_body(options.body)
    overrides = choose_overrides(options, target, note)
    run = _Run(
        clip=clip,
        digest=describe_source(clip.video)["sha256"],
        options=options,
        capture=capture_options(options),
        view=view,
        body=body,
        stages=describe_stages(options, view, body, overrides),
        overrides=overrides,
        target=target,
        progress=progress,
        note=note,
        timings=Timings(),
    )
    with open_workspace(target) as workspace:
        try:
            solved = _solve(run, workspace, begin, overwrite=overwrite)
        except (NothingFoundError, FormatError):
            # Another attempt at the same file ends the same; a mended one is another file.
            workspace.remove()
            raise
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"what is done is kept in {workspace.folder}, and the same command goes on from "
                "there"
            ) from None
        workspace.forget_stages()
        exported = write_exports(
            target, exports, workspace=workspace, overwrite=overwrite, progress=progress
        )
        workspace.remove()
    return replace(solved, exported=exported)


def _solve(run: _Run, workspace: Workspace, begin: float, *, overwrite: bool) -> SolvedTake:
    standing = _read_soundly(run.target)
    if standing is not None and _is_finished(run, standing):
        run.note(f"{run.target} stands: the video and all options are the same")
        length = len(standing.take.time)
        notes = read_run(run.target) or describe_run(Timings(), 0.0, num_frames=length)
        return SolvedTake(path=run.target, people=_names(standing), run=notes, solved=False)
    # It may be that of another run, beside the workspace of one that was interrupted.
    refuse_existing(run.target, overwrite=overwrite)
    people = _standing_people(run, workspace)
    if people is not None and _is_unrefined(run, people):
        standing, cameras = people, people.take.cameras
        assert cameras is not None

        def refine(number: int) -> BodyMotion | None:
            motion = standing.read_person(number).motion
            return _refine(run, motion)

        run.note("people and fit stand: refining")
        return _finish(run, workspace, people, refine, cameras, begin)
    if people is None:
        people = _find_people(run, workspace)
    else:
        length = len(people.take.time)
        run.progress("people", length, length)
    archive = _fit(run, workspace, people)
    with run.timings.measure("world"), torch.inference_mode():
        world = find_world_of(archive, body=run.body, name=run.clip.name)
    scratch, name = workspace.scratch / "world", _body_name(run.options)

    def place(number: int) -> BodyMotion | None:
        shutil.rmtree(scratch, ignore_errors=True)
        motion = archive.read_motion(number)
        if motion is None:
            return None
        with run.timings.measure("world"), torch.inference_mode():
            placed = to_world(run.body, motion, world, scratch=Scratch(scratch))
        return _refine(run, placed if name is None else replace(placed, body=name))

    cameras = make_camera(people.take.clips[0], run.view, world)
    return _finish(run, workspace, people, place, cameras, begin)


def _refine(run: _Run, motion: BodyMotion | None) -> BodyMotion | None:
    if motion is None or run.options.refine == "none":
        return motion
    with run.timings.measure("refine"):
        return refine_fitted(motion, run.options)


def _finish(
    run: _Run,
    workspace: Workspace,
    people: TakeReader,
    motions: Callable[[int], BodyMotion | None],
    cameras: Cameras,
    begin: float,
) -> SolvedTake:
    """Write the take."""
    notes: dict[str, Any] = {}

    def describe() -> Mapping[str, Any]:
        total = clock.perf_counter() - begin
        notes.update(describe_run(run.timings, total, num_frames=len(people.take.time)))
        return notes

    add_motions(
        people,
        run.target,
        motions=motions,
        cameras=cameras,
        provenance=run.stages,
        overwrite=True,
        run=describe,
    )
    return SolvedTake(path=run.target, people=_names(people), run=notes)


def _standing_people(run: _Run, workspace: Workspace) -> TakeReader | None:
    """Return everyone's keypoints if they stand, and say what stands or why nothing does."""
    unfinished = _read_soundly(workspace.people)
    if unfinished is not None and not _find_people_changes(run, unfinished):
        run.note("people: taken from the interrupted run")
        return unfinished
    finished = _read_soundly(run.target)
    for reader in (unfinished, finished):
        changes = [] if reader is None else _find_people_changes(run, reader)
        if reader is not None and not changes:
            _say_fit_changes(run, dict(reader.take.provenance))
            return reader
        if changes:
            run.note(f"{', '.join(changes)} changed: finding people again")
    shutil.rmtree(workspace.people, ignore_errors=True)
    shutil.rmtree(workspace.fit, ignore_errors=True)
    return None


def _read_soundly(path: Path) -> TakeReader | None:
    try:
        return TakeReader(path, verify=True) if path.exists() else None
    except InputError:
        return None


def _find_people_changes(run: _Run, reader: TakeReader) -> list[str]:
    clips = reader.header.get("clips", [{}])
    video = [] if clips[0].get("sha256") == run.digest else ["the video"]
    return [*video, *find_changes(reader.take.provenance, run.stages, "people")]


def _is_finished(run: _Run, reader: TakeReader) -> bool:
    old = reader.take.provenance
    later = [find_changes(old, run.stages, stage) for stage in ("fit", "refine")]
    return not any([_find_people_changes(run, reader), *later])


def _is_unrefined(run: _Run, reader: TakeReader) -> bool:
    """Whether a finished take only lacks the refinement that is asked for."""
    old = reader.take.provenance
    fitted = reader.path == run.target and not find_changes(old, run.stages, "fit")
    return fitted and "refine" in run.stages and "refine" not in old


def _say_fit_changes(run: _Run, old: Mapping[str, Table]) -> None:
    changes = find_changes(old, run.stages, "fit")
    # A refined motion does not hold the one it was made of.
    if "refine" in old:
        changes += find_changes(old, run.stages, "refine")
    if changes:
        run.note(f"{', '.join(changes)} changed: fitting again; people are kept")


def _find_people(run: _Run, workspace: Workspace) -> TakeReader:
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


def _fit(run: _Run, workspace: Workspace, people: TakeReader) -> DiskArchive:
    marker = workspace.fit / _STAGES
    wanted = {"clip": {"sha256": run.digest}, **run.stages}
    before = _read_stages(marker)
    if before.get("clip") != wanted["clip"] or find_changes(before, run.stages, "people"):
        shutil.rmtree(workspace.fit, ignore_errors=True)
    elif find_changes(before, run.stages, "fit"):
        _say_fit_changes(run, before)
        shutil.rmtree(workspace.fit, ignore_errors=True)
    workspace.fit.mkdir(exist_ok=True)
    with atomic_path(marker) as path:
        path.write_text(json.dumps(wanted), encoding="utf-8")
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


def _make_edit(run: _Run, people: TakeReader) -> Callable[[Person], Person]:
    if not run.overrides:
        return lambda person: person
    joints = people.read_person(0).keypoints2d[0].skeleton.keypoints
    return make_edit(people.take.clips[0], _names(people), joints, run.overrides)


def _read_stages(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    return {}


def _body_name(options: SolveOptions) -> str | None:
    """Let motions name the user's own body by its path, so that exports can load it again."""
    return str(Path(options.body).resolve()) if Path(options.body).suffix else None


def _names(people: TakeReader) -> tuple[str, ...]:
    return tuple(table["name"] for table in people.header["people"])
