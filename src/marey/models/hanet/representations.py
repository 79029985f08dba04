"""The channels of a joint: making them fit for a network, and whole again after it."""

import numpy as np
import torch
from jaxtyping import Float

from marey.geometry.rotation import matrix_to_rotation6d, rotation6d_to_matrix
from marey.models.hanet.config import Representation


def enter(
    position: Float[np.ndarray, "T K D"], representation: Representation
) -> Float[np.ndarray, "T K D"]:
    """Prepare a sequence without gaps; rotation vectors become continuous."""
    if representation != "axis-angle":
        return position
    result = position.copy()
    for frame in range(1, len(result)):
        result[frame] = nearest_rotvec(result[frame], result[frame - 1])
    return result


def leave(
    position: Float[np.ndarray, "*batch D"], representation: Representation
) -> Float[np.ndarray, "*batch D"]:
    """Repair what a network cannot know: 6D columns become orthonormal."""
    if representation != "6d":
        return position
    rotation = rotation6d_to_matrix(torch.from_numpy(position), layout="interleaved")
    return matrix_to_rotation6d(rotation, layout="interleaved").numpy()


def nearest_rotvec(
    rotvec: Float[np.ndarray, "*batch 3"], reference: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """Return the same rotations, as the rotation vectors nearest to given ones.

    A rotation by an angle about an axis is also one by that angle plus any number of turns.
    """
    angle = np.linalg.norm(rotvec, axis=-1, keepdims=True)
    # Without an angle the axis is free: along the reference.
    length = np.linalg.norm(reference, axis=-1, keepdims=True)
    along = reference / np.maximum(length, 1e-12)
    axis = np.where(angle > 1e-8, rotvec / np.maximum(angle, 1e-8), along)
    wanted = (axis * reference).sum(-1, keepdims=True)
    turns = np.round((wanted - angle) / (2 * np.pi))
    return (axis * (angle + 2 * np.pi * turns)).astype(rotvec.dtype)


def image_to_unit(
    position: Float[np.ndarray, "*batch 2"], *, width: int, height: int
) -> Float[np.ndarray, "*batch 2"]:
    """Return pixels over the size of the image, what 2D networks work on."""
    return position / np.array([width, height], position.dtype)


def unit_to_image(
    position: Float[np.ndarray, "*batch 2"], *, width: int, height: int
) -> Float[np.ndarray, "*batch 2"]:
    """Return pixels again."""
    return position * np.array([width, height], position.dtype)


def subtract_root(
    position: Float[np.ndarray, "T K 3"], roots: tuple[int, ...]
) -> tuple[Float[np.ndarray, "T K 3"], Float[np.ndarray, "T 1 3"]]:
    """Return positions from the root, what 3D networks work on, and the root.

    Args:
        position: World or camera positions, m.
        roots: The joints whose mean is the root: (0,) in Human3.6M, the hips (2, 3) in the sets of
            14 joints.
    """
    root = position[:, list(roots)].mean(1, keepdims=True)
    return position - root, root
