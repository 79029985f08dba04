"""One video in, a take out."""

import math
import os
import platform
import time as clock
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import marey
from marey.body import Body, load_body
from marey.capture.observe import PinholeView
from marey.capture.pipeline import CaptureOptions, Timings, fit_people, see_people
from marey.capture.track import TrackOptions
from marey.core import Clip, Take
from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.io.video import probe_clip, read_frames
from marey.jobs.options import SolveOptions
from marey.models.detector import SsdPersonDetector
from marey.models.face import FaceEstimator
from marey.models.protocols import LandmarkEstimator, PersonDetector
from marey.models.wholebody import WholeBodyEstimator

_DEFAULT_FOV_DEG = 53.0
"""Along the longer side: between a phone's wide lens (65) and a camcorder zoomed in a little."""

_SHIPPED = {
    False: "blazepose + hand-landmarks",
    True: "blazepose + hand-landmarks + face-landmarks",
}
"""The landmark networks, without faces and with them."""


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
    _check_numbers(options)
    begin, timings = clock.perf_counter(), Timings()
    clip = probe_clip(video)
    view = choose_view(clip, options)
    body = load_body(options.body)
    capture = CaptureOptions(
        track=TrackOptions(detect_every=options.detect_every, min_height=options.min_height)
    )
    with timings.measure("load networks"):
        detector, estimator = _open_networks(options)
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
        seen, body=body, view=view, options=capture, progress=progress, timings=timings
    )
    take = _with_provenance(_name_body(take, options.body), options, view, body)
    return Solved(take=take, run=_describe_run(timings, clock.perf_counter() - begin, take))


def _name_body(take: Take, source: str) -> Take:
    """Let the motions name the user's own body by its path, so that exports can load it again."""
    if not Path(source).suffix:
        return take
    path = str(Path(source).resolve())
    people = tuple(
        replace(person, motion=person.motion and replace(person.motion, body=path))
        for person in take.people
    )
    return replace(take, people=people)


def _check_numbers(options: SolveOptions) -> None:
    if options.detect_every < 1:
        raise InputError(f"--detect-every must be at least 1, got {options.detect_every}")
    if not options.min_height >= 1:
        raise InputError(f"--min-height must be at least 1 px, got {options.min_height:g}")
    if options.face and options.landmarks is not None:
        raise InputError(
            "--face belongs to the shipped landmark networks; your own estimator (--landmarks) "
            "brings its own face points: leave --face out"
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


def _open_networks(options: SolveOptions) -> tuple[PersonDetector, LandmarkEstimator]:
    smallest = options.min_height if options.far_people else None
    detector: PersonDetector = SsdPersonDetector(smallest_person=smallest)
    faces = FaceEstimator() if options.face else None
    estimator: LandmarkEstimator = WholeBodyEstimator(face_network=faces)
    if options.detector is not None:
        from marey.models.onnx_detector import OnnxPersonDetector

        detector = OnnxPersonDetector(options.detector, options.detector_family)
    if options.landmarks is not None:
        from marey.models.rtmpose import RtmPoseEstimator

        estimator = RtmPoseEstimator(options.landmarks)
    return detector, estimator


def _with_provenance(take: Take, options: SolveOptions, view: PinholeView, body: Body) -> Take:
    stages = {
        "marey": {"version": marey.__version__},
        "people": {
            "detector": str(options.detector or "person-detector"),
            "detector_family": options.detector_family if options.detector else "ssd",
            "landmarks": str(options.landmarks or _SHIPPED[options.face]),
            "detect_every": options.detect_every,
            "min_height_px": options.min_height,
            "far_people": options.far_people,
        },
        "fit": {
            "body": f"{body.name} {body.version}",
            "focal_px": round(view.focal, 3),
            "focal_source": _focal_source(options),
        },
    }
    return replace(take, provenance=stages)


def _focal_source(options: SolveOptions) -> str:
    if options.focal_px is not None:
        return "stated focal length"
    return "stated field of view" if options.fov_deg is not None else "assumed field of view"


def _describe_run(timings: Timings, total: float, take: Take) -> dict[str, Any]:
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": {name: round(value, 3) for name, value in timings.seconds.items()},
        "total_seconds": round(total, 3),
        "frames": len(take.time),
        "frames_per_second": round(len(take.time) / max(total, 1e-9), 2),
        "host": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
        },
    }
