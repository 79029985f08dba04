"""What `marey refine` does around the job."""

import sys
from pathlib import Path

from marey.core.errors import InputError
from marey.core.files import refuse_existing
from marey.jobs.commands import Talk
from marey.jobs.reporting import print_json, report


def refine_take(source: Path, output: Path | None, *, method: str, talk: Talk) -> None:
    """Refine a take and write the result."""
    from marey.io.take import read_take, write_take
    from marey.jobs.refine import refine

    target = output or source.with_name(f"{source.stem}.refined.take")
    if target.suffix != ".take":
        raise InputError(f"a take is a folder whose name ends in .take, got '{target.name}'")
    if target.resolve() == source.resolve():
        raise InputError(f"{source} would be replaced by its own result; name it with --output")
    refuse_existing(target, overwrite=talk.overwrite)
    with report(quiet=talk.quiet, as_json=talk.json) as progress:
        done = refine(read_take(source), method=method, progress=progress)
        write_take(done.take, target, overwrite=talk.overwrite)
    if talk.json:
        print_json({"written": [str(target)], "people": done.people})
    elif not talk.quiet:
        for name, notes in done.people.items():
            told = [f"{key} {value}" for key, value in notes.items() if isinstance(value, str)]
            sys.stdout.write(f"{name}: {', '.join(told)}\n")
        sys.stdout.write(f"wrote {target}\n")
