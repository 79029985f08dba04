"""Several videos and their calibration in, a take out."""

import json
import math
import time as clock
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import marey
from marey.body import load_body
from marey.capture.many_views import ManyViewsOptions, SolvedViews, solve_views
from marey.capture.pipeline import Seen, Timings, see_people
from marey.capture.view_clocks import ViewClock, describe_clocks, find_clocks, set_clocks
from marey.capture.view_quality import ViewQuality
from marey.core import Cameras, Clip, Tracks
from marey.core.errors import InputError, NothingFoundError
from marey.core.progress import Progress, silent
from marey.io.overrides import describe_overrides
from marey.io.take import describe_source
from marey.io.video import read_frames
from marey.jobs.camera_files import find_calibration, match_cameras, read_cameras
from marey.jobs.journal import Journal
from marey.jobs.options import SolveOptions
from marey.jobs.outputs import digest_output
from marey.jobs.overriding import choose_overrides
from marey.jobs.recorded import record_detector, record_estimator
from marey.jobs.solve import (
    Solved,
    capture_options,
    check_numbers,
    describe_run,
    name_body,
    open_clip,
    open_networks,
    refine_solved,
)
from marey.jobs.stages import describe_people, describe_refine

_REVISION = 2

Note = Callable[[str], None]


def solve_many(
    videos: Sequence[str | Path],
    cameras: str | Path,
    *,
    options: SolveOptions | None = None,
    sync: bool = True,
    journals: Path | None = None,
    progress: Progress = silent,
    note: Note = lambda sentence: None,
) -> Solved:
    """Turn videos of one scene from several calibrated cameras into the motion of everyone in it.

    Args:
        videos: One video per camera, in the order of the calibration or named like its cameras.
        cameras: The calibration.
        options: Body and networks; the field of view has no use here.
        sync: Whether clocks are put right by what the videos show; else they are trusted.
        journals: A folder in which the networks' answers are kept while the run lasts: another run
            with the same videos and options goes on from them.
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
    place = find_calibration(cameras)
    clips = [open_clip(video, options) for video in videos]
    sizes = {clip.size for clip in clips}
    size = sizes.pop() if len(sizes) == 1 else None
    matched = match_cameras(read_cameras(place, size=size, note=note), clips, note)
    body, overrides = load_body(options.body), choose_overrides(options, None, note)
    views = _see_all(clips, options, journals, progress, timings, note)
    clocks = _find_clocks(views, matched, note, timings) if sync else ()
    straight, on_time = set_clocks(views, matched, clocks) if clocks else (views, matched)
    solved: SolvedViews = solve_views(
        straight,
        on_time,
        body=body,
        options=ManyViewsOptions(overrides=overrides),
        progress=progress,
        timings=timings,
    )
    for view in solved.quality:
        if view.complaint is not None:
            note(view.complaint)
    stages = {
        "marey": {"version": marey.__version__},
        "people": describe_people(options),
        "cameras": {"file": Path(cameras).name, "sha256": digest_output(place)},
        "clocks": _describe_clocks(clocks),
        "views": {view.name: _describe(view) for view in solved.quality},
        "fit": {"revision": _REVISION, "body": f"{body.name} {body.version}"},
    }
    # Clocks without the drift that was taken out: those of the files, which pictures are found by.
    take = replace(solved.take, clips=tuple(seen.clip for seen in views))
    if overrides:
        stages["overrides"] = {"entries": describe_overrides(overrides)}
    if options.refine != "none":
        with timings.measure("refine motion"):
            take = refine_solved(take, options)
        stages["refine"] = describe_refine(options.refine)
    take = replace(name_body(take, options.body), provenance=stages)
    total = clock.perf_counter() - begin
    return Solved(take=take, run=describe_run(timings, total, num_frames=len(take.time)))


def _see_all(
    clips: Sequence[Clip],
    options: SolveOptions,
    journals: Path | None,
    progress: Progress,
    timings: Timings,
    note: Note,
) -> list[Seen]:
    """Find people in every video; one where nobody is seen says nothing."""
    with timings.measure("load networks"):
        networks = open_networks(options)
    every, before, views = sum(clip.num_frames for clip in clips), 0, []
    for row, clip in enumerate(clips):

        def advance(
            stage: str, done: int, total: int | None, before: int = before, every: int = every
        ) -> None:
            progress(stage, before + done, every)

        with _open_journal(clip, row, journals, options) as journal:
            if journal is not None and journal.num_frames:
                note(f"{clip.name}: going on after frame {journal.num_frames} of the earlier run")
            detector, estimator = networks
            frames = read_frames(clip)
            if journal is not None:
                detector = record_detector(detector, journal)
                estimator = record_estimator(estimator, journal)
                frames = journal.watch(frames)
            try:
                seen = see_people(
                    clip,
                    frames,
                    detector=detector,
                    estimator=estimator,
                    options=capture_options(options, view=clip.video.stem),
                    progress=advance,
                    timings=timings,
                )
            except NothingFoundError:
                seen = Seen(clip=clip, tracks=Tracks(time=clip.time, tracks=()), people=())
        views.append(seen)
        before += clip.num_frames
    return views


@contextmanager
def _open_journal(
    clip: Clip, row: int, journals: Path | None, options: SolveOptions
) -> Iterator[Journal | None]:
    """Yield the journal of one video; None if none are kept."""
    if journals is None:
        yield None
        return
    made_of = {
        "clip": describe_source(clip.video)["sha256"],
        "marey": {"version": marey.__version__},
        "people": describe_people(options),
    }
    journals.mkdir(exist_ok=True)
    identity = json.dumps(made_of, sort_keys=True).encode()
    journal = Journal(journals / f"{row + 1:03d}.journal", identity)
    try:
        yield journal
    finally:
        journal.close()


def _find_clocks(
    views: Sequence[Seen], cameras: Cameras, note: Note, timings: Timings
) -> tuple[ViewClock, ...]:
    """Find what the clocks are off by; nothing for single pictures, which show no movement."""
    if all(seen.clip.num_frames == 1 for seen in views):
        return ()
    with timings.measure("synchronise"):
        clocks = find_clocks(views, cameras)
    note(describe_clocks(clocks))
    return clocks


def _describe_clocks(clocks: Sequence[ViewClock]) -> Mapping[str, Any]:
    """Return how clocks were set as a take keeps it."""
    if not clocks:
        return {"method": "trusted"}
    table: dict[str, Any] = {"method": "people's movement"}
    for clock_ in clocks:
        row: dict[str, Any] = {"verdict": clock_.verdict, "applied_s": round(clock_.applied, 6)}
        if math.isfinite(clock_.sigma):
            row |= {"offset_s": round(clock_.offset, 6), "sigma_s": round(clock_.sigma, 6)}
        if clock_.drift:
            row["drift_s_per_s"] = clock_.drift
        table[clock_.name] = row
    return table


def _describe(view: ViewQuality) -> dict[str, float]:
    """Return a view's quality as a take keeps it; what is unknown is left out."""
    figures = {"agreeing": view.agreeing, "error_px": view.error_px}
    return {
        "keypoints": view.num_seen,
        **{name: round(value, 4) for name, value in figures.items() if math.isfinite(value)},
    }
