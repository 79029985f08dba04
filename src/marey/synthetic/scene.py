"""Scenes whose truth is known: people who move, cameras that watch, keypoints as a network reports.

Everything follows from the seed: the same arguments give the same arrays on any machine with the
same numpy.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.body import Body
from marey.core import BodyMotion, Cameras, Keypoints2D, Keypoints3D, Skeleton, load_skeleton
from marey.synthetic.cameras import make_cameras, project_to_cameras, world_to_cameras
from marey.synthetic.motions import SOLE_POINTS, MotionName, MovedBody, move_body, shift_body
from marey.synthetic.noise import DetectorNoise, observe, observe_landmarks

CONTACT_HEIGHT_M = 0.025
CONTACT_SPEED_M_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticScene:
    """Truth, cameras, and what a detector saw."""

    body: Body
    motion: BodyMotion
    """Truth; contacts are of the sole points."""
    cameras: Cameras
    keypoints3d: Keypoints3D
    """Truth in the world, m."""
    truth2d: Keypoints2D
    """Its projection into every view, px, without error."""
    keypoints2d: Keypoints2D
    """What the detector reports in every view; shape C N T K."""
    landmarks: tuple[Keypoints3D, ...]
    """What the network reports as root-relative landmarks, one per view."""


def synthetic_scene(
    body: Body,
    motion: MotionName = "walk",
    *,
    num_frames: int = 90,
    frame_rate: float = 30.0,
    seed: int = 0,
    num_people: int = 1,
    cameras: Cameras | None = None,
    noise: DetectorNoise | None = None,
) -> SyntheticScene:
    """Make a scene.

    Args:
        body: The body, of the SMPL family; `load_body()` gives the shipped one.
        motion: What they do.
        num_frames: Number of frames.
        frame_rate: Frames per second.
        seed: Source of everything random.
        num_people: People, spread along the X axis a metre apart.
        cameras: Static cameras; one in front if None.
        noise: How the detector errs; its defaults if None.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(num_frames) / frame_rate
    cameras = make_cameras() if cameras is None else cameras
    noise = DetectorNoise() if noise is None else noise
    skeleton = load_skeleton("coco-wholebody-133")
    people = tuple(f"person{row + 1}" for row in range(num_people))
    moved = []
    for row in range(num_people):
        shape = np.clip(rng.standard_normal(body.num_shape), -2.0, 2.0)
        person = move_body(body, motion, time, shape=shape, rng=rng)
        moved.append(_centre_path(person, row - (num_people - 1) / 2))
    position = np.stack([person.select(skeleton.keypoints) for person in moved])
    truth3d = _keypoints3d(skeleton, people, time, position)
    truth2d = _truth2d(truth3d, cameras)
    return SyntheticScene(
        body=body,
        motion=_motion(body, people, time, moved),
        cameras=cameras,
        keypoints3d=truth3d,
        truth2d=truth2d,
        keypoints2d=_detect(truth2d, cameras, noise, rng),
        landmarks=_landmarks(truth3d, cameras, noise, rng),
    )


def _centre_path(person: MovedBody, x: float) -> MovedBody:
    # The middle of the path comes to stand at (x, 0).
    path = person.t_world_root * np.array([1.0, 1.0, 0.0])
    return shift_body(person, np.array([[x, 0.0, 0.0]]) - (path.max(0) + path.min(0)) / 2)


def _motion(
    body: Body, people: tuple[str, ...], time: Float[np.ndarray, "T"], moved: list[MovedBody]
) -> BodyMotion:
    roots, poses, contacts = [], [], []
    for person in moved:
        turn = Rotation.from_matrix(person.R_world_root).as_quat(scalar_first=True)
        roots.append(np.concatenate([turn, person.t_world_root], -1))
        flat = Rotation.from_matrix(person.R_parent_joint.reshape(-1, 3, 3))
        local = flat.as_quat(canonical=True, scalar_first=True)
        poses.append(local.reshape(*person.R_parent_joint.shape[:2], 4))
        contacts.append(_contact(person, time))
    return BodyMotion(
        body=body.name,
        people=people,
        time=time,
        shape=np.stack([person.shape for person in moved]).astype(np.float32),
        T_world_root=np.stack(roots).astype(np.float32),
        R_parent_joint=np.stack(poses).astype(np.float32),
        confidence=np.ones((len(people), len(time)), np.float32),
        contact=np.stack(contacts).astype(np.float32),
        contact_names=SOLE_POINTS,
    )


