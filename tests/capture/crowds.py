"""People close to each other as a detector sees them, without meshes: for tests of contact."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from marey.body import load_body
from marey.capture.pipeline import Seen
from marey.core import Cameras, Clip, Keypoints2D, Person, Track, Tracks, load_skeleton
from marey.synthetic import PERFECT, make_cameras, project_to_cameras, synthetic_scene


@dataclass(frozen=True, slots=True)
class Crowd:
    """Truth in space, cameras, and reports with noise in the right people's names."""

    truth: np.ndarray
    cameras: Cameras
    keypoints: Keypoints2D


def make_crowd(num_people=2, *, views=6, frames=40, rate=30.0, apart=0.4, alike=False, seed=0):
    """Let people dance `apart` metres from each other; in step with each other if `alike`."""
    body = load_body(mesh="light")
    scene = synthetic_scene(
        body,
        "dance",
        num_frames=frames,
        frame_rate=rate,
        num_people=1 if alike else num_people,
        seed=seed,
        noise=PERFECT,
    )
    truth = scene.keypoints3d.position[:, :, :17].astype(np.float64)
    middle = truth[:, :, 11:13].mean((1, 2))[:, None, None] * [1, 1, 0]
    truth = truth - middle
    if alike:
        truth = np.repeat(truth, num_people, 0)
    place = apart * (np.arange(num_people) - (num_people - 1) / 2)
    truth[..., 0] += place[:, None, None]
    cameras = make_cameras(views)
    rng = np.random.default_rng(seed)
    image = project_to_cameras(cameras, truth)
    image = image + 2.0 * rng.standard_normal(image.shape)
    keypoints = Keypoints2D(
        skeleton=load_skeleton("coco-17"),
        people=tuple(f"person{row + 1}" for row in range(num_people)),
        time=np.arange(frames) / rate,
        position=image.astype(np.float32),
        confidence=np.full(image.shape[:-1], 0.9, np.float32),
    )
    return Crowd(truth, cameras, keypoints)


def drop(keypoints, chosen):
    """Take reports away."""
    position, confidence = keypoints.position.copy(), keypoints.confidence.copy()
    position[chosen], confidence[chosen] = np.nan, 0.0
    return replace(keypoints, position=position, confidence=confidence)


def exchange(keypoints, chosen, one=0, two=1):
    """Report points of two people in each other's names; `chosen` is C T K."""
    position = keypoints.position.copy()
    position[:, one][chosen] = keypoints.position[:, two][chosen]
    position[:, two][chosen] = keypoints.position[:, one][chosen]
    return replace(keypoints, position=position)


def see_crowd(keypoints):
    """Return every view as a tracker hands it on: a person lost and found again is a new one."""
    return [_see(keypoints, view) for view in range(len(keypoints.position))]


def _see(keypoints, view):
    time, people, tracks = keypoints.time, [], []
    for row in range(len(keypoints.people)):
        there = np.flatnonzero(keypoints.confidence[view, row].any(-1))
        for run in np.split(there, np.flatnonzero(np.diff(there) > 1) + 1):
            if not len(run):
                continue
            name, span = f"{len(people) + 1:02d}", slice(int(run[0]), int(run[-1]) + 1)
            points = keypoints.position[view, row, span]
            block = replace(
                keypoints,
                people=(name,),
                time=time[span],
                position=points[None],
                confidence=keypoints.confidence[view, row, span][None],
            )
            people.append(
                Person(name=name, start=span.start, num_frames=len(points), keypoints2d=(block,))
            )
            box = np.concatenate([np.nanmin(points, 1), np.nanmax(points, 1)], 1)
            sure = np.ones(len(points), np.float32)
            tracks.append(Track(person=name, start=span.start, box=box, confidence=sure))
    clip = Clip(path=Path(f"camera{view + 1}.mp4"), size=(1280, 720), time=time)
    return Seen(clip=clip, tracks=Tracks(time=time, tracks=tuple(tracks)), people=tuple(people))
