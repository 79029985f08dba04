"""Several videos and their calibration in, a take out."""

import time as clock
from collections.abc import Callable, Sequence
from pathlib import Path

from marey.body import load_body
from marey.capture.overrides import check_cameras
from marey.capture.pipeline import Timings
from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.jobs.camera_files import find_calibration, match_cameras, read_cameras
from marey.jobs.moving_cameras import read_paths
from marey.jobs.solve.finish_views import finish_views
from marey.jobs.solve.looks import Looks
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.overriding import choose_overrides
from marey.jobs.solve.see_views import open_journal, see_views
from marey.jobs.solve.stages import describe_people
from marey.jobs.solve.video import (
    Solved,
    check_numbers,
    describe_run,
    find_masks,
    open_clip,
    open_networks,
)

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
    paths = read_paths(place, matched, clips, note)
    # A body or a list of overrides that cannot be used is refused before the networks start.
    load_body(options.body)
    check_cameras(choose_overrides(options, None), matched.names)
    _check_masks(options.masks, [clip.video.stem for clip in clips], note)
    with timings.measure("load networks"):
        networks = open_networks(options)
    views = see_views(clips, networks, options, journals, progress, timings, note)
    with open_journal(clips, "looks", journals, options) as journal:
        looks = Looks(
            clips=tuple(seen.clip for seen in views),
            estimator=networks[1],
            masks=options.masks,
            journal=journal,
            progress=progress,
        )
        take = finish_views(
            views,
            matched,
            calibration=Path(cameras),
            options=options,
            sync=sync,
            made_of={"people": describe_people(options)},
            paths=paths,
            look=looks.find_missed,
            closer=looks.look_closer,
            progress=progress,
            timings=timings,
            note=note,
        )
    total = clock.perf_counter() - begin
    return Solved(take=take, run=describe_run(timings, total, num_frames=len(take.time)))


def _check_masks(path: Path | None, views: Sequence[str], note: Note) -> None:
    if path is None:
        return
    without = [view for view in views if find_masks(path, view) is None]
    if len(without) == len(views):
        raise InputError(
            f"{path} has no masks of {', '.join(views)}; with several cameras give a folder with "
            "one folder or .json per video, named like it"
        )
    if without:
        note(f"no masks of {', '.join(without)} in {path}: seen without")
