"""What of an earlier run stands, and why the rest does not."""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from marey.core.errors import InputError
from marey.core.files import atomic_path
from marey.io.take.stream import TakeReader
from marey.jobs.solve.long_run import LongRun
from marey.jobs.solve.stages import Table, find_changes
from marey.jobs.workspace import Workspace

_STAGES = "stages.json"


def find_standing_people(run: LongRun, workspace: Workspace) -> TakeReader | None:
    """Return everyone's keypoints if they stand, and say what stands or why nothing does."""
    unfinished = read_soundly(workspace.people)
    if unfinished is not None and not find_people_changes(run, unfinished):
        run.note("people: taken from the interrupted run")
        return unfinished
    finished = read_soundly(run.target)
    for reader in (unfinished, finished):
        changes = [] if reader is None else find_people_changes(run, reader)
        if reader is not None and not changes:
            say_fit_changes(run, _find_motion_changes(run, reader.take.provenance))
            return reader
        if changes:
            run.note(f"{', '.join(changes)} changed: finding people again")
    shutil.rmtree(workspace.people, ignore_errors=True)
    shutil.rmtree(workspace.fit, ignore_errors=True)
    shutil.rmtree(workspace.contact, ignore_errors=True)
    return None


def read_soundly(path: Path) -> TakeReader | None:
    """Return a take whose checksums are right; None if there is none."""
    try:
        return TakeReader(path, verify=True) if path.exists() else None
    except InputError:
        return None


def find_people_changes(run: LongRun, reader: TakeReader) -> list[str]:
    """Name what keypoints depend on and is not what it was."""
    clips = reader.header.get("clips", [{}])
    video = [] if clips[0].get("sha256") == run.digest else ["the video"]
    return [*video, *find_changes(reader.take.provenance, run.stages, "people")]


def is_finished(run: LongRun, reader: TakeReader) -> bool:
    """Whether a take is what the run would make."""
    old = reader.take.provenance
    later = [find_changes(old, run.stages, stage) for stage in ("fit", "collision", "refine")]
    return not any([find_people_changes(run, reader), *later])


def is_unrefined(run: LongRun, reader: TakeReader) -> bool:
    """Whether a finished take only lacks the refinement that is asked for."""
    old = reader.take.provenance
    later = [find_changes(old, run.stages, stage) for stage in ("fit", "collision")]
    fitted = reader.path == run.target and not any(later)
    return fitted and "refine" in run.stages and "refine" not in old


def say_fit_changes(run: LongRun, changes: Sequence[str]) -> None:
    """Say why bodies are fitted again, if they are.

    Args:
        run: The run.
        changes: What is not as it was.
    """
    if changes:
        names = ", ".join(dict.fromkeys(changes))
        run.note(f"{names} changed: fitting again; people are kept")


def _find_motion_changes(run: LongRun, old: Mapping[str, Table]) -> list[str]:
    """Name what the motion of a finished take depends on; it does not hold what it was made of."""
    refined = ("refine",) if "refine" in old else ()
    stages = ("fit", "collision", *refined)
    return [name for stage in stages for name in find_changes(old, run.stages, stage)]


def keep_if_same(run: LongRun, folder: Path, stages: Sequence[str]) -> Mapping[str, Table]:
    """Empty a folder that was made of something else, and write down what it is made of now.

    Args:
        run: The run.
        folder: Of what a stage has worked out so far; made if it is not there.
        stages: Names of the stages that its content depends on.

    Returns:
        What it was made of before; empty where nobody knows.
    """
    marker, wanted = folder / _STAGES, {"clip": {"sha256": run.digest}, **run.stages}
    before = _read_stages(marker)
    changed = [find_changes(before, run.stages, stage) for stage in stages]
    if before.get("clip") != wanted["clip"] or any(changed):
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    with atomic_path(marker) as path:
        path.write_text(json.dumps(wanted), encoding="utf-8")
    return before


def _read_stages(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    return {}
