"""Keypoints of any detector in several calibrated cameras in, a take out."""

import time as clock
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from marey.capture.foreign import prepare_person
from marey.capture.pipeline import Seen, Timings
from marey.capture.seen_keypoints import see_keypoints
from marey.core import Cameras, Clip, Take, Tracks
from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.jobs.camera_files import find_calibration, match_cameras, read_cameras
from marey.jobs.cut_take import cut_take
from marey.jobs.import_take import import_take
from marey.jobs.moving_cameras import read_paths
from marey.jobs.readers import KeypointHints
from marey.jobs.solve.finish_views import finish_views
from marey.jobs.solve.keypoints import check_keypoint_options, choose_part
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.video import Solved, describe_run

Note = Callable[[str], None]


def solve_keypoint_views(
    keypoints: Sequence[Path],
    cameras: str | Path,
    *,
    videos: Sequence[Path] = (),
    hints: KeypointHints | None = None,
    options: SolveOptions | None = None,
    sync: bool = True,
    progress: Progress = silent,
    note: Note = lambda sentence: None,
) -> Solved:
    """Turn keypoints in the images of several cameras into the motion of everyone there.

    Args:
        keypoints: Per camera, what `solve_keypoints` takes; named like the cameras or in their
            order.
        cameras: The calibration.
        videos: The videos they were found in, one per file, if they are at hand.
        hints: Frame rate and size of the pictures, where files do not say; the calibration's size
            else.
        options: Body and part of the recording.
        sync: Whether clocks are put right by what people do; else they are trusted.
        progress: Called as the fit advances.
        note: Called with a sentence wherever something was assumed.

    Raises:
        InputError: If a file or an option cannot be used, or nobody is found.
    """
    options, hints = options or SolveOptions(), hints or KeypointHints()
    check_keypoint_options(options)
    if options.fov_deg is not None or options.focal_px is not None:
        raise InputError("--fov and --focal-px have no use with --cameras, which say both")
    if videos and len(videos) != len(keypoints):
        raise InputError(
            f"{len(keypoints)} files of keypoints came with {len(videos)} videos; give one video "
            "per file, or none"
        )
    begin, timings = clock.perf_counter(), Timings()
    part = choose_part(options)
    place = find_calibration(cameras)
    calibration = read_cameras(place, size=hints.size, note=note)
    takes = [
        cut_take(
            import_take(
                path,
                video=videos[row] if videos else None,
                frame_rate=hints.frame_rate,
                size=hints.size,
            ),
            start=part.get("start_s"),
            end=part.get("end_s"),
            every=options.every,
        )
        for row, path in enumerate(keypoints)
    ]
    clips = [
        _describe_pictures(take, path, calibration, row)
        for row, (take, path) in enumerate(zip(takes, keypoints, strict=True))
    ]
    matched = match_cameras(calibration, clips, note)
    paths = read_paths(place, matched, clips, note)
    views = [
        _see(take, replace(clip, path=take.clips[0].path if take.clips else None))
        for take, clip in zip(takes, clips, strict=True)
    ]
    described = [take.provenance.get("import", {}).get("format", "") for take in takes]
    take = finish_views(
        views,
        matched,
        calibration=Path(cameras),
        options=options,
        sync=sync,
        paths=paths,
        made_of={"import": {"files": [p.name for p in keypoints], "formats": described, **part}},
        progress=progress,
        timings=timings,
        note=note,
    )
    total = clock.perf_counter() - begin
    return Solved(take=take, run=describe_run(timings, total, num_frames=len(take.time)))


def _describe_pictures(take: Take, path: Path, calibration: Cameras, row: int) -> Clip:
    """Return a clip named as its camera may be, of the size the file or the calibration says."""
    if take.clips:
        clip = take.clips[0]
        return replace(clip, path=clip.path or path, time=take.time)
    width, height = calibration.size[min(row, len(calibration.size) - 1)]
    return Clip(path=path, size=(int(width), int(height)), time=take.time)


def _see(take: Take, clip: Clip) -> Seen:
    people = tuple(prepare_person(person) for person in take.people if person.keypoints2d)
    if not people:
        return Seen(clip=clip, tracks=Tracks(time=take.time, tracks=()), people=())
    block = replace(take, people=people).keypoints2d()
    return replace(see_keypoints(block, clip.size), clip=clip)
