"""Rigs as the nodes of a BVH file, in depth-first order, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from marey.body.load import load_body
from marey.core import BodyMotion, Rig
from marey.io.bvh._hierarchy import POSITIONS, ROTATIONS, Node
from marey.io.joint_names import JointNames, from_mixamo, name_joints

_END = "_end"
"""What the name of an End Site adds to its joint's."""

_NEVER_TURNS = 1e-6

_TIPS = {"head": "head_top", "left_foot": "left_big_toe", "right_foot": "right_big_toe"} | {
    f"{side}_{finger}3": f"{side}_{finger}4"
    for side in ("left", "right")
    for finger in ("thumb", "index", "middle", "ring", "pinky")
}
"""Landmarks where the limbs of a body end, by the last joint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A person's rig and where its limbs end."""

    rig: Rig
    tips: Mapping[str, Float[np.ndarray, "3"]]
    """Ends of limbs by the last joint, m from it in the rest axes."""
    ends: frozenset[int]
    """Joints of the rig that are themselves ends of limbs and never turn."""


def make_figures(motion: BodyMotion) -> list[Figure]:
    """Return a figure for each person, with bones of their own length."""
    if isinstance(motion.body, Rig):
        rig, poses = motion.body, motion.R_parent_joint
        return [Figure(rig=rig, tips={}, ends=_find_ends(rig, pose)) for pose in poses]
    body = load_body(motion.body, num_shape=motion.shape.shape[1])
    names = [joint for joint, mark in _TIPS.items() if {joint, mark} <= set(body.points)]
    identity = torch.eye(3).expand(body.num_joints, 3, 3)
    figures = []
    for shape in torch.from_numpy(motion.shape):
        posed = body.pose_matrices(shape, torch.eye(3), identity, position=torch.zeros(3))
        marks = body.landmark_positions(posed, [_TIPS[name] for name in names])
        tips = (marks - body.landmark_positions(posed, names)).numpy().astype(np.float64)
        ends = dict(zip(names, tips, strict=True))
        figures.append(Figure(rig=body.rig_of_shape(shape), tips=ends, ends=frozenset()))
    return figures


def make_nodes(figure: Figure, names: JointNames, *, unit_m: float) -> tuple[list[Node], list[int]]:
    """Return a figure as nodes, and the number of each node that moves (0 for the root).

    Every limb ends in an End Site, as the format asks; at no distance where its tip is unknown.

    Raises:
        InputError: If Mixamo has no name for a joint.
    """
    rig = figure.rig
    parents = (-1, *(parent + 1 for parent in rig.parents))
    own, shown = (rig.root, *rig.joints), name_joints(rig, names)
    offset = np.concatenate([np.zeros((1, 3)), rig.offset]) / unit_m
    nodes: list[Node] = []
    moving: list[int] = []
    place, waiting = {-1: -1}, [0]
    while waiting:
        joint = waiting.pop()
        parent = place[parents[joint]]
        if joint - 1 in figure.ends:
            nodes.append(_make_end(parent, offset[joint]))
            continue
        place[joint] = len(nodes)
        moving.append(joint)
        channels = ROTATIONS if nodes else (*POSITIONS, *ROTATIONS)
        nodes.append(
            Node(
                name="_".join(shown[joint].replace("{", "(").replace("}", ")").split()) or "joint",
                parent=parent,
                offset=_to_triple(offset[joint]),
                channels=channels,
            )
        )
        children = [k for k, p in enumerate(parents) if p == joint]
        waiting += reversed(children)
        if not children:
            tip = figure.tips.get(own[joint], np.zeros(3))
            nodes.append(_make_end(place[joint], tip / unit_m))
    return nodes, moving


def make_rig(name: str, nodes: Sequence[Node], offset: Float[np.ndarray, "K 3"]) -> Rig:
    """Return the rig of a file's nodes, with distinct names, in marey's words where Mixamo's are.

    An End Site becomes a joint that never turns; its name is its parent's and `_end`.

    Args:
        name: What to call the rig.
        nodes: The root first.
        offset: Where each is from its parent, m in the rest axes.
    """
    given = [node.name for node in nodes if not node.is_end]
    known = iter(from_mixamo(given) or given)
    names: list[str] = []
    for node in nodes:
        wanted = names[node.parent] + _END if node.is_end else next(known)
        names.append(_make_distinct(wanted, set(names)))
    return Rig(
        name=name,
        root=names[0],
        joints=tuple(names[1:]),
        parents=tuple(node.parent - 1 for node in nodes[1:]),
        offset=offset[1:].astype(np.float32),
    )


def _find_ends(rig: Rig, pose: Float[np.ndarray, "T J 4"]) -> frozenset[int]:
    names = (rig.root, *rig.joints)
    return frozenset(
        joint
        for joint, parent in enumerate(rig.parents)
        if rig.joints[joint] == names[parent + 1] + _END
        and rig.parents.count(parent) == 1
        and joint not in rig.parents
        and not (np.abs(pose[:, joint, 1:]) > _NEVER_TURNS).any()
    )


def _make_end(parent: int, offset: Float[np.ndarray, "3"]) -> Node:
    return Node(name="", parent=parent, offset=_to_triple(offset), is_end=True)


def _to_triple(offset: Float[np.ndarray, "3"]) -> tuple[float, float, float]:
    x, y, z = offset.tolist()
    return x, y, z


def _make_distinct(name: str, taken: set[str]) -> str:
    number, candidate = 2, name
    while candidate in taken:
        number, candidate = number + 1, f"{name}_{number}"
    return candidate
