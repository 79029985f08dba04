"""The order of the verbs for several calibrated cameras; nothing else knows it.

What each camera saw is brought to one clock, associated across them, triangulated, refined and
fitted with one body per person. The world is the calibration's. Each person covers the span from
the first to the last moment at which they are somewhere in the pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from marey.body import Body
from marey.capture.contact.find import Contact, ContactOptions
from marey.capture.contact.keypoints import ContactRoad
from marey.capture.contact.road import LookCloser, Looked, pass_contact
from marey.capture.contact.settle import SettleOptions, mark_floor, settle_contact
from marey.capture.fit_body import FitOptions
from marey.capture.overrides import apply_overrides
from marey.capture.pipeline import Seen, Timings
from marey.capture.rig.camera_paths import blind_steps, fill_poses
from marey.capture.rig.common_clock import Steps, choose_clock, find_steps
from marey.capture.views.associate import AssociationOptions
from marey.capture.views.crowd_in_views import Association, Crowd, gather_crowd
from marey.capture.views.duplicates import suppress_duplicates
from marey.capture.views.fit_views import ViewsFit, fit_views
from marey.capture.views.limb_lengths import keep_lengths
from marey.capture.views.limbs import find_limbs
from marey.capture.views.mistaken_views import Mistake, find_mistakes, leave_out
from marey.capture.views.pose_cost import PoseWeights, Setting, optimize_points
from marey.capture.views.refine_points import RefineOptions, refine_keypoints
from marey.capture.views.triangulate import (
    KeypointOptions,
    TriangulatedKeypoints,
    triangulate_keypoints,
)
from marey.capture.views.view_data import ViewsOfPerson
from marey.capture.views.view_quality import ViewQuality, judge_views
from marey.core import Cameras, Keypoints2D, Keypoints3D, Person, Take
from marey.core.errors import InputError, NothingFoundError
from marey.core.progress import Progress, silent
from marey.fit.contact.separate import Separated
from marey.fit.threads import one_thread_each, side_by_side
from marey.io.overrides import Override


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyViewsOptions:
    """What may be set of a capture with several cameras."""

    associate: AssociationOptions = field(default_factory=AssociationOptions)
    points: KeypointOptions = field(default_factory=KeypointOptions)
    refine: RefineOptions = field(
        default_factory=lambda: RefineOptions(limb_deviations=4.0, robust=True, fill_degree=1)
    )
    """Its `jump` and `max_gap` follow from the clock, `top_speed` and the fit's `max_gap`."""
    contact: ContactRoad | None = field(default_factory=ContactRoad)
    """How keypoints are given to people who are in contact; None leaves them as associated."""
    contact_when: ContactOptions = field(default_factory=ContactOptions)
    top_speed: float = 12.0
    """Fastest that a point of a person moves, m/s."""
    skeleton_cost: Setting | Literal["anatomy"] = "anatomy"
    """What makes limbs keep their lengths: sigmas of points and limbs (`limb_lengths`), or the
    formulas of Harmony4D's supplement or of its authors' code (`pose_cost`)."""
    skeleton_weights: PoseWeights = field(default_factory=PoseWeights)
    """Of the terms of those formulas."""
    fit: FitOptions = field(default_factory=FitOptions)
    settle: SettleOptions | None = field(default_factory=SettleOptions)
    """How bodies are taken out of each other and touches are noted; None for neither."""
    overrides: tuple[Override, ...] = ()
    """Keypoints of the people that were associated whose confidence somebody forces by hand."""
    workers: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvedViews:
    """A take and what says how good it is."""

    take: Take
    triangulated: TriangulatedKeypoints
    """Before they were refined; N in the order of the take's people."""
    fits: tuple[ViewsFit | None, ...]
    quality: tuple[ViewQuality, ...]
    """One per view."""
    separated: Separated | None = None
    """How deep bodies were in each other and are now; None where nobody asked."""
    contact: Contact | None = None
    """Who was near whom when; None with one person, or where it was not asked."""
    looked: Looked | None = None
    """What a closer look at those who touch came to; None where nobody looked."""


