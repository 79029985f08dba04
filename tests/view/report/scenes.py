"""Takes with one standing figure whose every mistake was put there on purpose."""

from dataclasses import replace

import numpy as np

from marey.body.load import load_body
from marey.core import BodyMotion, Clip, Keypoints2D, Keypoints3D, Person, Take, load_skeleton
from marey.core.motion import BodyTouch
from marey.synthetic import make_cameras
from marey.synthetic.cameras import project_to_cameras
from marey.view.report.posing import PosedPoints

RATE = 30
SKELETON = load_skeleton("coco-wholebody-133")
FEET = ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
UPRIGHT = (np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0)
"""Rest axes have Y up; a quarter turn about X stands them up, facing -Y."""


def standing_motion(
    num_frames: int = 90, *, slide: float = 0.0, height: float = 0.0, name: str = "Anna"
) -> BodyMotion:
    """Return a body at rest whose lowest point is at a height, sliding along X, m and m/s."""
    body = load_body("marey-h", mesh="light")
    time = np.arange(num_frames) / RATE
    root = np.zeros((1, num_frames, 7), np.float32)
    root[..., :4] = UPRIGHT
    pose = np.zeros((1, num_frames, body.num_joints, 4), np.float32)
    pose[..., 0] = 1
    motion = BodyMotion(
        body="marey-h",
        people=(name,),
        time=time,
        shape=np.zeros((1, body.num_shape), np.float32),
        T_world_root=root,
        R_parent_joint=pose,
        confidence=np.full((1, num_frames), 0.8, np.float32),
        contact=np.ones((1, num_frames, len(FEET)), np.float32),
        contact_names=FEET,
    )
    lowest = PosedPoints(motion).place(slice(0, 1))[0, :, 2].min()
    root[0, :, 6] = height - lowest
    root[0, :, 4] = slide * (time - time[len(time) // 2])
    return motion


def standing_take(motion: BodyMotion, *, clips: tuple[Clip, ...] = ()) -> Take:
    """Return a take of one motion, with the keypoints its only camera sees, exactly."""
    cameras = make_cameras()
    points = project_body(motion, cameras)
    confidence = np.isfinite(points).all(-1).astype(np.float32)
    block = Keypoints2D(
        skeleton=SKELETON,
        people=motion.people,
        time=motion.time,
        position=points,
        confidence=confidence,
    )
    person = Person(
        name=motion.people[0],
        start=0,
        num_frames=len(motion.time),
        keypoints2d=(block,),
        motion=motion,
    )
    return Take(time=motion.time, clips=clips, cameras=cameras, people=(person,))


def project_body(motion, cameras) -> np.ndarray:
    posed = PosedPoints(motion)
    placed = posed.place(slice(0, len(motion.time)))
    points = np.full((1, len(motion.time), len(SKELETON), 3), np.nan)
    for k, name in enumerate(SKELETON.keypoints):
        if name in posed.names:
            points[0, :, k] = placed[:, posed.names.index(name)]
    return project_to_cameras(cameras, points)[0].astype(np.float32)


def change_person(take: Take, **changes) -> Take:
    return replace(take, people=(replace(take.people[0], **changes),))


def change_points(take: Take, **changes) -> Take:
    points = replace(take.people[0].keypoints2d[0], **changes)
    return change_person(take, keypoints2d=(points,))


def lose_frames(take: Take, frames: slice) -> Take:
    """Leave a gap in the motion."""
    motion = take.people[0].motion
    root, pose = motion.T_world_root.copy(), motion.R_parent_joint.copy()
    confidence, contact = motion.confidence.copy(), motion.contact.copy()
    root[:, frames] = pose[:, frames] = np.nan
    confidence[:, frames] = contact[:, frames] = 0
    changed = replace(
        motion, T_world_root=root, R_parent_joint=pose, confidence=confidence, contact=contact
    )
    return change_person(take, motion=changed)


def exchange_sides(take: Take, frames: slice, parts: tuple[str, ...]) -> Take:
    """Let the detector confuse left and right."""
    position = take.people[0].keypoints2d[0].position.copy()
    for part in parts:
        left, right = SKELETON.index(f"left_{part}"), SKELETON.index(f"right_{part}")
        position[:, frames, left], position[:, frames, right] = (
            position[:, frames, right].copy(),
            position[:, frames, left].copy(),
        )
    return change_points(take, position=position)


def space_points(lengths: np.ndarray, *, name: str = "Anna") -> Keypoints3D:
    """Return 3D keypoints whose left upper arm has these lengths over time, m."""
    position = np.full((1, len(lengths), len(SKELETON), 3), np.nan, np.float32)
    position[:, :, SKELETON.index("left_shoulder")] = [0.0, 0.2, 1.4]
    position[:, :, SKELETON.index("left_elbow")] = [0.0, 0.2, 1.4]
    position[0, :, SKELETON.index("left_elbow"), 2] -= lengths
    return Keypoints3D(
        skeleton=SKELETON,
        people=(name,),
        time=np.arange(len(lengths)) / RATE,
        position=position,
        frame="world",
        confidence=np.isfinite(position).all(-1).astype(np.float32),
    )


def touching_take(rows: list[tuple[int, str, str, float]], *, num_frames: int = 90) -> Take:
    """Return Anna and Ben, who touch as they are told to.

    Args:
        rows: Frame, Anna's part, Ben's part, and the gap of the two skins, m.
        num_frames: Of the take.
    """
    names, parts = ("Anna", "Ben"), tuple(dict.fromkeys(part for row in rows for part in row[1:3]))
    people = []
    for number, name in enumerate(names):
        motion = standing_motion(num_frames, name=name)
        touch = BodyTouch(
            parts=parts,
            others=names,
            person=np.zeros(len(rows), np.int64),
            frame=np.array([row[0] for row in rows], np.int64),
            part=np.array([parts.index(row[1 + number]) for row in rows], np.int64),
            other=np.full(len(rows), 1 - number, np.int64),
            other_part=np.array([parts.index(row[2 - number]) for row in rows], np.int64),
            gap=np.array([row[3] for row in rows], np.float32),
        )
        moved = replace(motion, touch=touch)
        people.append(Person(name=name, start=0, num_frames=num_frames, motion=moved))
    return Take(time=np.arange(num_frames) / RATE, people=tuple(people))
