"""Keypoints of any detector in, a take out: the second half of `solve`."""

import time as clock
from dataclasses import fields, replace
from pathlib import Path

import marey
from marey.body import load_body
from marey.capture.contact.settle_everyone import ONE_VIEW
from marey.capture.foreign import prepare_person
from marey.capture.pipeline import CaptureOptions, Seen, Timings, fit_people
from marey.core import Tracks
from marey.core.errors import InputError, NothingFoundError
from marey.core.progress import Progress, silent
from marey.io.overrides import describe_overrides
from marey.jobs.cut_take import cut_take
from marey.jobs.import_take import import_take
from marey.jobs.moments import parse_moment
from marey.jobs.readers import Size
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.overriding import choose_overrides, override_seen, restore_keypoints
from marey.jobs.solve.stages import describe_collision, describe_refine
from marey.jobs.solve.video import (
    Solved,
    check_collision,
    choose_view,
    describe_run,
    name_body,
    refine_solved,
    settle_options,
)

USED = (
    *("start", "end", "every", "fov_deg", "focal_px", "body"),
    *("contact", "collision", "self_collision", "refine", "override"),
)
"""Options that do not concern the networks."""


def solve_keypoints(
    keypoints: str | Path,
    *,
    video: str | Path | None = None,
    frame_rate: float | None = None,
    size: Size | None = None,
    options: SolveOptions | None = None,
    progress: Progress = silent,
) -> Solved:
    """Turn keypoints in the images of one camera into the 3D motion of everyone.

    Args:
        keypoints: COCO JSON, a folder of OpenPose's files, MediaPipe's arrays, or a take.
        video: The video they were found in; gives clock and size.
        frame_rate: Frames per second of keypoints that state none, without a video; 30 if None.
        size: Width and height of the pictures in px, if neither file nor video says.
        options: Camera and body.
        progress: Called as the fit advances.

    Returns:
        A take as `solve` makes it, and how the run went.

    Raises:
        InputError: If a file or an option cannot be used, or the size of the pictures is unknown.
        NothingFoundError: If nobody has keypoints, or nobody is seen well enough.
    """
    options = options or SolveOptions()
    check_keypoint_options(options)
    begin, timings = clock.perf_counter(), Timings()
    take = import_take(keypoints, video=video, frame_rate=frame_rate, size=size)
    part = choose_part(options)
    take = cut_take(take, start=part.get("start_s"), end=part.get("end_s"), every=options.every)
    people = tuple(prepare_person(person) for person in take.people if person.keypoints2d)
    if not people:
        raise NothingFoundError(f"{keypoints} holds no keypoints in images, which a fit needs")
    if not take.clips:
        raise InputError(
            f"{keypoints} does not say how large its pictures are; give the video, or --size WIDTH "
            "HEIGHT"
        )
    clip = take.clips[0]
    view, body = choose_view(clip, options), load_body(options.body)
    tracks = take.tracks[0] if take.tracks else Tracks(time=take.time, tracks=())
    seen = Seen(clip=replace(clip, time=take.time), tracks=tracks, people=people)
    overrides = choose_overrides(options, None)
    solved = fit_people(
        override_seen(seen, overrides),
        body=body,
        view=view,
        options=CaptureOptions(settle=settle_options(options, ONE_VIEW)),
        progress=progress,
        timings=timings,
    )
    solved = refine_solved(restore_keypoints(solved, seen), options)
    described = {**take.provenance.get("import", {"file": Path(keypoints).name}), **part}
    stages = {
        "marey": {"version": marey.__version__},
        "import": described,
        "fit": {"body": f"{body.name} {body.version}", "focal_px": round(view.focal, 3)},
        "collision": describe_collision(options),
    }
    if overrides:
        stages["overrides"] = {"entries": describe_overrides(overrides)}
    if options.refine != "none":
        stages["refine"] = describe_refine(options.refine)
    solved = replace(name_body(solved, options.body), clips=(clip,), provenance=stages)
    return Solved(
        take=solved,
        run=describe_run(timings, clock.perf_counter() - begin, num_frames=len(solved.time)),
    )


def choose_part(options: SolveOptions) -> dict[str, float]:
    """Return which frames are wanted, as the provenance names it; empty for all."""
    if options.every < 1:
        raise InputError(f"--every must be at least 1, got {options.every}")
    moments = {
        f"{name}_s": parse_moment(text, f"--{name}")
        for name, text in (("start", options.start), ("end", options.end))
        if text is not None
    }
    return {**moments, **({"every": options.every} if options.every > 1 else {})}


def check_keypoint_options(options: SolveOptions) -> None:
    """Refuse options that only say how to look at pictures.

    Raises:
        InputError: If any of them is not as it is by default.
    """
    check_collision(options)
    default = SolveOptions()
    for item in fields(SolveOptions):
        if item.name not in USED and getattr(options, item.name) != getattr(default, item.name):
            raise InputError(
                f"--{item.name.replace('_', '-')} has no use with --keypoints, whose frames "
                "are taken as they are; leave it out"
            )