def solve_views(  # noqa: PLR0913
    views: Sequence[Seen],
    cameras: Cameras,
    *,
    association: Association | None = None,
    body: Body,
    options: ManyViewsOptions | None = None,
    second_look: Callable[[Keypoints2D], Keypoints2D] | None = None,
    look_closer: LookCloser | None = None,
    progress: Progress = silent,
    timings: Timings | None = None,
) -> SolvedViews:
    """Turn what several cameras saw into everyone's motion in the cameras' world.

    Args:
        views: What each camera saw, one per camera and in their order.
        cameras: The calibration; `time_offset` brings each view to the common clock. Moving cameras
            have a pose per moment of that clock, NaN where it is not known: they see nothing then.
        association: Who is who across views; found from where people are in space if None.
        body: The body to fit.
        options: How.
        second_look: Looks for people in views that missed them (`views/second_look.py`), given
            everyone's keypoints in all views; nobody looks if None.
        look_closer: Looks again at people who touch (`contact/closer_look.py`); nobody does if
            None.
        progress: Called as the fit advances.
        timings: Where seconds per stage are added up.

    Raises:
        InputError: If views and cameras do not fit together.
        NothingFoundError: If nobody is seen by two cameras at once.
    """
    options, timings = options or ManyViewsOptions(), timings or Timings()
    _check_views(views, cameras)
    with timings.measure("clock"):
        clock, steps = _find_clock(views, cameras)
        _check_poses(cameras, clock)
        given, (cameras, known) = cameras, fill_poses(cameras)
        steps = blind_steps(steps, known)
    with timings.measure("associate"):
        crowd, mistakes = _gather(views, cameras, clock, steps, association, options)
    everyone = crowd.keypoints
    if second_look is not None:
        with timings.measure("second look"):
            everyone = _blank(second_look(everyone), mistakes)
    with timings.measure("triangulate"):
        forced = apply_overrides(everyone, options.overrides, cameras=cameras.names)
        clean = suppress_duplicates(forced, drop="weaker")
        # What a person said is the last word.
        clean = apply_overrides(clean, options.overrides, cameras=cameras.names)
        found = triangulate_keypoints(clean, cameras, options=options.points)
    if not found.keypoints.valid.any():
        raise NothingFoundError(
            "no keypoint is seen by two cameras that agree on it; check that the cameras film the "
            "same moment and that the calibration is theirs"
        )
    contact = looked = None
    if options.contact is not None and len(clean.people) > 1:
        with timings.measure("contact"):
            through = pass_contact(
                clean,
                found,
                cameras,
                associated=forced,
                points=options.points,
                when=options.contact_when,
                road=options.contact,
                look=look_closer,
            )
            clean, found, contact = through.keypoints, through.found, through.contact
            looked = through.looked
    with timings.measure("refine"):
        points = refine_skeletons(found.keypoints, options)
    spans = find_spans(clean)
    with timings.measure("fit"):
        fits = _fit_everyone(clean, found, points, spans, cameras, body, options, progress)
    people = tuple(
        _to_person(clean, points, fits[row], row, span) for row, span in enumerate(spans)
    )
    separated = None
    if options.settle is not None:
        with timings.measure("settle"):
            settled = settle_contact(
                people, clock, cameras, body, options=options.settle, progress=progress
            )
            people, separated = mark_floor(body, settled.people), settled.separated
    take = Take(
        time=clock,
        clips=tuple(seen.clip for seen in views),
        cameras=given,
        tracks=crowd.tracks,
        people=people,
    )
    said = {view: mistake.describe(cameras.names) for mistake in mistakes for view in mistake.views}
    quality = tuple(
        replace(own, mistake=said.get(view))
        for view, own in enumerate(judge_views(clean, found, cameras, num_own=crowd.num_seen))
    )
    return SolvedViews(
        take=take,
        triangulated=found,
        fits=fits,
        quality=quality,
        contact=contact,
        separated=separated,
        looked=looked,
    )


