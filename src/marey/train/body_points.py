"""Points and rotations of marey's body for batches of windows, from world rotations of its joints.

A point of a body whose landmarks ride rigidly on joints is a sum over joints of world rotation
times a constant vector, so all points of all frames are one matrix product.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from marey.body import Body
from marey.core.errors import InputError

NUM_JOINTS = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class PointModel:
    """Where K points are on a body of a shape, as weights of joint rotations."""

    names: tuple[str, ...]
    mean: Float[Tensor, "K 66"]
    """Coefficients of the mean shape, relative to the middle of the hips."""
    directions: Float[Tensor, "S K 66"]


def make_point_model(body: Body, names: tuple[str, ...]) -> PointModel:
    """Prepare the points of a body.

    Args:
        body: A body of SMPL's tree whose first 22 joints are SMPL-H's and whose landmarks ride
            rigidly on joints (marey-h).
        names: Joints or landmarks.

    Raises:
        InputError: If the body has no such point, or none of the first 22 joints carries it.
    """
    shapes = torch.cat([torch.zeros(1, body.num_shape), torch.eye(body.num_shape)])
    joints = body.rest_joints(shapes)
    marks = body.landmarks
    skin = marks.template + torch.einsum("kcs,ns->nkc", marks.shapedirs, shapes)
    table = torch.zeros(len(shapes), len(names), NUM_JOINTS, 3)
    for row, name in enumerate(names):
        if name in body.joint_names[:NUM_JOINTS]:
            joint, place = body.joint_names.index(name), None
        elif name in marks.names:
            place = skin[:, marks.index(name)]
            joint = int(marks.joint[marks.index(name)])
        else:
            raise InputError(f"{body.name} has no body point '{name}'")
        if place is not None:
            table[:, row, joint] += place - joints[:, joint]
        while joint > 0:
            parent = body.parents[joint]
            table[:, row, parent] += joints[:, joint] - joints[:, parent]
            joint = parent
    hips = [names.index("left_hip"), names.index("right_hip")]
    table = (table - table[:, hips].mean(1, keepdim=True)).flatten(-2)
    return PointModel(names=names, mean=table[0], directions=table[1:] - table[0])


def place_points(
    model: PointModel, world: Float[Tensor, "B L 22 3 3"], shape: Float[Tensor, "B S"]
) -> Float[Tensor, "B L K 3"]:
    """Return points relative to the middle of the hips, m.

    Args:
        model: Which points.
        world: Rotations of the joints from the T-pose to the world.
        shape: Shape of each window's body.
    """
    weights = model.mean + torch.einsum("bs,skc->bkc", shape, model.directions)
    flat = world.permute(0, 1, 3, 2, 4).flatten(-2)  # rows of every joint's matrix side by side
    return torch.einsum("blrc,bkc->blkr", flat, weights)
