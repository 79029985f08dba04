"""Forward kinematics: from joint rotations relative to the parent to joints in the world.

Joints of one depth are independent, so they are composed together, level by level: SMPL-H has 52
joints on 11 levels. Nothing here knows about meshes. Joint 0 is the root.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def group_by_level(parents: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Group joints by their depth below the root; the first group is the root alone."""
    depth = [0] * len(parents)
    for joint, parent in enumerate(parents):
        depth[joint] = 0 if parent < 0 else depth[parent] + 1
    return tuple(
        tuple(j for j, level in enumerate(depth) if level == wanted)
        for wanted in range(max(depth) + 1)
    )


def compose_tree(
    rest: Float[Tensor, "*#batch K 3"],
    rotations: Float[Tensor, "*batch K 3 3"],
    root_position: Float[Tensor, "*#batch 3"],
    *,
    parents: Sequence[int],
) -> tuple[Float[Tensor, "*batch K 3 3"], Float[Tensor, "*batch K 3"]]:
    """Pose a tree of K joints (the root is joint 0, parents come before children).

    Args:
        rest: Rest positions of the joints, m.
        rotations: Rotation of each joint relative to its parent; the root's is to the world.
        root_position: Where the root joint is in the world, m.
        parents: Parent of each joint, -1 for the root.

    Returns:
        Rotations joint to world, and joint positions in the world, m.
    """
    R: list[Tensor | None] = [None] * len(parents)
    t: list[Tensor | None] = [None] * len(parents)
    batch = rotations.shape[:-3]
    R[0], t[0] = rotations[..., 0, :, :], root_position.expand(*batch, 3)
    offset = rest - rest[..., [max(parent, 0) for parent in parents], :]
    for level in group_by_level(parents)[1:]:
        above = [parents[j] for j in level]
        R_parent = torch.stack([_known(R[p]) for p in above], dim=-3)
        t_parent = torch.stack([_known(t[p]) for p in above], dim=-2)
        here = list(level)
        R_level = R_parent @ rotations[..., here, :, :]
        t_level = t_parent + (R_parent @ offset[..., here, :, None]).squeeze(-1)
        for k, joint in enumerate(level):
            R[joint], t[joint] = R_level[..., k, :, :], t_level[..., k, :]
    return (
        torch.stack([_known(x) for x in R], dim=-3),
        torch.stack([_known(x) for x in t], dim=-2),
    )


def _known(x: Tensor | None) -> Tensor:
    assert x is not None, "parents must come before their children"
    return x