def _gather(
    views: Sequence[Seen],
    cameras: Cameras,
    clock: Float[np.ndarray, "T"],
    steps: Sequence[Steps],
    association: Association | None,
    options: ManyViewsOptions,
) -> tuple[Crowd, tuple[Mistake, ...]]:
    """Find who is who; without views whose videos are exchanged or mirrored.

    Raises:
        NothingFoundError: If nobody is seen by two cameras that agree.
    """
    if association is not None:
        crowd = gather_crowd(views, cameras, clock, steps, association=association)
        return crowd, ()
    try:
        crowd = gather_crowd(views, cameras, clock, steps, options=options.associate)
    except NothingFoundError as error:
        mistakes = find_mistakes(views, cameras, clock, steps, options=options.associate)
        if not mistakes:
            raise
        said = "; ".join(mistake.describe(cameras.names) for mistake in mistakes)
        raise NothingFoundError(f"no two cameras agree on anybody: {said}") from error
    mistakes = find_mistakes(
        views,
        cameras,
        clock,
        steps,
        keypoints=crowd.keypoints,
        num_seen=crowd.num_seen,
        options=options.associate,
    )
    if not mistakes:
        return crowd, ()
    left = leave_out(views, mistakes)
    try:
        return gather_crowd(left, cameras, clock, steps, options=options.associate), mistakes
    except NothingFoundError as error:
        said = "; ".join(mistake.describe(cameras.names) for mistake in mistakes)
        raise NothingFoundError(f"too few cameras are left: {said}") from error


def _blank(keypoints: Keypoints2D, mistakes: Sequence[Mistake]) -> Keypoints2D:
    """Return keypoints without those of mistaken views."""
    rows = [view for mistake in mistakes for view in mistake.views]
    if not rows:
        return keypoints
    position, confidence = keypoints.position.copy(), keypoints.confidence.copy()
    position[rows], confidence[rows] = np.nan, 0.0
    return replace(keypoints, position=position, confidence=confidence)


def refine_skeletons(keypoints: Keypoints3D, options: ManyViewsOptions) -> Keypoints3D:
    """Fill, filter and smooth points, then let limbs keep their lengths."""
    time = keypoints.time
    rate = 1 / float(np.median(np.diff(time))) if len(time) > 1 else 30.0
    filled = refine_keypoints(
        keypoints,
        replace(
            options.refine,
            jump=(options.top_speed / rate) ** 2,
            max_gap=round(options.fit.max_gap * rate),
        ),
    )
    assert filled.sigma is not None
    ends = sorted({end for limb in find_limbs(filled.skeleton) for end in limb})
    columns = [filled.skeleton.index(name) for name in ends]
    position = filled.position.copy()
    # One after the other, and linear algebra on one thread: of many small steps threads only make
    # waiting, of which they do several times the work.
    with one_thread_each():
        for row in range(len(filled.people)):
            points = filled.position[row][:, columns].astype(np.float64)
            if options.skeleton_cost == "anatomy":
                kept = keep_lengths(points, filled.sigma[row][:, columns], tuple(ends))
            else:
                kept = optimize_points(
                    points,
                    tuple(ends),
                    setting=options.skeleton_cost,
                    weights=options.skeleton_weights,
                )
            position[row][:, columns] = kept
    return replace(filled, position=position)


def _check_views(views: Sequence[Seen], cameras: Cameras) -> None:
    if len(views) != len(cameras.names) or len(views) < 2:
        raise InputError(
            f"{len(views)} videos came with {len(cameras.names)} cameras; give one video per "
            "camera, two at least, in the order of the calibration or named like its cameras"
        )


def _find_clock(
    views: Sequence[Seen], cameras: Cameras
) -> tuple[Float[np.ndarray, "T"], list[Steps]]:
    own = [seen.clip.time + offset for seen, offset in zip(views, cameras.time_offset, strict=True)]
    clock = choose_clock(own)
    if not len(clock):
        raise NothingFoundError(
            "no two of the videos overlap in time; check that they were recorded together, or "
            "leave out --no-sync"
        )
    return clock, [find_steps(times, clock) for times in own]


