"""From the joint rotations of a foreign rig to the motion of one person.

Rests are upright along +Y and look along +Z, as marey's; joint frames are parallel to these axes.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion, Rig

CMU_UNIT_M = 0.0254 / 0.45
"""Metres per unit of CMU's recordings: lengths are inches times 0.45."""

_R_WORLD_Y_UP = Rotation.from_rotvec([np.pi / 2, 0, 0])


def make_motion(
    name: str,
    *,
    joints: Sequence[str],
    parents: Sequence[int],
    offset: Float[np.ndarray, "K 3"],
    local: Iterable[Float[np.ndarray, "T 3 3"]],
    position: Float[np.ndarray, "T 3"],
    time: Float[np.ndarray, "T"],
    valid: Bool[np.ndarray, "T"] | None = None,
) -> BodyMotion:
    """Put one person on a bare rig.

    Args:
        name: Name of person and rig.
        joints: The root first, parents before children.
        parents: Parent of each joint as an index into `joints`; -1 for the root.
        offset: From the parent at rest, m.
        local: For each joint its rotations relative to the parent; the root's relative to an
            upright (+Y) world. One joint is taken after the other, so that few are in memory.
        position: Of the root in that world, m.
        time: s.
        valid: Frames that count; all if None.
    """
    turn = np.empty((len(time), len(joints) - 1, 4), np.float32)
    root = Rotation.identity()
    for joint, matrices in enumerate(local):
        rotation = Rotation.from_matrix(matrices)
        if joint == 0:
            root = _R_WORLD_Y_UP * rotation
        else:
            turn[:, joint - 1] = rotation.as_quat(scalar_first=True)
    pose = np.concatenate([root.as_quat(scalar_first=True), _R_WORLD_Y_UP.apply(position)], 1)
    confidence = np.ones(len(time), np.float32) if valid is None else valid.astype(np.float32)
    pose[confidence == 0] = np.nan
    turn[confidence == 0] = np.nan
    return BodyMotion(
        body=Rig(
            name=name,
            root=joints[0],
            joints=tuple(joints[1:]),
            parents=tuple(parent - 1 for parent in parents[1:]),
            offset=offset[1:].astype(np.float32),
        ),
        people=(name,),
        time=time.astype(np.float64),
        shape=np.zeros((1, 0), np.float32),
        T_world_root=pose[None].astype(np.float32),
        R_parent_joint=turn[None],
        confidence=confidence[None],
    )


def count_inserted(root: Float[np.ndarray, "T 3"]) -> int:
    """Return how many frames at the start are a rest pose that was put in front of the motion.

    Args:
        root: The root's rotation vectors. No person recorded stands without any rotation, and then
            with some a frame later.
    """
    return int(len(root) > 1 and np.abs(root[0]).max() < 1e-6 < np.abs(root[1]).max())


def make_parents_local(
    world: Float[np.ndarray, "T K 3 3"], parents: Sequence[int]
) -> Float[np.ndarray, "T K 3 3"]:
    """Return rotations relative to the parents from rotations to the world."""
    local = world.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            local[:, joint] = world[:, parent].swapaxes(-1, -2) @ world[:, joint]
    return local


def make_rotations(
    rotvec: Float[np.ndarray, "*rows 3"],
) -> Float[np.ndarray, "*rows 3 3"]:
    """Return matrices from rotation vectors (exponential maps), rad."""
    flat = Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix()
    return flat.reshape(*rotvec.shape[:-1], 3, 3)
