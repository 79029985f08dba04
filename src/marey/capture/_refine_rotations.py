"""Rotations of a motion as a network of rotations wants them: 6D columns, relative to the world.

Shape letters: T frames, J joints.
"""

import numpy as np
import torch
from jaxtyping import Float

from marey.body.joint_rotations import to_local, to_world
from marey.body.layouts import SMPLH
from marey.geometry.rotation import (
    matrix_to_quaternion,
    matrix_to_rotation6d,
    quaternion_to_matrix,
    rotation6d_to_matrix,
)
from marey.models.hanet import HANet, RefineOptions, refine_sequence


def refine_in_world(
    columns: Float[np.ndarray, "T J 6"], network: HANet, *, fps: float | None, trust: float
) -> Float[np.ndarray, "T J 6"]:
    """Refine rotations relative to parents by a network that knows them relative to the world.

    There a joint's error is its own: relative to a parent that is refined less or more than the
    joint, what is left of the parent's error would move the joint.

    Args:
        columns: Of SMPL's first J joints, the root first; NaN where missing.
        network: Of J joints as 6D.
        fps: Frame rate to tell the network; None if it is to take the motion as it is.
        trust: Share of its corrections to apply.

    Returns:
        Columns relative to parents; NaN where the network lost a joint or one above it.
    """
    options = RefineOptions(trust=trust) if network.config.filter_bank else None
    refined = refine_sequence(network, turn_to_world(columns), fps=fps, options=options).position
    world = rotation6d_to_matrix(torch.from_numpy(refined), layout="interleaved")
    return matrix_to_rotation6d(to_local(world, SMPLH.parents), layout="interleaved").numpy()


def turn_to_world(columns: Float[np.ndarray, "T J 6"]) -> Float[np.ndarray, "T J 6"]:
    """Return rotations relative to the world of rotations relative to parents."""
    local = rotation6d_to_matrix(torch.from_numpy(columns), layout="interleaved")
    return matrix_to_rotation6d(to_world(local, SMPLH.parents), layout="interleaved").numpy()


def to_columns(quaternions: Float[np.ndarray, "T J 4"]) -> Float[np.ndarray, "T J 6"]:
    """Return the 6D columns of quaternions, wxyz."""
    matrix = quaternion_to_matrix(torch.from_numpy(quaternions.astype(np.float64)))
    return matrix_to_rotation6d(matrix, layout="interleaved").numpy()


def to_quaternions(
    columns: Float[np.ndarray, "T J 6"], *, like: Float[np.ndarray, "T J 4"]
) -> Float[np.ndarray, "T J 4"]:
    """Return quaternions of the signs, the type and the gaps of others."""
    matrix = rotation6d_to_matrix(torch.from_numpy(columns), layout="interleaved")
    result = matrix_to_quaternion(matrix).numpy()
    opposite = (result * like).sum(-1, keepdims=True) < 0
    missing = ~np.isfinite(like).all(-1, keepdims=True)
    return np.where(missing, np.nan, np.where(opposite, -result, result)).astype(like.dtype)
