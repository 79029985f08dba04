"""The order of the verbs: detect, track, estimate, fit, find the world, take bodies apart.

Nothing else knows it.

Frames stream through once and are never kept; what remains of a frame is a few kilobytes a person.
"""

import time as clock
from array import array
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from marey.body import Body
from marey.capture.contact import gathering
from marey.capture.contact.settle import SettleOptions
from marey.capture.contact.settle_everyone import ONE_VIEW, settle_everyone
from marey.capture.everyone import InMemory, find_world_of, fit_everyone
from marey.capture.fit_body import FitOptions
from marey.capture.followed import FollowedPerson, TrackOptions
from marey.capture.masks.track import MaskedPeopleTracker
from marey.capture.observe import PinholeView
from marey.capture.people import name_people, to_person
from marey.capture.place_in_world import to_world
from marey.capture.shots import ShotCutFinder
from marey.capture.track import PeopleTracker
from marey.capture.world import World
from marey.core import Cameras, Clip, Person, Skeleton, Take, Tracks
from marey.core.errors import NothingFoundError
from marey.core.progress import Progress, silent
from marey.io.masks import FrameMasks, MaskFolder, MaskTable
from marey.io.video import Frame
from marey.models.protocols import LandmarkEstimator, PersonDetector


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureOptions:
    """What a user may set of a monocular capture."""

    track: TrackOptions = field(default_factory=TrackOptions)
    fit: FitOptions = field(default_factory=FitOptions)
    settle: SettleOptions = field(default_factory=lambda: SettleOptions(collision=ONE_VIEW))
    """What is done where people touch."""
    workers: int = 2
    """Threads for the networks."""
    masks: MaskFolder | MaskTable | None = None
    """Masks of the people, by frame of the file."""


@dataclass(slots=True)
class Timings:
    """Seconds spent per stage, for `run.json` and the benchmark."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str):
        """Add the time of a block to a stage."""
        start = clock.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + clock.perf_counter() - start


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The front end's result: everyone in the clip, as keypoints."""

    clip: Clip
    """With the cuts that were found."""
    tracks: Tracks
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everyone who was followed, as the tracker left them."""

    clip: Clip
    """With the cuts that were found."""
    followed: Sequence[FollowedPerson]
    """In order of appearance."""
    skeleton: Skeleton

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the people."""
        return name_people(len(self.followed))


def find_people(
    clip: Clip,
    frames: Iterable[Frame],
    *,
    detector: PersonDetector,
    estimator: LandmarkEstimator,
    options: CaptureOptions,
    progress: Progress = silent,
    spill: Path | None = None,
) -> Found:
    """Detect, track and estimate everyone in a clip.

    Args:
        clip: The clip.
        frames: Its frames.
        detector: Finds people.
        estimator: Finds their landmarks.
        options: How.
        progress: Called after every frame.
        spill: An existing folder for what does not have to be in memory.

    Raises:
        NothingFoundError: If nobody is seen.
    """
    shots, cuts, times = ShotCutFinder(), [], array("d")
    with ThreadPoolExecutor(options.workers) as pool:
        tracker = _make_tracker(clip, detector, estimator, pool, options, spill)
        for count, frame in enumerate(frames):
            cut = shots.push(frame.image)
            if cut:
                cuts.append(count)
            tracker.push(count, frame.time, frame.image, cut=cut)
            times.append(frame.time)
            progress("people", count + 1, clip.num_frames)
        followed = tracker.finish(clip.frame_rate)
    if not followed:
        raise NothingFoundError(
            f"no people were found in {clip.name}; check that someone is visible and at least "
            f"{options.track.min_height:.0f} px tall, or give a stronger detector with --detector"
        )
    time = np.array(times, np.float64)
    complaints = tracker.complain(followed, name_people(len(followed)))
    warnings = (*clip.warnings, *_miss_frames(clip, len(time)), *complaints)
    clip = replace(clip, time=time, cuts=tuple(cuts), warnings=warnings)
    return Found(clip=clip, followed=followed, skeleton=estimator.skeleton)


