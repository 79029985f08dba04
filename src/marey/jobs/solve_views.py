"""Several videos and their calibration in, a take out."""

import math
import time as clock
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import marey
from marey.body import load_body
from marey.capture.many_views import SolvedViews, solve_views
from marey.capture.pipeline import Seen, Timings, see_people
from marey.capture.view_quality import ViewQuality
from marey.core import Clip, Tracks
from marey.core.errors import InputError, NothingFoundError
from marey.core.progress import Progress, silent
from marey.io.take import hash_file
from marey.io.video import read_frames
from marey.jobs.camera_files import match_cameras, read_cameras
from marey.jobs.options import SolveOptions
from marey.jobs.solve import (
    Solved,
    capture_options,
    check_numbers,
    describe_run,
    open_clip,
    open_networks,
)

_REVISION = 1


def solve_many(
    videos: Sequence[str | Path],
    cameras: str | Path,
    *,
    options: SolveOptions | None = None,
    progress: Progress = silent,
    note: Callable[[str], None] = lambda sentence: None,
) -> Solved:
    """Turn videos of one scene from several calibrated cameras into 3D motion.

    Args:
        videos: One video per camera, in the order of the calibration or named like its cameras.
        cameras: The calibration.
        options: Body and networks; the field of view has no use here.
        progress: Called as the stages advance.
        note: Called with a sentence wherever something was assumed.

    Returns:
        A take with all clips and cameras, and how the run went.

    Raises:
        InputError: If a file or an option cannot be used, or nobody is found.
    """
    options = options or SolveOptions()
    check_numbers(options)
    if options.fov_deg is not None or options.focal_px is not None:
        raise InputError("--fov and --focal-px have no use with --cameras, which say both")
    begin, timings = clock.perf_counter(), Timings()
    calibration = read_cameras(cameras)
    clips = [open_clip(video, options) for video in videos]
    matched = match_cameras(calibration, clips, note)
    body = load_body(options.body)
    views = _see_all(clips, options, progress, timings)
    solved: SolvedViews = solve_views(
        views,
        matched,
        body=body,
        progress=progress,
        timings=timings,
    )
    for view in solved.quality:
        if view.complaint is not None:
            note(view.complaint)
    stages = {
        "marey": {"version": marey.__version__},
        "cameras": {"file": Path(cameras).name, "sha256": hash_file(Path(cameras))},
        "views": {view.name: _describe(view) for view in solved.quality},
        "fit": {"revision": _REVISION, "body": f"{body.name} {body.version}"},
    }
    take = replace(solved.take, provenance=stages)
    total = clock.perf_counter() - begin
    return Solved(take=take, run=describe_run(timings, total, num_frames=len(take.time)))


def _see_all(
    clips: Sequence[Clip], options: SolveOptions, progress: Progress, timings: Timings
) -> list[Seen]:
    """Find people in every video; one where nobody is seen says nothing."""
    with timings.measure("load networks"):
        detector, estimator = open_networks(options)
    every, before, views = sum(clip.num_frames for clip in clips), 0, []
    for clip in clips:

        def advance(
            stage: str, done: int, total: int | None, before: int = before, every: int = every
        ) -> None:
            progress(stage, before + done, every)

        try:
            seen = see_people(
                clip,
                read_frames(clip),
                detector=detector,
                estimator=estimator,
                options=capture_options(options),
                progress=advance,
                timings=timings,
            )
        except NothingFoundError:
            seen = Seen(clip=clip, tracks=Tracks(time=clip.time, tracks=()), people=())
        views.append(seen)
        before += clip.num_frames
    return views


def _describe(view: ViewQuality) -> dict[str, float]:
    """Return a view's quality as a take keeps it; what is unknown is left out."""
    figures = {"agreeing": view.agreeing, "error_px": view.error_px}
    return {
        "keypoints": view.num_seen,
        **{name: round(value, 4) for name, value in figures.items() if math.isfinite(value)},
    }
