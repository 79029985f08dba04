"""One video in, a take out."""

import math
import os
import platform
import time as clock
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from marey.body import load_body
from marey.capture.contact.settle import SettleOptions
from marey.capture.contact.settle_everyone import ONE_VIEW
from marey.capture.followed import TrackOptions
from marey.capture.observe import PinholeView
from marey.capture.pipeline import CaptureOptions, Timings, fit_people, see_people
from marey.capture.refine import RefineSettings, refine_motion
from marey.core import BodyMotion, Clip, Take
from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.fit.contact.options import CollisionOptions
from marey.io.masks import MaskFolder, MaskTable, open_masks
from marey.io.video import probe_clip, read_frames, select_frames
from marey.jobs.moments import parse_moment
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.overriding import choose_overrides, override_seen, restore_keypoints
from marey.jobs.solve.stages import describe_stages
from marey.models.detector import SsdPersonDetector
from marey.models.face import FaceEstimator
from marey.models.protocols import LandmarkEstimator, PersonDetector
from marey.models.wholebody import WholeBodyEstimator

TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".tar", ".bin")
"""Of weights that torch wrote, as SegPose2D's and ViTPose's are."""

_DEFAULT_FOV_DEG = 53.0
"""Along the longer side: between a phone's wide lens (65) and a camcorder zoomed in a little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A take and how the run went."""

    take: Take
    run: dict[str, Any]
    """Timings and host facts, for `run.json`."""


def solve(
    video: str | Path, *, options: SolveOptions | None = None, progress: Progress = silent
) -> Take:
    """Turn a video into the 3D motion of everyone in it.

    Args:
        video: A video file, a folder of images or a single image.
        options: Camera, body and networks.
        progress: Called as the stages advance.

    Returns:
        Everyone's keypoints and motion in one world, and the camera; `take.motion` lays all people
        out on the clip's clock.

    Raises:
        InputError: If the file or an option cannot be used, or nobody is found.
    """
    return solve_with_timings(video, options=options, progress=progress).take


def solve_with_timings(
    video: str | Path, *, options: SolveOptions | None = None, progress: Progress = silent
) -> Solved:
    """Do what `solve` does and report how long each stage took."""
    options = options or SolveOptions()
    check_numbers(options)
    begin, timings = clock.perf_counter(), Timings()
    clip = open_clip(video, options)
    view, body = choose_view(clip, options), load_body(options.body)
    overrides, capture = choose_overrides(options, None), capture_options(options)
    stages = describe_stages(options, view, body, overrides)
    with timings.measure("load networks"):
        detector, estimator = open_networks(options)
    seen = see_people(
        clip,
        read_frames(clip),
        detector=detector,
        estimator=estimator,
        options=capture,
        progress=progress,
        timings=timings,
    )
    take = fit_people(
        override_seen(seen, overrides),
        body=body,
        view=view,
        options=capture,
        progress=progress,
        timings=timings,
    )
    take = restore_keypoints(take, seen)
    if options.refine != "none":
        with timings.measure("refine"):
            take = refine_solved(take, options)
    take = replace(name_body(take, options.body), provenance=stages)
    total = clock.perf_counter() - begin
    return Solved(take=take, run=describe_run(timings, total, num_frames=len(take.time)))


def refine_solved(take: Take, options: SolveOptions) -> Take:
    """Refine everyone's fitted motion, if the options ask for it."""
    people = tuple(
        replace(person, motion=person.motion and refine_fitted(person.motion, options))
        for person in take.people
    )
    return replace(take, people=people)


def refine_fitted(motion: BodyMotion, options: SolveOptions) -> BodyMotion:
    """Refine one fitted motion in the world, if the options ask for it."""
    if options.refine == "none":
        return motion
    return refine_motion(motion, RefineSettings(method=options.refine)).motion


def open_clip(video: str | Path, options: SolveOptions) -> Clip:
    """Return the part of a video that the options ask for.

    Raises:
        InputError: If the file or a moment cannot be used.
    """
    start, end = (
        None if text is None else parse_moment(text, option)
        for text, option in ((options.start, "--start"), (options.end, "--end"))
    )
    return select_frames(probe_clip(video), start=start, end=end, every=options.every)


def capture_options(options: SolveOptions, *, view: str | None = None) -> CaptureOptions:
    """Return the options of the capture that the user's options ask for.

    Args:
        options: The user's.
        view: Name of one of several videos, whose masks are the folder or .json of that name in
            the folder of masks, if there is one.

    Raises:
        InputError: If there are no such masks.
        FormatError: If they cannot be read.
    """
    return CaptureOptions(
        track=TrackOptions(detect_every=options.detect_every, min_height=options.min_height),
        settle=settle_options(options, ONE_VIEW),
        masks=_open_masks(options.masks, view),
    )


