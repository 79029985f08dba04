"""A small take whose every part is known: two people in front of one camera for a second."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from marey.body.load import load_body
from marey.core import BodyMotion, Clip, Keypoints2D, Person, Take, Track, Tracks
from marey.io.video import probe_clip, write_video
from marey.synthetic import make_cameras, synthetic_scene

SIZE = (320, 240)
NUM_FRAMES = 12
GREY = 96
SPAN = slice(3, 9)
"""Frames in which the second person is there."""


@dataclass(frozen=True)
class Sample:
    take: Take
    motion: BodyMotion


def select_person(motion: BodyMotion, row: int, frames: slice) -> BodyMotion:
    return replace(
        motion,
        people=(motion.people[row],),
        time=motion.time[frames],
        shape=motion.shape[row : row + 1],
        T_world_root=motion.T_world_root[row : row + 1, frames],
        R_parent_joint=motion.R_parent_joint[row : row + 1, frames],
        confidence=motion.confidence[row : row + 1, frames],
        contact=None,
        contact_names=(),
    )


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Clip:
    path = tmp_path_factory.mktemp("view") / "grey.mp4"
    grey = np.full((SIZE[1], SIZE[0], 3), GREY, np.uint8)
    write_video(path, (grey for _ in range(NUM_FRAMES)), frame_rate=30.0, quality=0)
    return probe_clip(path)


@pytest.fixture(scope="session")
def sample(clip) -> Sample:
    cameras = make_cameras(1, size=SIZE, focal_px=330.0)
    scene = synthetic_scene(
        load_body("marey-h", mesh="light"),
        "wave",
        num_frames=NUM_FRAMES,
        num_people=2,
        cameras=cameras,
    )
    people = []
    for row, span in enumerate((slice(0, NUM_FRAMES), SPAN)):
        block = Keypoints2D(
            skeleton=scene.truth2d.skeleton,
            people=scene.motion.people[row : row + 1],
            time=scene.motion.time[span],
            position=scene.truth2d.position[0, row : row + 1, span],
            confidence=scene.truth2d.confidence[0, row : row + 1, span],
        )
        people.append(
            Person(
                name=scene.motion.people[row],
                start=span.start,
                num_frames=span.stop - span.start,
                keypoints2d=(block,),
                motion=select_person(scene.motion, row, span),
            )
        )
    boxes = np.tile(np.array([10, 20, 60, 200], np.float32), (6, 1))
    track = Track(person=people[1].name, start=3, box=boxes, confidence=np.ones(6, np.float32))
    time = scene.motion.time
    take = Take(
        time=time,
        clips=(clip,),
        cameras=cameras,
        tracks=(Tracks(time=time, tracks=(track,)),),
        people=tuple(people),
    )
    return Sample(take=take, motion=scene.motion)
