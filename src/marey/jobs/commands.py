"""What the commands do around the jobs: check outputs first, report, say what was written."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from marey.core.errors import InputError
from marey.core.files import refuse_existing
from marey.io._joint_names import JointNames
from marey.io.overrides import find_overrides
from marey.jobs.export import check_export, export, find_videos
from marey.jobs.options import SolveOptions
from marey.jobs.outputs import check_exports, check_take, check_target
from marey.jobs.phrases import format_seconds
from marey.jobs.readers import IMAGE_DOORS, READERS, Axis, KeypointHints, find_door
from marey.jobs.reporting import print_json, report
from marey.jobs.views_commands import ManyVideos, solve_keypoint_files, solve_videos

if TYPE_CHECKING:
    from marey.jobs.solve_into import SolvedTake


@runtime_checkable
class Talk(Protocol):
    """How a command talks and whether it may overwrite."""

    @property
    def overwrite(self) -> bool:
        """Whether existing outputs may be replaced."""
        ...

    @property
    def quiet(self) -> bool:
        """Whether to print nothing but errors."""
        ...

    @property
    def json(self) -> bool:
        """Whether to print JSON lines."""
        ...


def solve_video(
    video: Path,
    output: Path | None,
    *,
    exports: Sequence[Path],
    options: SolveOptions,
    talk: Talk,
) -> None:
    """Solve one video, write the take and the exports."""
    _refuse_other_kinds(video)
    target = output or Path(f"{video.stem or video.resolve().name}.take")
    check_target(target, overwrite=talk.overwrite)
    check_exports(target, exports, overwrite=talk.overwrite, sources=[video])
    # Loads what takes seconds, which nobody wants to wait for to be refused.
    from marey.jobs.solve_into import solve_into

    with report(quiet=talk.quiet, as_json=talk.json) as progress:
        done = solve_into(
            video,
            target,
            options=options,
            exports=exports,
            overwrite=talk.overwrite,
            progress=progress,
            note=_note_to(talk),
        )
    _say_solved(done, talk)
    _say_faults(target, talk)
    if options.face:
        from marey.jobs.faces import say_faces

        _note_to(talk)(say_faces(target))


def solve_many_videos(task: ManyVideos, *, options: SolveOptions, talk: Talk) -> None:
    """Solve videos of several cameras, write the take and the exports."""
    for video in task.videos:
        _refuse_other_kinds(video)
    done = solve_videos(
        task,
        options=options,
        overwrite=talk.overwrite,
        quiet=talk.quiet,
        as_json=talk.json,
        note=_note_to(talk),
    )
    _say_solved(done, talk)
    _say_faults(task.target, talk)


def _refuse_other_kinds(video: Path) -> None:
    """Send whoever gives something else than a video to the command that takes it.

    Raises:
        InputError: If the path is that of a take, or of a file that `marey import` reads.
    """
    from marey.io.take import HEADER

    if not video.exists() or (video.is_dir() and not any(video.iterdir())):
        return
    door = find_door(video)
    if door == ".take" or (video / HEADER).is_file():
        raise InputError(
            f"{video} is a take, not a video: it is solved already; use marey export, report or "
            "info on it (or solve --keypoints, to fit bodies to its keypoints anew)"
        )
    if door in IMAGE_DOORS:
        raise InputError(
            f"{video} holds keypoints, not a video; fit bodies to them by marey solve --keypoints "
            f"{video}"
        )
    if door in READERS:
        raise InputError(
            f"{video} is no video but a file that marey import makes a take of: marey import "
            f"{video}"
        )


def _say_faults(take: Path, talk: Talk) -> None:
    """Say what is wrong with the recording; the take and its report keep it."""
    from marey.io.take_stream import TakeReader

    note = _note_to(talk)
    for clip in TakeReader(take).take.clips:
        for warning in clip.warnings:
            note(warning)


def _note_to(talk: Talk) -> Callable[[str], None]:
    """Return what tells the user how a run goes, beside the results on the standard output."""

    def note(sentence: str) -> None:
        if talk.json:
            print_json({"note": sentence})
        elif not talk.quiet:
            sys.stderr.write(f"marey: {sentence}\n")

    return note


def solve_from_keypoints(
    keypoints: Path,
    output: Path | None,
    *,
    hints: KeypointHints,
    exports: Sequence[Path],
    options: SolveOptions,
    talk: Talk,
) -> None:
    """Fit bodies to the keypoints of a file, write the take and the exports."""
    target = output or Path(f"{keypoints.stem or keypoints.resolve().name}.take")
    if target.resolve() == keypoints.resolve():
        raise InputError(f"{keypoints} would be replaced by its own result; name it with --output")
    options = replace(options, override=options.override or find_overrides(target))
    sources = [path for path in (keypoints, hints.video, options.override) if path is not None]
    check_target(target, overwrite=talk.overwrite)
    check_exports(target, exports, overwrite=talk.overwrite, sources=sources)
    from marey.jobs.solve_at_once import solve_at_once
    from marey.jobs.solve_keypoints import solve_keypoints

    with report(quiet=talk.quiet, as_json=talk.json) as progress:
        done = solve_at_once(
            lambda: solve_keypoints(
                keypoints,
                video=hints.video,
                frame_rate=hints.frame_rate,
                size=hints.size,
                options=options,
                progress=progress,
            ),
            target,
            sources=sources,
            settings={"fps": hints.frame_rate, "size": hints.size, "options": repr(options)},
            exports=exports,
            overwrite=talk.overwrite,
            progress=progress,
            note=_note_to(talk),
        )
    _say_solved(done, talk)
    _say_faults(target, talk)


def solve_from_keypoint_views(
    task: ManyVideos,
    keypoints: Sequence[Path],
    *,
    hints: KeypointHints,
    options: SolveOptions,
    talk: Talk,
) -> None:
    """Fit bodies to the keypoints of several cameras, write the take and the exports."""
    done = solve_keypoint_files(
        task,
        keypoints,
        hints=hints,
        options=options,
        overwrite=talk.overwrite,
        quiet=talk.quiet,
        as_json=talk.json,
        note=_note_to(talk),
    )
    _say_solved(done, talk)
    _say_faults(done.path, talk)


def _say_solved(done: "SolvedTake", talk: Talk) -> None:
    """Say what was solved and written, and what stood already."""
    own, exported = [done.path], done.exported
    written = [*(own if done.solved else ()), *exported.written]
    kept = [*(() if done.solved else own), *exported.kept]
    run = done.run if done.solved else {"frames": done.run["frames"]}
    if talk.json:
        lists = {"written": [str(path) for path in written], "kept": [str(path) for path in kept]}
        times = {"export_seconds": round(exported.seconds, 3)} if exported.written else {}
        print_json({**lists, "people": [*done.people], **run, **times})
    elif not talk.quiet:
        parts = [f"{_count_people(done.people)} in {_count_frames(run['frames'])}"]
        if done.solved:
            took, speed = format_seconds(run["total_seconds"]), run["frames_per_second"]
            parts.append(f"solved in {took} ({speed} frames per second)")
        if exported.written:
            parts.append(f"exported in {format_seconds(exported.seconds)}")
        _say(", ".join(parts))
        for path in kept:
            _say(f"kept {path}")
        _say_written(written)


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
        _say_written(written)


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
        _say(f"{_count_people(people)} in {_count_frames(len(take.time))}")
        if "assumed" in imported.get("clock", ""):
            _say(f"{imported['clock']}; say otherwise with --fps, or give the --video")
        if "root" in imported:
            _say(f"root joint: {imported['root']}")
        _say_written([target])


def convert_take(source: Path, output: Path, *, body: str, talk: Talk) -> None:
    """Put the motion of a take on another body or rig and write it."""
    from marey.io.take import read_take, write_take
    from marey.jobs.convert import convert

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
            _say(f"{how.person}: by {how.way}; {', '.join(told).replace('_', ' ')}")
        _say_written([output])


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
        _say_written([path])


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
    from marey.jobs.evaluate import describe_rows, evaluate_files

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
            _say(line)
        _say_written(done.written)


def solve_demo(folder: Path, *, talk: Talk) -> None:
    """Solve the bundled clip into a folder."""
    from marey.assets import demo_clip

    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give the name of a folder")
    clip, report_page = demo_clip(), folder / "demo.html"
    refuse_existing(report_page, overwrite=talk.overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    solve_video(
        clip,
        folder / "demo.take",
        exports=[folder / "demo.glb", folder / "demo.npz", folder / "demo.mp4"],
        options=SolveOptions(),
        talk=talk,
    )
    report_take(folder / "demo.take", report_page, video=None, talk=talk)


def describe(path: Path, *, as_json: bool) -> None:
    """Say what is in a file."""
    from marey.jobs.info import show_file

    show_file(path, as_json=as_json)


def diagnose(*, as_json: bool) -> None:
    """Say whether this machine is fit for marey."""
    from marey.jobs.doctor import show_health

    show_health(as_json=as_json)


def _count_people(people: Sequence[str]) -> str:
    return "1 person" if len(people) == 1 else f"{len(people)} people"


def _count_frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _say_written(paths: Sequence[Path]) -> None:
    for path in paths:
        _say(f"wrote {path}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
