"""Synthetic scenes as `fit_people` takes them: one view, everyone over the whole clip."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from marey.capture.observe import PinholeView
from marey.capture.pipeline import Seen
from marey.core import Clip, Keypoints2D, Keypoints3D, Person, Track, Tracks
from marey.synthetic.scene import SyntheticScene


def first_camera(scene: SyntheticScene) -> PinholeView:
    """Return a scene's first camera."""
    K = scene.cameras.K[0]
    return PinholeView(float(K[0, 0]), (float(K[0, 2]), float(K[1, 2])))


def first_view(scene: SyntheticScene) -> Keypoints2D:
    """Return what the detector saw in the first view, without the axis of views."""
    seen = scene.keypoints2d
    return replace(seen, position=seen.position[0], confidence=seen.confidence[0])


def see_scene(scene: SyntheticScene) -> Seen:
    """Turn a scene's first view into what the front end hands to the fit."""
    image, space = first_view(scene), scene.landmarks[0]
    time, width_height = image.time, scene.cameras.size[0]
    people, tracks = [], []
    for row, name in enumerate(image.people):
        mine2d, mine3d = _only2d(image, row), _only3d(space, row)
        people.append(
            Person(
                name=name,
                start=0,
                num_frames=len(time),
                keypoints2d=(mine2d,),
                keypoints3d=mine3d,
            )
        )
        tracks.append(_track(name, mine2d))
    clip = Clip(
        path=Path("synthetic.mp4"),
        size=(int(width_height[0]), int(width_height[1])),
        time=time,
    )
    return Seen(clip=clip, tracks=Tracks(time=time, tracks=tuple(tracks)), people=tuple(people))


def _only2d(points: Keypoints2D, row: int) -> Keypoints2D:
    return replace(
        points,
        people=points.people[row : row + 1],
        position=points.position[row : row + 1],
        confidence=points.confidence[row : row + 1],
    )


def _only3d(points: Keypoints3D, row: int) -> Keypoints3D:
    return replace(
        points,
        people=points.people[row : row + 1],
        position=points.position[row : row + 1],
        confidence=points.confidence[row : row + 1],
    )


def _track(name: str, points: Keypoints2D) -> Track:
    known = points.valid[0][..., None]
    low = np.where(known, points.position[0], np.inf).min(1)
    high = np.where(known, points.position[0], -np.inf).max(1)
    box = np.concatenate([low, high], -1).astype(np.float32)
    return Track(person=name, start=0, box=box, confidence=np.ones(len(box), np.float32))
