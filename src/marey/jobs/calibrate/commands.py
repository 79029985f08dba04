"""What `marey calibrate` does around the jobs: check outputs first, report, say what was found."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from marey.core.errors import InputError
from marey.core.files import atomic_path, refuse_existing
from marey.core.progress import Progress
from marey.jobs.reporting import print_json, report
from marey.jobs.talk import Talk
from marey.jobs.workspace import open_workspace

if TYPE_CHECKING:
    from marey.jobs.calibrate.result import Calibration

Find = Callable[[Progress, Callable[[str], None], Path | None], "Calibration"]
"""Calibrates, given what is called as it goes on and where answers are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateTask:
    """What was asked for."""

    sources: tuple[Path, ...]
    output: Path
    height: float | None
    length: tuple[str, str, float] | None
    lenses: Path | None
    fov: float | None
    refine: Path | None
    board: str | None
    sfm: bool
    fisheye: bool
    sync: bool
    start: str | None
    end: str | None
    every: int

    @property
    def page(self) -> Path:
        """Where the page goes."""
        name = self.output.name.removesuffix(".qca.txt")
        return self.output.with_name(name).with_suffix(".html")


def calibrate(task: CalibrateTask, *, talk: Talk) -> None:
    """Calibrate cameras, write the calibration and its page, and say how good it is."""
    # Loads what takes a second, which nobody wants to wait for to be refused by a typing error.
    from marey.jobs.calibrate.files import check_calibration, write_calibration

    _check(task)
    check_calibration(task.output, overwrite=talk.overwrite)
    refuse_existing(task.page, overwrite=talk.overwrite)
    told: list[str] = []

    def note(sentence: str) -> None:
        told.append(sentence)
        if not talk.quiet and not talk.json:
            sys.stderr.write(f"marey: {sentence}\n")

    def write(done: "Calibration") -> None:
        from marey.view.calibration import render_calibration

        write_calibration(done.cameras, task.output, overwrite=talk.overwrite)
        with atomic_path(task.page, overwrite=talk.overwrite) as temporary:
            temporary.write_text(render_calibration(done.page), encoding="utf-8", errors="replace")

    with report(quiet=talk.quiet, as_json=talk.json) as progress:
        find = _choose(task)
        if task.board is not None:
            done = find(progress, note, None)
            write(done)
        else:
            with _keep_answers(task.output) as journals:
                done = find(progress, note, journals)
                write(done)
    written = [str(task.output), str(task.page)]
    if talk.json:
        print_json({"written": written, "cameras": done.figures, "notes": told})
    elif not talk.quiet:
        sys.stdout.write("\n".join(done.lines) + f"\nwrote {' and '.join(written)}\n")


@contextmanager
def _keep_answers(target: Path) -> Iterator[Path]:
    """Yield a folder for what the networks say, which outlives an interruption.

    Raises:
        InputError: If another run works on the same calibration.
        KeyboardInterrupt: On Ctrl-C, with a sentence that says what stands.
    """
    with open_workspace(target) as workspace:
        try:
            yield workspace.folder / "views"
        except InputError:
            workspace.remove()
            raise
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"what is done is kept in {workspace.folder}, and the same command goes on from "
                "there"
            ) from None
        workspace.remove()


def _check(task: CalibrateTask) -> None:
    modes = {"--board": task.board, "--sfm": task.sfm, "--refine": task.refine}
    chosen = [name for name, given in modes.items() if given]
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} are different ways to calibrate; give one")
    if not task.sources:
        raise InputError(
            "give the videos of the cameras, one each; or pictures of a board, with --board"
        )
    twice = len({path.resolve() for path in task.sources}) < len(task.sources)
    if twice:
        raise InputError("a video is given twice; give one per camera")
    if task.fisheye and not task.sfm and task.board is None:
        raise InputError("--fisheye is for --board and --sfm; people say too little of such lenses")
    if (task.board or task.sfm) and task.fov is not None:
        raise InputError("--fov has no use with --board or --sfm, which find the lenses")
    if task.board and (task.height is not None or task.length is not None):
        raise InputError("a board says its size itself; leave --height and --length out")


def _choose(task: CalibrateTask) -> Find:
    if task.board is not None:
        from marey.jobs.calibrate.board import calibrate_by_board

        return lambda progress, note, journals: calibrate_by_board(
            task.sources,
            task.board or "",
            fisheye=task.fisheye,
            every=task.every,
            lenses=task.lenses,
            progress=progress,
            note=note,
        )
    if task.sfm:
        from marey.jobs.calibrate.structure import calibrate_by_sfm

        return lambda progress, note, journals: calibrate_by_sfm(
            task.sources,
            height=task.height,
            length=task.length,
            fisheye=task.fisheye,
            every=task.every,
            lenses=task.lenses,
            journals=journals,
            progress=progress,
            note=note,
        )
    from marey.jobs.calibrate.people import PeopleOptions, calibrate_by_people
    from marey.jobs.solve.options import SolveOptions

    options = PeopleOptions(
        height=task.height,
        length=task.length,
        lenses=task.lenses,
        fov_deg=task.fov,
        refine=task.refine,
        sync=task.sync,
        solve=SolveOptions(start=task.start, end=task.end, every=task.every),
    )
    return lambda progress, note, journals: calibrate_by_people(
        task.sources, options=options, journals=journals, progress=progress, note=note
    )
