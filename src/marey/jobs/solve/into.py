"""One video to one take on disk: whatever ends the run, the same command goes on from there.

Stages, each of which is skipped where it stands (see `stages`):

1. people: everyone's keypoints, a take without motion. Until it stands, a journal keeps what the
   networks answered.
2. fit: each person's motion in camera axes, a small take of its own.
3. world and contact: everyone in one world, bodies out of each other, piece by piece; then the
   finished take.
4. refine, where it is asked for: a take that was not refined is refined as it stands.

Keypoints can also come from the finished take that is to be replaced, so that another focal length
or body does not look for people again.
"""

import shutil
import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from marey.body import load_body
from marey.capture.contact.settle_everyone import settle_everyone
from marey.capture.everyone import find_world_of
from marey.capture.pipeline import Timings, make_camera
from marey.core import BodyMotion, Cameras
from marey.core.errors import FormatError, NothingFoundError
from marey.core.progress import Progress, silent
from marey.core.scratch import Scratch
from marey.io.take import describe_source, read_run
from marey.io.take.stream import TakeReader, add_motions
from marey.jobs.export.outputs import check_exports, check_target
from marey.jobs.export.stage import NOTHING, Exported, write_exports
from marey.jobs.files import refuse_existing
from marey.jobs.solve.fit_stage import fit_people
from marey.jobs.solve.gathered import DiskGathering
from marey.jobs.solve.long_run import LongRun, Note, list_names
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.overriding import choose_overrides
from marey.jobs.solve.people_stage import keep_people
from marey.jobs.solve.stages import describe_stages
from marey.jobs.solve.standing import (
    find_standing_people,
    is_finished,
    is_unrefined,
    keep_if_same,
    read_soundly,
)
from marey.jobs.solve.video import (
    capture_options,
    check_numbers,
    choose_view,
    describe_run,
    open_clip,
    refine_fitted,
)
from marey.jobs.workspace import Workspace, open_workspace


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
    run = LongRun(
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


def _solve(run: LongRun, workspace: Workspace, begin: float, *, overwrite: bool) -> SolvedTake:
    standing = read_soundly(run.target)
    if standing is not None and is_finished(run, standing):
        run.note(f"{run.target} stands: the video and all options are the same")
        length = len(standing.take.time)
        notes = read_run(run.target) or describe_run(Timings(), 0.0, num_frames=length)
        return SolvedTake(path=run.target, people=list_names(standing), run=notes, solved=False)
    # It may be that of another run, beside the workspace of one that was interrupted.
    refuse_existing(run.target, overwrite=overwrite)
    people = find_standing_people(run, workspace)
    if people is not None and is_unrefined(run, people):
        standing, cameras = people, people.take.cameras
        assert cameras is not None

        def refine(number: int) -> BodyMotion | None:
            motion = standing.read_person(number).motion
            return _refine(run, motion)

        run.note("people and fit stand: refining")
        return _finish(run, workspace, people, refine, cameras, begin)
    if people is None:
        people = keep_people(run, workspace)
    else:
        length = len(people.take.time)
        run.progress("people", length, length)
    archive = fit_people(run, workspace, people)
    with run.timings.measure("world"), torch.inference_mode():
        world = find_world_of(archive, body=run.body, name=run.clip.name)
    cameras = make_camera(people.take.clips[0], run.view, world)
    with run.timings.measure("contact"), torch.inference_mode():
        keep_if_same(run, workspace.contact, ("people", "fit", "collision"))
        gathering = DiskGathering(archive, people.take.time, world, run.body, workspace)
        if gathering.num_standing:
            run.note(f"contact: going on after piece {gathering.num_standing}")
        settled = settle_everyone(
            gathering, cameras, run.body, options=run.capture.settle, progress=run.progress
        )
    scratch, name = workspace.scratch / "apart", _body_name(run.options)

    def place(number: int) -> BodyMotion | None:
        shutil.rmtree(scratch, ignore_errors=True)
        if gathering.read_root(number) is None:
            return None
        with run.timings.measure("world"):
            placed = settled.place(number, gathering.read_motion(number), scratch=Scratch(scratch))
        return _refine(run, placed if name is None else replace(placed, body=name))

    return _finish(run, workspace, people, place, cameras, begin)


def _refine(run: LongRun, motion: BodyMotion | None) -> BodyMotion | None:
    if motion is None or run.options.refine == "none":
        return motion
    with run.timings.measure("refine"):
        return refine_fitted(motion, run.options)


def _finish(
    run: LongRun,
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
    return SolvedTake(path=run.target, people=list_names(people), run=notes)


def _body_name(options: SolveOptions) -> str | None:
    """Let motions name the user's own body by its path, so that exports can load it again."""
    return str(Path(options.body).resolve()) if Path(options.body).suffix else None