def _contact(person: MovedBody, time: Float[np.ndarray, "T"]) -> Float[np.ndarray, "T G"]:
    sole = person.select(SOLE_POINTS)
    low = sole[..., 2] < CONTACT_HEIGHT_M
    if len(time) < 2:
        return low.astype(float)
    speed = np.linalg.norm(np.gradient(sole, time, axis=0), axis=-1)
    return (low & (speed < CONTACT_SPEED_M_S)).astype(float)


def _keypoints3d(
    skeleton: Skeleton,
    people: tuple[str, ...],
    time: Float[np.ndarray, "T"],
    position: Float[np.ndarray, "N T K 3"],
) -> Keypoints3D:
    return Keypoints3D(
        skeleton=skeleton,
        people=people,
        time=time,
        position=position.astype(np.float32),
        frame="world",
        confidence=np.all(np.isfinite(position), axis=-1).astype(np.float32),
    )


def _truth2d(truth: Keypoints3D, cameras: Cameras) -> Keypoints2D:
    position = project_to_cameras(cameras, truth.position.astype(float))
    return Keypoints2D(
        skeleton=truth.skeleton,
        people=truth.people,
        time=truth.time,
        position=position.astype(np.float32),
        confidence=np.all(np.isfinite(position), axis=-1).astype(np.float32),
    )


def _detect(
    truth: Keypoints2D, cameras: Cameras, noise: DetectorNoise, rng: np.random.Generator
) -> Keypoints2D:
    position, confidence = np.empty_like(truth.position), np.empty_like(truth.confidence)
    for view, size in enumerate(cameras.size):
        for person in range(len(truth.people)):
            observed = observe(
                truth.position[view, person].astype(float),
                truth.skeleton,
                truth.time,
                size=(int(size[0]), int(size[1])),
                noise=noise,
                rng=rng,
            )
            position[view, person] = observed.position
            confidence[view, person] = observed.confidence
    return Keypoints2D(
        skeleton=truth.skeleton,
        people=truth.people,
        time=truth.time,
        position=position,
        confidence=confidence,
    )


def _landmarks(
    truth: Keypoints3D, cameras: Cameras, noise: DetectorNoise, rng: np.random.Generator
) -> tuple[Keypoints3D, ...]:
    seen = world_to_cameras(cameras, truth.position.astype(float))
    views = []
    for view in seen:
        relative = view - _origins(view, truth.skeleton)
        observed = np.stack(
            [observe_landmarks(person, truth.time, noise=noise, rng=rng) for person in relative]
        )
        views.append(
            Keypoints3D(
                skeleton=truth.skeleton,
                people=truth.people,
                time=truth.time,
                position=observed.astype(np.float32),
                frame="root",
                confidence=truth.confidence,
            )
        )
    return tuple(views)


def _origins(
    position: Float[np.ndarray, "N T K 3"], skeleton: Skeleton
) -> Float[np.ndarray, "N T K 3"]:
    # Between the hips; the points of a hand are relative to their own wrist.
    hips = position[..., [skeleton.index("left_hip"), skeleton.index("right_hip")], :].mean(-2)
    origin = np.repeat(hips[..., None, :], len(skeleton), -2)
    for side in ("left", "right"):
        wrist = skeleton.index(f"{side}_hand_wrist")
        hand = slice(wrist, wrist + 21)
        origin[..., hand, :] = position[..., [wrist], :]
    return origin
