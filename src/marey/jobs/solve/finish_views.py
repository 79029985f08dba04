"""From what several cameras saw to a finished take: clocks, motion, where all of it came from."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import marey
from marey.body import load_body
from marey.capture.contact.keypoints import ContactRoad
from marey.capture.contact.road import LookCloser, Looked
from marey.capture.pipeline import Seen, Timings
from marey.capture.rig.camera_paths import CameraPath, follow_paths
from marey.capture.rig.view_clocks import ViewClock, describe_clocks, find_clocks, set_clocks
from marey.capture.views.many_views import ManyViewsOptions, solve_views
from marey.capture.views.view_quality import ViewQuality
from marey.core import Cameras, Clip, Keypoints2D, Take
from marey.core.progress import Progress
from marey.fit.contact.options import CollisionOptions
from marey.io.overrides import describe_overrides
from marey.jobs.camera_files import find_calibration
from marey.jobs.export.outputs import digest_output
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.overriding import choose_overrides
from marey.jobs.solve.stages import describe_collision, describe_refine
from marey.jobs.solve.video import name_body, refine_solved, settle_options

_REVISION = 3

Note = Callable[[str], None]
Look = Callable[[Sequence[Seen], Cameras, Keypoints2D], Keypoints2D]
"""Looks for people in views that missed them, given what views saw, their cameras and everyone's
keypoints on the common clock (`capture/views/second_look.py`)."""
Closer = Callable[[Sequence[Seen], Cameras], LookCloser]
"""Returns what looks again at people who touch, given what views saw and their cameras on the
common clock (`capture/contact/closer_look.py`)."""


def finish_views(  # noqa: PLR0913
    views: Sequence[Seen],
    cameras: Cameras,
    *,
    calibration: Path,
    options: SolveOptions,
    sync: bool,
    made_of: Mapping[str, Any],
    paths: Sequence[CameraPath | None] = (),
    look: Look | None = None,
    closer: Closer | None = None,
    progress: Progress,
    timings: Timings,
    note: Note,
) -> Take:
    """Turn what several cameras saw into a take.

    Args:
        views: What each camera saw.
        cameras: Their cameras, in the same order.
        calibration: Where the cameras come from.
        options: Body and refinement.
        sync: Whether clocks are put right by what the views show; else they are trusted.
        made_of: Tables of the provenance that say where `views` come from.
        paths: Per camera, its pose per frame of its own video, or None where it stands still; empty
            where all do.
        look: Looks for people in views that missed them; nobody looks if None.
        closer: Looks again at people who touch; nobody looks if None.
        progress: Called as the fit advances.
        timings: Where seconds per stage are added up.
        note: Called with a sentence wherever something was assumed, or seems wrong.

    Raises:
        InputError: If views and cameras do not fit together, or nobody is found.
    """
    body, overrides = load_body(options.body), choose_overrides(options, None, note)
    paths = paths or [None] * len(views)
    clocks = _find_clocks(views, cameras, paths, note, timings) if sync else ()
    straight, on_time = set_clocks(views, cameras, clocks) if clocks else (views, cameras)
    on_time = follow_paths(on_time, paths, [seen.clip.time for seen in straight])
    solved = solve_views(
        straight,
        on_time,
        body=body,
        options=ManyViewsOptions(
            overrides=overrides,
            contact=ContactRoad() if options.contact else None,
            settle=settle_options(options, CollisionOptions()),
        ),
        second_look=None if look is None else partial(look, straight, on_time),
        look_closer=None if closer is None else closer(straight, on_time),
        progress=progress,
        timings=timings,
    )
    # One sentence about two cameras is said once.
    for sentence in dict.fromkeys(view.complaint for view in solved.quality):
        if sentence is not None:
            note(sentence)
    stages = {
        "marey": {"version": marey.__version__},
        **made_of,
        "cameras": {
            "file": calibration.name,
            "sha256": digest_output(find_calibration(calibration)),
        },
        "clocks": _describe_clocks(clocks),
        "views": {view.name: _describe(view) for view in solved.quality},
        "fit": {"revision": _REVISION, "body": f"{body.name} {body.version}"},
        "contact": {"road": options.contact},
        "collision": describe_collision(options),
    }
    if solved.looked is not None:
        note(solved.looked.describe())
        stages["contact"] = {"road": options.contact, **_describe_look(solved.looked)}
    # Clocks without the drift that was taken out: those of the files, which pictures are found by.
    clips = tuple(map(_note_mistake, (seen.clip for seen in views), solved.quality))
    take = replace(solved.take, clips=clips)
    if overrides:
        stages["overrides"] = {"entries": describe_overrides(overrides)}
    if options.refine != "none":
        with timings.measure("refine motion"):
            take = refine_solved(take, options)
        stages["refine"] = describe_refine(options.refine)
    return replace(name_body(take, options.body), provenance=stages)


def _find_clocks(
    views: Sequence[Seen],
    cameras: Cameras,
    paths: Sequence[CameraPath | None],
    note: Note,
    timings: Timings,
) -> tuple[ViewClock, ...]:
    """Find what the clocks are off by; nothing for single pictures, which show no movement."""
    if all(seen.clip.num_frames == 1 for seen in views):
        return ()
    with timings.measure("synchronise"):
        moving = [n for n, path in zip(cameras.names, paths, strict=True) if path is not None]
        clocks = find_clocks(views, cameras, moving=moving)
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


def _note_mistake(clip: Clip, view: ViewQuality) -> Clip:
    """Return a clip that says what its video was mistaken for, for the report."""
    if view.mistake is None:
        return clip
    return replace(clip, warnings=(*clip.warnings, view.mistake))


def _describe(view: ViewQuality) -> dict[str, float | str]:
    """Return a view's quality as a take keeps it; what is unknown is left out."""
    figures = {"agreeing": view.agreeing, "error_px": view.error_px}
    return {
        "keypoints": view.num_seen,
        **({} if view.mistake is None else {"left_out": view.mistake}),
        **{name: round(value, 4) for name, value in figures.items() if math.isfinite(value)},
    }


def _describe_look(looked: Looked) -> dict[str, int]:
    """Return what a closer look at people who touch came to, as a take keeps it."""
    before, now = looked.agreeing
    return {
        "pictures": int(looked.who.any(1).sum()),
        "keypoints": int(looked.found.sum()),
        "used": int(looked.later.sum()),
        "agreeing_before": before,
        "agreeing": now,
    }
