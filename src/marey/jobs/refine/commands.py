"""What `marey refine` and `marey train` do around the jobs."""

import sys
from pathlib import Path

from marey.core.errors import InputError
from marey.core.files import refuse_existing
from marey.jobs.refine.notes import describe_refined
from marey.jobs.reporting import print_json, report
from marey.jobs.talk import Talk


def refine_take(source: Path, output: Path | None, *, method: str, talk: Talk) -> None:
    """Refine a take and write the result."""
    from marey.io.take import read_take, write_take
    from marey.jobs.refine.take import refine

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
            sys.stdout.write(describe_refined(name, notes) + "\n")
        sys.stdout.write(f"wrote {target}\n")


def train_network(
    recipe: str,
    detected: Path,
    truth: Path,
    output: Path,
    *,
    epochs: int,
    tensorboard: bool,
    as_json: bool,
) -> None:
    """Train a network on files of poses and say where it lies."""
    from marey.jobs.refine.train import train_hanet

    with report(quiet=False, as_json=as_json) as progress:
        target = train_hanet(
            recipe,
            detected,
            truth,
            output,
            epochs=epochs,
            tensorboard=tensorboard,
            progress=progress,
        )
    if as_json:
        print_json({"written": [str(target)]})
    else:
        sys.stdout.write(f"wrote {target}\n")
