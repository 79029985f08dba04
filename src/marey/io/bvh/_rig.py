"""From the nodes and channels of a BVH file to a rig and its poses, still in the file's axes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.io.bvh._angles import compose_rotation
from marey.io.bvh._hierarchy import POSITIONS, Node

UNITS_M = (1.0, 0.01, 0.001, 0.0254 / 0.45, 0.0254)
"""Metres, centimetres, millimetres, the unit of CMU's recordings, and inches, in order of trial."""

HUMAN_REACH_M = (1.1, 2.75)
"""Longest way along the bones of a person, such as from toe to finger tip; 2.3 m in an adult."""

_STILL = 1e-3
"""A joint whose distance from its parent varies by less, relative to that distance, is fixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosedNodes:
    """Nodes at fixed offsets from their parents, and their motion."""

    nodes: list[Node]
    """The first is the root."""
    offset: Float[np.ndarray, "K 3"]
    stretch: Float[np.ndarray, "K"]
    """Largest distance of a joint from its offset; nonzero where the file moves joints apart."""
    position: Float[np.ndarray, "T 3"]
    """The root's."""
    rotations: Float[np.ndarray, "T K 4"]
    """Relative to the parent, quaternions wxyz."""


def pose_nodes(nodes: Sequence[Node], values: Float[np.ndarray, "T C"]) -> PosedNodes:
    """Apply the channels of a file. End Sites at no distance from their joints are left out.

    Position channels take the place of the offset, as in Blender and MotionBuilder. Where the root
    only carries another joint about (a node on the floor below the hips, say), that joint becomes
    the root. Other joints with position channels are fixed at the median of their positions.
    """
    stops = np.cumsum([len(node.channels) for node in nodes]).tolist()
    columns = [values[:, b - len(node.channels) : b] for node, b in zip(nodes, stops, strict=True)]
    position = _place(nodes[0], columns[0])
    turn = compose_rotation(nodes[0].channels, columns[0])
    root = 0
    while (child := _carried_child(nodes, columns, root)) is not None:
        base = Rotation.from_quat(turn, scalar_first=True)
        position = position + base.apply(_place(nodes[child], columns[child]))
        own = compose_rotation(nodes[child].channels, columns[child])
        turn = (base * Rotation.from_quat(own, scalar_first=True)).as_quat(scalar_first=True)
        root = child
    # All later nodes are below the new root, since it was an only child.
    kept = [k for k in range(root, len(nodes)) if not _is_empty_end(nodes[k])]
    offset, stretch = np.zeros((len(kept), 3)), np.zeros(len(kept))
    rotations = np.empty((len(values), len(kept), 4), np.float32)
    rotations[:, 0] = turn
    for row, k in enumerate(kept[1:], start=1):
        offset[row], stretch[row] = _fix(nodes[k], columns[k])
        rotations[:, row] = compose_rotation(nodes[k].channels, columns[k])
    place = {k: row for row, k in enumerate(kept)}
    return PosedNodes(
        nodes=[replace(nodes[k], parent=place.get(nodes[k].parent, -1)) for k in kept],
        offset=offset,
        stretch=stretch,
        position=position,
        rotations=rotations,
    )


def guess_unit(posed: PosedNodes) -> float:
    """Return the metres per unit that make a skeleton the size of a person, else 0.01.

    The size is the longest way along the bones, which does not depend on the pose.
    """
    arm = np.zeros(len(posed.nodes))
    reach = 0.0
    for k in range(len(posed.nodes) - 1, 0, -1):
        way, parent = arm[k] + float(np.linalg.norm(posed.offset[k])), posed.nodes[k].parent
        reach = max(reach, arm[parent] + way)
        arm[parent] = max(arm[parent], way)
    low, high = HUMAN_REACH_M
    return next((unit for unit in UNITS_M if low <= reach * unit <= high), 0.01)


def turn_y_up(posed: PosedNodes) -> PosedNodes:
    """Return the same motion with +Y up, at rest and in the world, if +Z was."""
    rotations = posed.rotations.copy()
    rotations[..., 1:] = _z_to_y(posed.rotations[..., 1:])
    return replace(
        posed,
        offset=_z_to_y(posed.offset),
        position=_z_to_y(posed.position),
        rotations=rotations,
    )


def _z_to_y(vectors: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    return vectors[..., [0, 2, 1]] * np.array([1, 1, -1], vectors.dtype)


def _place(node: Node, columns: Float[np.ndarray, "T _"]) -> Float[np.ndarray, "T 3"]:
    position = np.tile(np.array(node.offset, np.float64), (len(columns), 1))
    for channel, column in zip(node.channels, columns.T, strict=True):
        if channel in POSITIONS:
            position[:, POSITIONS.index(channel)] = column
    return position


def _fix(node: Node, columns: Float[np.ndarray, "T _"]) -> tuple[Float[np.ndarray, "3"], float]:
    if not set(POSITIONS) & set(node.channels):
        return np.array(node.offset, np.float64), 0.0
    position = _place(node, columns)
    middle = np.median(position, 0)
    return middle, float(np.linalg.norm(position - middle, axis=1).max())


def _carried_child(
    nodes: Sequence[Node], columns: Sequence[Float[np.ndarray, "T _"]], root: int
) -> int | None:
    children = [k for k, node in enumerate(nodes) if node.parent == root]
    if len(children) != 1 or nodes[children[0]].is_end:
        return None
    middle, stretch = _fix(nodes[children[0]], columns[children[0]])
    return children[0] if stretch > _STILL * float(np.linalg.norm(middle)) else None


def _is_empty_end(node: Node) -> bool:
    return node.is_end and not any(node.offset)