def _make_tracker(
    clip: Clip,
    detector: PersonDetector,
    estimator: LandmarkEstimator,
    pool: Executor,
    options: CaptureOptions,
    spill: Path | None,
) -> PeopleTracker:
    masks = options.masks
    if masks is None:
        return PeopleTracker(detector, estimator, pool, options.track, spill=spill)

    def read(index: int) -> FrameMasks | None:
        return masks.read(clip.first + index * clip.step, clip.size)

    return MaskedPeopleTracker(detector, estimator, pool, options.track, masks=read, spill=spill)


def _miss_frames(clip: Clip, num_seen: int) -> Iterator[str]:
    """Say that frames did not decode; the clock of what is found jumps over them."""
    missing = clip.num_frames - num_seen
    if missing > 0:
        yield (
            f"{clip.name} is damaged: {missing} of its {clip.num_frames} frames could not be "
            "decoded; copy or export it again"
        )


def see_people(
    clip: Clip,
    frames: Iterable[Frame],
    *,
    detector: PersonDetector,
    estimator: LandmarkEstimator,
    options: CaptureOptions,
    progress: Progress = silent,
    timings: Timings | None = None,
) -> Seen:
    """Detect, track and estimate everyone in a clip, all in memory.

    Raises:
        NothingFoundError: If nobody is seen.
    """
    timings = timings or Timings()
    with timings.measure("people"):
        found = find_people(
            clip,
            frames,
            detector=detector,
            estimator=estimator,
            options=options,
            progress=progress,
        )
        people, tracks = [], []
        for name, followed in zip(found.names, found.followed, strict=True):
            person, track = to_person(followed, name, found.skeleton, found.clip.time)
            people.append(person)
            tracks.append(track)
    return Seen(
        clip=found.clip,
        tracks=Tracks(time=found.clip.time, tracks=tuple(tracks)),
        people=tuple(people),
    )


def fit_people(
    seen: Seen,
    *,
    body: Body,
    view: PinholeView,
    options: CaptureOptions,
    progress: Progress = silent,
    timings: Timings | None = None,
) -> Take:
    """Fit a body to everyone, place them in one world and take them apart, all in memory.

    Returns:
        A take with one static camera; people who are never seen well enough keep their keypoints
        and have no motion.

    Raises:
        NothingFoundError: If nobody is seen well enough to fit a body.
    """
    timings = timings or Timings()
    archive = InMemory(seen.people)
    with timings.measure("fit"):
        fit_everyone(
            archive,
            body=body,
            view=view,
            options=options.fit,
            workers=options.workers,
            progress=progress,
        )
    with timings.measure("world"), torch.inference_mode():
        world = find_world_of(archive, body=body, name=seen.clip.name)
        people = tuple(
            replace(person, motion=motion and to_world(body, motion, world))
            for person, motion in zip(seen.people, archive.motions, strict=True)
        )
    cameras = make_camera(seen.clip, view, world)
    with timings.measure("contact"):
        everyone = gathering.InMemory(seen.clip.time, people)
        settled = settle_everyone(
            everyone, cameras, body, options=options.settle, progress=progress
        )
        people = tuple(
            replace(person, motion=person.motion and settled.place(number, person.motion))
            for number, person in enumerate(people)
        )
    return Take(
        time=seen.clip.time,
        clips=(seen.clip,),
        cameras=cameras,
        tracks=(seen.tracks,),
        people=people,
    )


def make_camera(clip: Clip, view: PinholeView, world: World) -> Cameras:
    """Return the one static camera of a monocular capture."""
    K = np.array([[view.focal, 0, view.centre[0]], [0, view.focal, view.centre[1]], [0, 0, 1]])
    pose: Float[np.ndarray, 7] = world.T_cam_world()
    return Cameras(
        names=("camera" if clip.path is None else clip.path.stem,),
        model="pinhole",
        K=K[None].astype(np.float32),
        distortion=np.zeros((1, 0), np.float32),
        T_cam_world=pose[None, None],
        size=np.array([clip.size]),
        time_offset=np.zeros(1),
    )
