"""A take of several cameras around two people, with videos whose grey tells the time."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from marey.body.load import load_body
from marey.core import Clip, Keypoints2D, Keypoints3D, Person, Take
from marey.io.video import open_video_writer, probe_clip
from marey.synthetic import make_cameras, synthetic_scene
from tests.view.conftest import select_person

RATE = 30.0


def make_ring(
    num_views: int,
    *,
    num_frames: int = 8,
    num_people: int = 2,
    size: tuple[int, int] = (320, 240),
    motion: str = "wave",
    clips: Sequence[Clip] = (),
) -> Take:
    """Return a take of true keypoints, points in space and motion."""
    cameras = make_cameras(num_views, size=size, focal_px=1.05 * size[0])
    scene = synthetic_scene(
        load_body("marey-h", mesh="light"),
        motion,
        num_frames=num_frames,
        num_people=num_people,
        cameras=cameras,
    )
    people = tuple(
        Person(
            name=name,
            start=0,
            num_frames=num_frames,
            keypoints2d=tuple(_select(scene.truth2d, row, view) for view in range(num_views)),
            keypoints3d=_points(scene.keypoints3d, row),
            motion=select_person(scene.motion, row, slice(0, num_frames)),
        )
        for row, name in enumerate(scene.motion.people)
    )
    return Take(time=scene.motion.time, clips=tuple(clips), cameras=cameras, people=people)


def write_clock(path: Path, times: Sequence[float], *, size: tuple[int, int]) -> Clip:
    """Write a video whose grey grows by 5 with every hundredth of a second, from 40."""
    rate = 1 / float(np.median(np.diff(times)))
    with open_video_writer(path, frame_rate=rate, quality=0) as writer:
        for time in times:
            grey = np.full((size[1], size[0], 3), 40 + round(500 * time), np.uint8)
            writer.write(grey, time=time - times[0])
    clip = probe_clip(path)
    return replace(clip, time=clip.time - clip.time[0] + times[0])


def read_clock(image: np.ndarray) -> float:
    """Return the time that such a picture shows, s."""
    return (float(np.median(image)) - 40) / 500


def _select(points: Keypoints2D, row: int, view: int) -> Keypoints2D:
    own = slice(row, row + 1)
    return replace(
        points,
        people=points.people[own],
        position=points.position[view, own],
        confidence=points.confidence[view, own],
        sigma=None,
    )


def _points(points: Keypoints3D, row: int) -> Keypoints3D:
    own = slice(row, row + 1)
    return replace(
        points,
        people=points.people[own],
        position=points.position[own],
        confidence=points.confidence[own],
        sigma=None if points.sigma is None else points.sigma[own],
    )
