"""Meshes as glTF skins them: at rest, with normals and at most four joints per vertex."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8, UInt16

from marey.geometry.surface import compute_normals

BONE_WIDTH = 0.12
"""Half the width of a drawn bone, as a fraction of its length."""
TIP_RADIUS_M = 0.015


@dataclass(frozen=True, slots=True, kw_only=True)
class SkinnedMesh:
    """A mesh in its rest pose and how it hangs on the joints; joint 0 is the root."""

    vertices: Float32[np.ndarray, "V 3"]
    """m, in the rig's rest axes."""
    normals: Float32[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    joints: UInt8[np.ndarray, "V 4"] | UInt16[np.ndarray, "V 4"]
    """The four joints of each vertex; 0 where the weight is 0."""
    weights: Float32[np.ndarray, "V 4"]


def skin_mesh(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    weights: Float[np.ndarray, "V J"],
) -> SkinnedMesh:
    """Prepare a mesh for glTF from its dense skinning weights (root first)."""
    joints, top = keep_four(weights)
    return SkinnedMesh(
        vertices=vertices.astype(np.float32),
        normals=compute_normals(vertices, faces).astype(np.float32),
        faces=faces,
        joints=joints,
        weights=top,
    )


def keep_four(
    weights: Float[np.ndarray, "V J"],
) -> tuple[UInt8[np.ndarray, "V 4"] | UInt16[np.ndarray, "V 4"], Float32[np.ndarray, "V 4"]]:
    """Keep the four largest weights of each vertex and make them sum to one in float32.

    Args:
        weights: Dense skinning weights, root first.

    Returns:
        Joint indices in the smallest type that fits, and weights in falling order.
    """
    num_joints = weights.shape[1]
    weights = np.pad(weights, ((0, 0), (0, max(4 - num_joints, 0)))).astype(np.float64)
    order = np.argsort(-weights, 1, kind="stable")[:, :4]
    top = np.take_along_axis(weights, order, 1)
    top = (top / top.sum(1, keepdims=True)).astype(np.float32)
    # What rounding leaves goes to the largest, so that the sum is one to the last bit.
    top[:, 0] = 1 - top[:, 1:].sum(1, dtype=np.float64)
    joints = np.where(top > 0, order, 0)
    return joints.astype(np.uint8 if num_joints <= 256 else np.uint16), top


def draw_bones(positions: Float[np.ndarray, "J 3"], parents: tuple[int, ...]) -> SkinnedMesh:
    """Make a stick figure for a rig that has no mesh: one slim octahedron per bone.

    Args:
        positions: Rest positions of all joints, root first, m.
        parents: Parent of each as an index into `positions`; -1 for the root.

    Returns:
        A mesh whose every vertex hangs on one joint.
    """
    bones = [(p, positions[p], positions[j]) for j, p in enumerate(parents) if p >= 0]
    tips = sorted(set(range(len(parents))) - set(parents))
    down = np.array([0, TIP_RADIUS_M, 0])
    bones += [(j, positions[j] - down, positions[j] + down) for j in tips]
    bones = [(j, start, stop) for j, start, stop in bones if np.linalg.norm(stop - start) > 1e-6]
    solids = [_octahedron(start, stop) for _, start, stop in bones]
    vertices = np.concatenate(solids)
    joints = np.zeros((len(vertices), 4), np.uint8 if len(parents) <= 256 else np.uint16)
    joints[:, 0] = np.repeat([j for j, _, _ in bones], len(solids[0]))
    faces = np.arange(len(vertices)).reshape(-1, 3)
    return SkinnedMesh(
        vertices=vertices.astype(np.float32),
        normals=compute_normals(vertices, faces).astype(np.float32),
        faces=faces,
        joints=joints,
        weights=np.tile(np.array([1, 0, 0, 0], np.float32), (len(vertices), 1)),
    )


def _octahedron(
    start: Float[np.ndarray, "3"], stop: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "24 3"]:
    """Return the corners of eight separate faces, so that each keeps its own normal."""
    along = stop - start
    length = float(np.linalg.norm(along))
    side = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    side *= BONE_WIDTH * length / np.linalg.norm(side)
    other = np.cross(along, side) / length
    middle = start + 0.2 * along if length > 2.1 * TIP_RADIUS_M else start + 0.5 * along
    ring = [middle + side, middle + other, middle - side, middle - other]
    faces = []
    for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
        faces += [[start, b, a], [stop, a, b]]
    return np.array(faces).reshape(-1, 3)
