"""What `marey solve` and `marey demo` do around the jobs: check first, report, say what came."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from marey.core.errors import InputError
from marey.core.files import refuse_existing
from marey.io.overrides import find_overrides
from marey.jobs.commands import report_take
from marey.jobs.export.outputs import check_exports, check_target
from marey.jobs.phrases import format_seconds
from marey.jobs.readers import IMAGE_DOORS, READERS, KeypointHints, find_door
from marey.jobs.reporting import print_json, report
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.views_commands import ManyVideos, solve_keypoint_files, solve_videos
from marey.jobs.talk import Talk, count_frames, count_people, note_to, say, say_written

if TYPE_CHECKING:
    from marey.jobs.solve.into import SolvedTake


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
    from marey.jobs.solve.into import solve_into

    with report(quiet=talk.quiet, as_json=talk.json) as progress:
        done = solve_into(
            video,
            target,
            options=options,
            exports=exports,
            overwrite=talk.overwrite,
            progress=progress,
            note=note_to(talk),
        )
    _say_solved(done, talk)
    _say_faults(target, talk)
    if options.face:
        from marey.jobs.faces import say_faces

        note_to(talk)(say_faces(target))


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
        note=note_to(talk),
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
    from marey.io.take.stream import TakeReader

    note = note_to(talk)
    for clip in TakeReader(take).take.clips:
        for warning in clip.warnings:
            note(warning)


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
    from marey.jobs.solve.at_once import solve_at_once
    from marey.jobs.solve.keypoints import solve_keypoints

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
            note=note_to(talk),
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
        note=note_to(talk),
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
        parts = [f"{count_people(done.people)} in {count_frames(run['frames'])}"]
        if done.solved:
            took, speed = format_seconds(run["total_seconds"]), run["frames_per_second"]
            parts.append(f"solved in {took} ({speed} frames per second)")
        if exported.written:
            parts.append(f"exported in {format_seconds(exported.seconds)}")
        say(", ".join(parts))
        for path in kept:
            say(f"kept {path}")
        say_written(written)


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
