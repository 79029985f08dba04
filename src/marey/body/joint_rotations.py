"""Rotations of joints relative to their parents, and relative to the world."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def to_local(
    world: Float[Tensor, "*batch J 3 3"], parents: Sequence[int]
) -> Float[Tensor, "*batch J 3 3"]:
    """Return rotations relative to each joint's parent; the root's stays as it is.

    Args:
        world: Rotations from the rest pose to the world, the root's first.
        parents: Of at least those J joints; every parent comes before its children.
    """
    above = world[..., list(parents[1 : world.shape[-3]]), :, :]
    return torch.cat([world[..., :1, :, :], above.mT @ world[..., 1:, :, :]], -3)


def to_world(
    local: Float[Tensor, "*batch J 3 3"], parents: Sequence[int]
) -> Float[Tensor, "*batch J 3 3"]:
    """Undo `to_local`."""
    world = [local[..., 0, :, :]]
    for joint in range(1, local.shape[-3]):
        world.append(world[parents[joint]] @ local[..., joint, :, :])
    return torch.stack(world, -3)