def settle_options(options: SolveOptions, collision: CollisionOptions) -> SettleOptions:
    """Return what is done where people touch.

    Args:
        options: The user's.
        collision: How bodies are taken apart, if they are.
    """
    apart = replace(collision, oneself=options.self_collision)
    return SettleOptions(collision=apart if options.collision else None)


def _open_masks(path: Path | None, view: str | None) -> MaskFolder | MaskTable | None:
    if path is None:
        return None
    if view is None:
        return open_masks(path)
    place = find_masks(path, view)
    return None if place is None else open_masks(place)


def find_masks(path: Path, view: str) -> Path | None:
    """Return the masks of one of several videos; None if there are none of it."""
    choices = (path / view, path / f"{view}.json")
    return next((each for each in choices if each.exists()), None)


def name_body(take: Take, source: str) -> Take:
    """Let the motions name the user's own body by its path, so that exports can load it again."""
    if not Path(source).suffix:
        return take
    path = str(Path(source).resolve())
    people = tuple(
        replace(person, motion=person.motion and replace(person.motion, body=path))
        for person in take.people
    )
    return replace(take, people=people)


def check_numbers(options: SolveOptions) -> None:
    """Refuse numbers and combinations that make no sense.

    Raises:
        InputError: If one does.
    """
    if options.every < 1:
        raise InputError(f"--every must be at least 1, got {options.every}")
    if options.detect_every < 1:
        raise InputError(f"--detect-every must be at least 1, got {options.detect_every}")
    if not options.min_height >= 1:
        raise InputError(f"--min-height must be at least 1 px, got {options.min_height:g}")
    check_collision(options)
    if options.face and options.landmarks is not None:
        raise InputError(
            "--face belongs to the shipped landmark networks; your own estimator (--landmarks) "
            "brings its own face points: leave --face out"
        )


def check_collision(options: SolveOptions) -> None:
    """Refuse to keep a body's limbs apart where bodies are not.

    Raises:
        InputError: If that is what is asked for.
    """
    if options.self_collision and not options.collision:
        raise InputError(
            "--self-collision is done where bodies are taken apart; leave --no-collision out"
        )


def choose_view(clip: Clip, options: SolveOptions) -> PinholeView:
    """Return the camera a clip is taken to be filmed with.

    Raises:
        InputError: If both or impossible values are given.
    """
    if options.fov_deg is not None and options.focal_px is not None:
        raise InputError(
            "give either the field of view or the focal length, not both: they say the same thing"
        )
    longer = max(clip.size)
    focal = options.focal_px
    if focal is None:
        fov = _DEFAULT_FOV_DEG if options.fov_deg is None else options.fov_deg
        if not 1 <= fov <= 170:
            raise InputError(f"the field of view must be between 1 and 170 degrees, got {fov:g}")
        focal = longer / 2 / math.tan(math.radians(fov) / 2)
    if not 0.05 * longer <= focal <= 100 * longer:
        raise InputError(
            f"a focal length of {focal:g} px does not suit a picture {longer} px long; "
            "common lenses lie between half and three times that length"
        )
    return PinholeView(float(focal), (clip.size[0] / 2, clip.size[1] / 2))


def open_networks(options: SolveOptions) -> tuple[PersonDetector, LandmarkEstimator]:
    """Open the networks that find people and their landmarks.

    Raises:
        InputError: If a file of the user's cannot be used.
    """
    smallest = options.min_height if options.far_people else None
    detector: PersonDetector = SsdPersonDetector(smallest_person=smallest)
    faces = FaceEstimator() if options.face else None
    estimator: LandmarkEstimator = WholeBodyEstimator(face_network=faces)
    if options.detector is not None:
        from marey.models.onnx_detector import OnnxPersonDetector

        detector = OnnxPersonDetector(options.detector, options.detector_family)
    if options.landmarks is not None:
        estimator = open_landmarks(options.landmarks)
    return detector, estimator


def open_landmarks(path: Path) -> LandmarkEstimator:
    """Open the user's own landmark network: SegPose2D or ViTPose by its suffix, else ONNX.

    Raises:
        InputError: If there is no such file.
        FormatError: If it is no such network.
    """
    if path.suffix.lower() in TORCH_SUFFIXES:
        from marey.models.segpose import open_segpose

        return open_segpose(path)
    from marey.models.rtmpose import RtmPoseEstimator

    return RtmPoseEstimator(path)


def describe_run(timings: Timings, total: float, *, num_frames: int) -> dict[str, Any]:
    """Return timings and host facts for `run.json`."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": {name: round(value, 3) for name, value in timings.seconds.items()},
        "total_seconds": round(total, 3),
        "frames": num_frames,
        "frames_per_second": round(num_frames / max(total, 1e-9), 2),
        "host": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
        },
    }
