"""The rows of a long table of joints, block by block."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from marey.body.load import load_body
from marey.body.model import Body
from marey.body.trajectories import joint_angles, joint_trajectories
from marey.core import BodyMotion, Keypoints3D

COLUMNS = (
    *("person", "frame", "time_s", "joint", "x_m", "y_m", "z_m"),
    *("rot_x_deg", "rot_y_deg", "rot_z_deg", "confidence"),
)

BLOCK_FRAMES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some frames of one person: L frames of K points."""

    person: str
    joints: tuple[str, ...]
    frame: Int[np.ndarray, "L"]
    """Frames of the common clock, counted from 0."""
    time: Float[np.ndarray, "L"]
    position: Float[np.ndarray, "L K 3"]
    """m, in the world; NaN where missing."""
    rotation: Float[np.ndarray, "L K 3"]
    """Rotation vectors, degrees; NaN where missing and for points that are not joints."""
    confidence: Float[np.ndarray, "L K"]


def iterate_blocks(source: BodyMotion | Keypoints3D, *, body: Body | None) -> Iterator[Block]:
    """Yield the frames in which a person is present, person after person, in short blocks."""
    if isinstance(source, BodyMotion) and isinstance(source.body, str) and body is None:
        body = load_body(source.body, mesh="light" if source.body == "marey-h" else "full")
    for row in range(len(source.people)):
        for start in range(0, len(source.time), BLOCK_FRAMES):
            frames = slice(start, start + BLOCK_FRAMES)
            if isinstance(source, BodyMotion):
                part = _cut_motion(source, row, frames)
                points, angles = joint_trajectories(part, body=body), joint_angles(part)[0]
            else:
                points, angles = _cut_points(source, row, frames), None
            block = _make_block(points, angles, start)
            if len(block.frame):
                yield block


def _make_block(
    points: Keypoints3D, angles: Float[np.ndarray, "L j 3"] | None, start: int
) -> Block:
    """Keep the frames in which any point exists; the rotations are those of the first j points."""
    valid = np.asarray(points.valid[0])
    kept = np.flatnonzero(valid.any(-1))
    position = np.where(valid[..., None], points.position[0], np.nan)
    rotation = np.full_like(position, np.nan)
    if angles is not None:
        rotation[:, : angles.shape[1]] = angles
    return Block(
        person=points.people[0],
        joints=points.skeleton.keypoints,
        frame=start + kept,
        time=points.time[kept],
        position=position[kept],
        rotation=rotation[kept],
        confidence=np.where(valid, points.confidence[0], 0)[kept],
    )


def _cut_motion(motion: BodyMotion, row: int, frames: slice) -> BodyMotion:
    return replace(
        motion,
        people=motion.people[row : row + 1],
        time=motion.time[frames],
        shape=motion.shape[row : row + 1],
        T_world_root=motion.T_world_root[row : row + 1, frames],
        R_parent_joint=motion.R_parent_joint[row : row + 1, frames],
        confidence=motion.confidence[row : row + 1, frames],
        contact=None,
    )


def _cut_points(points: Keypoints3D, row: int, frames: slice) -> Keypoints3D:
    return replace(
        points,
        people=points.people[row : row + 1],
        time=points.time[frames],
        position=points.position[row : row + 1, frames],
        confidence=points.confidence[row : row + 1, frames],
        sigma=None,
    )
