"""What the commands do around the jobs: check outputs first, report, say what was written."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from marey.core.errors import InputError
from marey.io.joint_names import JointNames
from marey.jobs.export.outputs import check_take
from marey.jobs.export.take import check_export, export, find_videos
from marey.jobs.readers import Axis
from marey.jobs.reporting import print_json, report
from marey.jobs.talk import Talk, count_frames, count_people, say, say_written


def export_take(
    source: Path,
    target: Path,
    *,
    names: JointNames,
    video: Sequence[Path] | None,
    camera: str | None,
    talk: Talk,
) -> None:
    """Read a take and write it in another format."""
    from marey.io.take import read_take

    take = read_take(source)
    sources = find_videos(take)
    check_export(target, names=names, overwrite=talk.overwrite, sources=sources)
    with report(quiet=talk.quiet, as_json=talk.json) as progress:
        written = export(
            take,
            target,
            video=video,
            camera=camera,
            names=names,
            overwrite=talk.overwrite,
            progress=progress,
        )
    if talk.json:
        print_json({"written": [str(path) for path in written]})
    elif not talk.quiet:
        say_written(written)


def import_file(  # noqa: PLR0913
    source: Path,
    output: Path | None,
    *,
    video: Path | None,
    frame_rate: float | None,
    size: tuple[int, int] | None,
    up: Axis | None,
    body: str | None,
    format: str | None = None,
    talk: Talk,
) -> None:
    """Make a take of a file of another kind and write it."""
    from marey.io.take import write_take
    from marey.jobs.import_take import import_take

    name = source.with_suffix("") if source.suffix.lower() == ".gz" else source
    target = output or Path(f"{name.stem or source.resolve().name}.take")
    if target.resolve() == source.resolve():
        raise InputError(f"{source} is a take already; marey export writes it in other formats")
    check_take(target, overwrite=talk.overwrite)
    take = import_take(
        source, video=video, frame_rate=frame_rate, size=size, up=up, body=body, format=format
    )
    write_take(take, target, overwrite=talk.overwrite)
    people, imported = [person.name for person in take.people], take.provenance.get("import", {})
    if talk.json:
        print_json({"written": [str(target)], "people": people, **imported})
    elif not talk.quiet:
        say(f"{count_people(people)} in {count_frames(len(take.time))}")
        if "assumed" in imported.get("clock", ""):
            say(f"{imported['clock']}; say otherwise with --fps, or give the --video")
        if "root" in imported:
            say(f"root joint: {imported['root']}")
        say_written([target])


def convert_take(source: Path, output: Path, *, body: str, talk: Talk) -> None:
    """Put the motion of a take on another body or rig and write it."""
    from marey.io.take import read_take, write_take
    from marey.jobs.export.convert import convert

    if output.resolve() == source.resolve():
        raise InputError(f"{source} would be replaced by its own result; name it with --output")
    check_take(output, overwrite=talk.overwrite)
    with report(quiet=talk.quiet, as_json=talk.json) as progress:
        done = convert(read_take(source), body=body, progress=progress)
        write_take(done.take, output, overwrite=talk.overwrite)
    if talk.json:
        people = {how.person: how.summary() for how in done.people}
        print_json({"written": [str(output)], "people": people})
    elif not talk.quiet:
        for how in done.people:
            told = [f"{k[:-3]} {v:g} mm" for k, v in how.summary().items() if k.endswith("_mm")]
            say(f"{how.person}: by {how.way}; {', '.join(told).replace('_', ' ')}")
        say_written([output])


def report_take(
    source: Path, target: Path | None, *, video: Sequence[Path] | None, talk: Talk
) -> None:
    """Write a page about a take."""
    from marey.jobs.report import write_report

    with report(quiet=talk.quiet, as_json=talk.json) as progress:
        path = write_report(
            source, target, video=video, overwrite=talk.overwrite, progress=progress
        )
    if talk.json:
        print_json({"written": [str(path)]})
    elif not talk.quiet:
        say_written([path])


def evaluate_poses(  # noqa: PLR0913
    predictions: Path,
    truth: Path,
    output: Path | None,
    *,
    protocol: str,
    without: Sequence[str],
    smpl_dir: Path | None,
    allow_missing: bool,
    against: Path | None,
    force: bool,
    format: str | None = None,
    talk: Talk,
) -> None:
    """Measure saved poses by a protocol; write metrics.json and a page."""
    from marey.jobs.evaluate.files import describe_rows, evaluate_files

    done = evaluate_files(
        predictions,
        truth,
        output or Path(f"{predictions.stem}.{protocol}"),
        protocol=protocol,
        without=tuple(without),
        smpl_dir=smpl_dir,
        allow_missing=allow_missing,
        against=against,
        force=force,
        format=format,
        overwrite=talk.overwrite,
    )
    result = done.measured.result
    if talk.json:
        scores = {row.name: row.score.value for row in result.rows}
        print_json(
            {
                "protocol": result.full_name,
                "metrics": {name: v if isfinite(v) else None for name, v in scores.items()},
                "written": [str(path) for path in done.written],
            }
        )
    elif not talk.quiet:
        for line in describe_rows(result, done.differences):
            say(line)
        say_written(done.written)


def describe(path: Path, *, as_json: bool) -> None:
    """Say what is in a file."""
    from marey.jobs.info import show_file

    show_file(path, as_json=as_json)


def diagnose(*, as_json: bool) -> None:
    """Say whether this machine is fit for marey."""
    from marey.jobs.doctor import show_health

    show_health(as_json=as_json)
