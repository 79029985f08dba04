"""A take of two people before four cameras, one of which is worn, for the tests of corpora."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from marey.body import load_body
from marey.body.trajectories import joint_trajectories
from marey.core import (
    BodyMotion,
    Cameras,
    Clip,
    Keypoints2D,
    Keypoints3D,
    Person,
    Take,
    Track,
    Tracks,
    convert_keypoints,
    load_skeleton,
)
from marey.datasets.recording import Recording
from marey.datasets.views import see_from_cameras
from marey.synthetic.cameras import look_at, make_cameras

T = 6
TIME = 2.0 + np.arange(T) / 20
PEOPLE = ("Ann", "Bob")
COCO = load_skeleton("coco-17")


def make_take_of(body: str = "marey-h", *, joints: int = 51, gap_m: float = 1.0) -> Take:
    """Return a take on a body; Bob is absent in frame 2."""
    random = np.random.default_rng(3)
    turn = Rotation.from_rotvec(random.normal(size=(2 * T * joints, 3)) * 0.15)
    pose = turn.as_quat(scalar_first=True).reshape(2, T, joints, 4)
    upright = Rotation.from_euler("x", 90, degrees=True)
    facing = Rotation.from_rotvec(random.normal(size=(2 * T, 3)) * 0.2) * upright
    root = np.zeros((2, T, 7))
    root[..., :4] = facing.as_quat(scalar_first=True).reshape(2, T, 4)
    root[..., 4:] = [0, 0, 0.95] + random.normal(size=(2, T, 3)) * 0.02
    root[1, :, 5] += gap_m
    motion = BodyMotion(
        body=body,
        people=PEOPLE,
        time=TIME,
        shape=random.normal(size=(2, 10)).astype(np.float32) * 0.5,
        T_world_root=root.astype(np.float32),
        R_parent_joint=pose.astype(np.float32),
        confidence=np.ones((2, T), np.float32),
    )
    motion.T_world_root[1, 2] = np.nan
    motion.R_parent_joint[1, 2] = np.nan
    motion.confidence[1, 2] = 0
    return _fill(motion)


def make_rig() -> Cameras:
    """Return a ring of three with bent lenses, and a worn camera that walks around them."""
    ring = make_cameras(3, distance=4.0)
    angle = np.linspace(0.3, 1.2, T)
    centre = np.stack([2.5 * np.cos(angle), 2.5 * np.sin(angle), np.full(T, 1.6)], -1)
    walk = np.stack([look_at(place, np.array([0.0, 0, 1])) for place in centre])
    still = np.repeat(ring.T_cam_world, T, 1)
    return Cameras(
        names=("a", "b", "c", "glasses"),
        model="pinhole",
        K=np.concatenate([ring.K, ring.K[:1]]),
        distortion=np.tile([[-0.1, 0.02, 0.001, -0.001]], (4, 1)),
        T_cam_world=np.concatenate([still, walk[None]]),
        size=np.concatenate([ring.size, ring.size[:1]]),
        time_offset=np.zeros(4),
    )


def _fill(motion: BodyMotion) -> Take:
    cameras = make_rig()
    points = joint_trajectories(motion, body=load_body(str(motion.body)))
    joints = convert_keypoints(points.position, points.skeleton, COCO)
    known = np.isfinite(joints).all(-1).astype(np.float32)
    space = Keypoints3D(
        skeleton=COCO,
        people=PEOPLE,
        time=TIME,
        position=joints,
        frame="world",
        confidence=known,
    )
    seen = list(
        see_from_cameras(
            Recording(name="s", frame=np.arange(T), keypoints3d=space, cameras=cameras)
        )
    )
    people = tuple(_person(motion, space, [s.keypoints2d for s in seen], row) for row in range(2))
    tracks = tuple(
        Tracks(
            time=TIME,
            tracks=tuple(
                Track(
                    person=name,
                    start=0,
                    box=np.tile(np.array([[10.0, 20, 110, 220]]), (T, 1)),
                    confidence=np.full(T, 0.9),
                )
                for name in PEOPLE
            ),
        )
        for _ in cameras.names
    )
    clips = tuple(Clip(path=None, size=(1280, 720), time=TIME) for _ in cameras.names)
    return Take(
        time=TIME,
        clips=clips,
        cameras=cameras,
        tracks=tracks,
        people=people,
        provenance={"marey": {"version": "test"}},
    )


def _person(motion: BodyMotion, space: Keypoints3D, seen: list[Keypoints2D], row: int) -> Person:
    one = slice(row, row + 1)
    return Person(
        name=PEOPLE[row],
        start=0,
        num_frames=T,
        keypoints2d=tuple(
            replace(
                view,
                people=(PEOPLE[row],),
                position=view.position[one],
                confidence=view.confidence[one],
            )
            for view in seen
        ),
        keypoints3d=replace(
            space,
            people=(PEOPLE[row],),
            position=space.position[one],
            confidence=space.confidence[one],
        ),
        motion=replace(
            motion,
            people=(PEOPLE[row],),
            shape=motion.shape[one],
            T_world_root=motion.T_world_root[one],
            R_parent_joint=motion.R_parent_joint[one],
            confidence=motion.confidence[one],
        ),
    )


def list_tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