def _check_poses(cameras: Cameras, clock: Float[np.ndarray, "T"]) -> None:
    poses = cameras.T_cam_world.shape[1]
    if poses not in (1, len(clock)):
        raise InputError(
            f"moving cameras with {poses} poses came with {len(clock)} moments of the common "
            "clock; give one pose per moment"
        )


def find_spans(keypoints: Keypoints2D) -> list[slice]:
    """Return from when to when each person is somewhere in the pictures; all, if never."""
    seen = np.asarray(keypoints.valid.any((0, 3)))
    spans = []
    for row in range(len(seen)):
        moments = np.flatnonzero(seen[row])
        first, last = (moments[0], moments[-1]) if len(moments) else (0, seen.shape[1] - 1)
        spans.append(slice(int(first), int(last) + 1))
    return spans


def cut_cameras(cameras: Cameras, span: slice) -> Cameras:
    """Return the cameras of a span of moments; those that stand still stay as they are."""
    if cameras.T_cam_world.shape[1] == 1:
        return cameras
    return replace(cameras, T_cam_world=cameras.T_cam_world[:, span])


def _fit_everyone(
    keypoints: Keypoints2D,
    found: TriangulatedKeypoints,
    points: Keypoints3D,
    spans: Sequence[slice],
    cameras: Cameras,
    body: Body,
    options: ManyViewsOptions,
    progress: Progress,
) -> tuple[ViewsFit | None, ...]:
    finished: list[int] = []

    def fit(row: int) -> ViewsFit | None:
        person = lay_out_person(keypoints, found, points, row, options, span=spans[row])
        name, own = keypoints.people[row], cut_cameras(cameras, spans[row])
        result = fit_views(body, person, own, name=name, options=options.fit)
        finished.append(row)
        progress("fit", len(finished), len(keypoints.people))
        return result

    with one_thread_each():
        rows = range(len(keypoints.people))
        fits = tuple(side_by_side(fit, rows, workers=options.workers))
    if all(result is None for result in fits):
        raise NothingFoundError(
            "nobody is seen well enough by two cameras or more to fit a body; check the "
            "calibration, or that people stand where the views overlap"
        )
    return fits


def lay_out_person(
    keypoints: Keypoints2D,
    found: TriangulatedKeypoints,
    points: Keypoints3D,
    row: int,
    options: ManyViewsOptions,
    *,
    span: slice = slice(None),
) -> ViewsOfPerson:
    """Return what the fit of one person needs.

    Image points count where their view agrees with the triangulated point, or where there is none
    and the view alone sees it.
    """
    assert points.sigma is not None
    inlier: Bool[np.ndarray, "C T K"] = found.inlier[:, row, span]
    sure = keypoints.confidence[:, row, span] > options.points.views.min_confidence
    return ViewsOfPerson(
        skeleton=keypoints.skeleton,
        time=keypoints.time[span],
        points=points.position[row, span],
        point_sigma=points.sigma[row, span],
        image=keypoints.position[:, row, span],
        image_sigma=found.pixel_sigma[:, row, span],
        counts=sure & (inlier | ~inlier.any(0)),
    )


def _to_person(
    keypoints: Keypoints2D, points: Keypoints3D, fit: ViewsFit | None, row: int, span: slice
) -> Person:
    name, time = keypoints.people[row], keypoints.time[span]
    own = slice(row, row + 1), span
    return Person(
        name=name,
        start=span.start,
        num_frames=len(time),
        keypoints2d=tuple(
            replace(
                keypoints,
                people=(name,),
                time=time,
                position=keypoints.position[view][own],
                confidence=keypoints.confidence[view][own],
                sigma=None if keypoints.sigma is None else keypoints.sigma[view][own],
            )
            for view in range(len(keypoints.position))
        ),
        keypoints3d=replace(
            points,
            people=(name,),
            time=time,
            position=points.position[own],
            confidence=points.confidence[own],
            sigma=None if points.sigma is None else points.sigma[own],
        ),
        motion=None if fit is None else fit.motion,
    )
