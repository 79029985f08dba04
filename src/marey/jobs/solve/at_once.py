"""Solves that are done in memory, in one go: the take and its exports still are one run.

What such a solve was made of is written down before its take is. So the same command knows a take
for its own after an interruption, and goes on with the exports.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import marey
from marey.core.errors import FormatError, InputError
from marey.core.files import atomic_path
from marey.core.progress import Progress
from marey.io.take import HEADER, hash_file, read_run, read_take, write_take
from marey.jobs.export.outputs import check_exports, check_target, digest_output
from marey.jobs.export.stage import write_exports
from marey.jobs.files import refuse_existing
from marey.jobs.solve.into import SolvedTake
from marey.jobs.solve.long_run import Note
from marey.jobs.solve.video import Solved
from marey.jobs.workspace import Workspace, open_workspace

_BEGUN = "begun.json"


def solve_at_once(  # noqa: PLR0913
    solve: Callable[[], Solved],
    target: Path,
    *,
    sources: Sequence[Path],
    settings: Mapping[str, Any],
    exports: Sequence[Path],
    overwrite: bool,
    progress: Progress,
    note: Note,
    resumes: bool = False,
) -> SolvedTake:
    """Solve in memory, write the take and the exports; go on where an interrupted run stopped.

    Args:
        solve: Does the work.
        target: The take to write.
        sources: The files and folders it is made of.
        settings: All else it depends on, as JSON values.
        exports: Files to write the take to in other formats.
        overwrite: Whether what exists may be replaced.
        progress: Called as frames are written.
        note: Called with a sentence if the take stands.
        resumes: Whether `solve` keeps what it works out in the workspace and goes on from there.

    Raises:
        OutputExistsError: If the take or an export exists, is not of the interrupted run, and
            `overwrite` is off.
        InputError: What `solve` raises, or if another run works on the same take.
        EnvironmentFault: If the disk is full.
        KeyboardInterrupt: On Ctrl-C, with a sentence that says what stands.
    """
    check_target(target, overwrite=overwrite)
    check_exports(target, exports, overwrite=overwrite, sources=list(sources))
    made_of = {
        "marey": marey.__version__,
        "sources": [digest_output(path) for path in sources if path.exists()],
        **settings,
    }
    with open_workspace(target) as workspace:
        if _stands(target, workspace, made_of):
            note(f"{target} stands from the interrupted run")
            done = _describe(target)
        else:
            refuse_existing(target, overwrite=overwrite)
            try:
                done = _solve(solve, target, workspace, made_of)
            except BaseException as error:
                goes_on = resumes and not isinstance(error, InputError)
                if not goes_on and not _stands(target, workspace, made_of):
                    workspace.remove()
                if goes_on and isinstance(error, KeyboardInterrupt):
                    raise KeyboardInterrupt(
                        f"what is done is kept in {workspace.folder}, and the same command goes on "
                        "from there"
                    ) from None
                raise
        exported = write_exports(
            target, exports, workspace=workspace, overwrite=overwrite, progress=progress
        )
        workspace.remove()
    return replace(done, exported=exported)


def _solve(
    solve: Callable[[], Solved], target: Path, workspace: Workspace, made_of: Mapping[str, Any]
) -> SolvedTake:
    workspace.forget_stages()
    with atomic_path(workspace.folder / _BEGUN) as path:
        path.write_text(json.dumps({"made_of": made_of, "replaces": _name_state(target)}))
    solved = solve()
    write_take(solved.take, target, overwrite=True, run=solved.run)
    people = tuple(person.name for person in solved.take.people)
    return SolvedTake(path=target, people=people, run=solved.run)


def _stands(target: Path, workspace: Workspace, made_of: Mapping[str, Any]) -> bool:
    """Tell whether a take is the one that this workspace's run has written."""
    begun: Any = {}
    with suppress(OSError, ValueError):
        begun = json.loads((workspace.folder / _BEGUN).read_text(encoding="utf-8"))
    same = begun.get("made_of") == json.loads(json.dumps(made_of))
    if not same or _name_state(target) in ("", begun["replaces"]):
        return False
    try:
        read_take(target, verify=True)
    except FormatError:
        return False
    return True


def _name_state(target: Path) -> str:
    header = target / HEADER
    return hash_file(header) if header.is_file() else ""


def _describe(target: Path) -> SolvedTake:
    take = read_take(target)
    run = read_run(target) or {"frames": len(take.time)}
    people = tuple(person.name for person in take.people)
    return SolvedTake(path=target, people=people, run=run, solved=False)
