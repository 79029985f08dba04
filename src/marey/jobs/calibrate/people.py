"""Videos of people in, their cameras out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from marey.body import load_body
from marey.capture.pipeline import Timings
from marey.capture.rig.bundle import Focal
from marey.capture.rig.calibrate_views import CalibratedViews, calibrate_views, refine_views
from marey.capture.rig.metric_scale import KnownSize
from marey.capture.rig.view_clocks import describe_clocks
from marey.capture.views.triangulate import triangulate_keypoints
from marey.capture.views.view_quality import measure_reprojection
from marey.core import Cameras, Clip
from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.jobs.calibrate.people_page import describe_people_calibration
from marey.jobs.calibrate.result import Calibration, measure_spread
from marey.jobs.camera_files import match_cameras, read_cameras
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.see_views import see_views
from marey.jobs.solve.video import check_numbers, open_clip, open_networks

_ASSUMED_FOV_DEG = 53.0
_SURE = 0.5
_ONE_MODEL_PX = 16
"""Pictures that differ by less are taken by cameras of one kind."""

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleOptions:
    """How cameras are calibrated by people."""

    height: float | None = None
    """Of the person who is seen most, from sole to crown, m."""
    length: tuple[str, str, float] | None = None
    """Two of their keypoints and how far they are apart, m."""
    lenses: Path | None = None
    """A calibration whose lenses hold; its poses are ignored."""
    fov_deg: float | None = None
    """Field of view along the longer side, to begin with where there are no lenses."""
    refine: Path | None = None
    """A calibration to be adjusted."""
    sync: bool = True
    solve: SolveOptions = field(default_factory=SolveOptions)
    """Which part of the videos, and which networks."""


def calibrate_by_people(
    videos: Sequence[str | Path],
    *,
    options: PeopleOptions | None = None,
    journals: Path | None = None,
    progress: Progress = silent,
    note: Note = lambda sentence: None,
) -> Calibration:
    """Find where the cameras of several videos stand, from the people in them.

    Args:
        videos: One video per camera.
        options: What is known, and how.
        journals: A folder in which the networks' answers are kept while the run lasts: another run
            with the same videos goes on from them.
        progress: Called as people are found.
        note: Called with a sentence wherever something was assumed.

    Raises:
        InputError: If a file or an option cannot be used.
        NothingFoundError: If the videos share too little.
    """
    options, notes = options or PeopleOptions(), list[str]()

    def tell(sentence: str) -> None:
        notes.append(sentence)
        note(sentence)

    check_people_options(options)
    clips = [open_clip(video, options.solve) for video in videos]
    known = options.refine or options.lenses
    lenses = assume_lenses(clips, options.fov_deg)
    if known is not None:
        sizes = {clip.size for clip in clips}
        size = sizes.pop() if len(sizes) == 1 else None
        lenses = match_cameras(read_cameras(known, size=size, note=tell), clips, tell)
    lenses = name_after_clips(lenses, clips)
    networks = open_networks(options.solve)
    views = see_views(clips, networks, options.solve, journals, progress, Timings(), tell)
    body, size_known = load_body(), KnownSize(height=options.height, length=options.length)
    if options.refine is not None:
        found = refine_views(views, lenses, size=size_known, sync=options.sync, body=body)
        tell(_describe_before(found, lenses))
    else:
        focal: Focal = "known" if known is not None else _share_focal(clips)
        found = calibrate_views(
            views, lenses, size=size_known, sync=options.sync, focal=focal, body=body
        )
    if found.clocks:
        tell(describe_clocks(found.clocks))
    how = "refined" if options.refine is not None else "calibrated"
    return describe_people_calibration(found, clips, how=how, note=tell, notes=notes)


def check_people_options(options: PeopleOptions) -> None:
    """Refuse options that make no sense together.

    Raises:
        InputError: If they do.
    """
    check_numbers(options.solve)
    if options.refine is not None and options.lenses is not None:
        raise InputError("--refine brings its own lenses; leave --lenses out")
    if options.fov_deg is not None and (options.lenses or options.refine):
        raise InputError("--fov is for cameras whose lenses are not known; leave it out")
    if options.fov_deg is not None and not 5 <= options.fov_deg <= 150:
        raise InputError(
            f"the field of view must be between 5 and 150 degrees, got {options.fov_deg:g}"
        )
    if options.refine is None and options.height is None and options.length is None:
        raise InputError(
            "the size of the scene is not known: say how tall the person is who is seen most "
            "(--height 1.68) or how far two keypoints are apart (--length left_knee left_ankle "
            "0.41)"
        )
    if options.height is not None and options.length is not None:
        raise InputError("--height and --length say the same thing; give one")


def assume_lenses(clips: Sequence[Clip], fov_deg: float | None) -> Cameras:
    """Return cameras without distortion, of a usual or stated field of view."""
    half = math.tan(math.radians(fov_deg or _ASSUMED_FOV_DEG) / 2)
    K = np.tile(np.eye(3), (len(clips), 1, 1))
    for row, clip in enumerate(clips):
        K[row, 0, 0] = K[row, 1, 1] = max(clip.size) / 2 / half
        K[row, :2, 2] = clip.size[0] / 2, clip.size[1] / 2
    nowhere = np.tile([1.0, 0, 0, 0, 0, 0, 0], (len(clips), 1, 1))
    return Cameras(
        names=tuple(f"camera{row + 1}" for row in range(len(clips))),
        model="pinhole",
        K=K,
        distortion=np.zeros((len(clips), 0)),
        T_cam_world=nowhere,
        size=np.array([clip.size for clip in clips]),
        time_offset=np.zeros(len(clips)),
    )


def name_after_clips(cameras: Cameras, clips: Sequence[Clip]) -> Cameras:
    """Name cameras after their videos, so that `marey solve` finds them; if names are all apart."""
    names = tuple(clip.video.resolve().stem for clip in clips)
    return replace(cameras, names=names) if len(set(names)) == len(names) else cameras


def _describe_before(found: CalibratedViews, given: Cameras) -> str:
    """Say how large errors were with the calibration that was given."""
    timed = replace(given, time_offset=found.calibrated.cameras.time_offset)
    points = triangulate_keypoints(found.keypoints, timed).keypoints.position.astype(np.float64)
    off = measure_reprojection(found.keypoints, points, timed)
    off = np.where(found.keypoints.confidence > _SURE, off, np.nan)
    words = [
        f"{name} {measure_spread(own)[0]:.1f} px"
        for name, own in zip(given.names, off, strict=True)
    ]
    return f"errors with the calibration that was given: {', '.join(words)}"


def _share_focal(clips: Sequence[Clip]) -> Focal:
    """Cameras whose pictures are of one size are taken to be of one kind."""
    sizes = np.array([sorted(clip.size) for clip in clips])
    return "shared" if np.ptp(sizes, axis=0).max() < _ONE_MODEL_PX else "each"
