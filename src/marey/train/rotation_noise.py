"""The detector's errors as a body fitted to its points shows them: in joint rotations.

A bone whose ends are off by s turns by about `sqrt(2) s` over its length. Turns about the view's
axis (Y) are seen in the image; turns about the other two move the bone's end along the ray and are
`depth_factor` times as large. Errors are made on world rotations, so a joint and its children err
together as they do in a fit, and a trunk bends as one.

Shape letters: B windows, L frames.
"""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from marey.geometry.rotation import rotvec_to_matrix
from marey.train.drawing import Drawing
from marey.train.noise import NoiseModel, part_name, rows_of

BONE_M = {
    **{"pelvis": 0.35, "spine3": 0.4, "neck": 0.35, "head": 0.2, "collar": 0.3, "shoulder": 0.28},
    **{"elbow": 0.25, "wrist": 0.15, "hip": 0.4, "knee": 0.4, "ankle": 0.2, "foot": 0.2},
}
"""Length over which a joint's rotation is seen, m."""
SEEN_BY = {
    **{"pelvis": "hip", "spine3": "shoulder", "neck": "shoulder", "head": "head"},
    **{"collar": "shoulder", "shoulder": "elbow", "elbow": "wrist", "wrist": "wrist"},
    **{"hip": "knee", "knee": "ankle", "ankle": "foot", "foot": "foot"},
}
"""Whose error turns a bone: the part at its far end."""
LIMBS = {"arm": ("shoulder", "elbow", "wrist"), "leg": ("hip", "knee", "ankle", "foot")}
_TRUNK = {"spine1": 1 / 3, "spine2": 2 / 3}
"""How much of the error these have of spine3's; the rest is the pelvis's."""


def corrupt_rotations(
    world: Float[Tensor, "B L 22 3 3"],
    names: tuple[str, ...],
    noise: NoiseModel,
    *,
    rate: float,
    level: Float[Tensor, "B"],
    depth_factor: Float[Tensor, "B"],
    generator: Generator,
) -> Float[Tensor, "B L 22 3 3"]:
    """Report world rotations as a fit to a detector's points would.

    Args:
        world: Rotations from the T-pose to the world.
        names: SMPL-H's pelvis and 21 body joints.
        noise: How the detector errs.
        rate: Frames per second.
        level: Factor of all errors' size, by window.
        depth_factor: How much larger errors along Y are, by window.
        generator: Source of randomness.
    """
    batch, frames, joints = world.shape[:3]
    draw = Drawing(batch, frames, 1 / rate, generator)
    jitter, drift = (
        torch.tensor([_turn(table, name) for name in names])
        for table in (noise.jitter, noise.drift)
    )
    error = draw.white(joints) * jitter[:, None]
    error += draw.slow(joints, noise.drift_time) * drift[:, None]
    factor = depth_factor[:, None, None, None]
    error = error * torch.cat([factor, torch.ones_like(factor), factor], -1)
    noisy = world
    for limb, parts in LIMBS.items():
        sides = [rows_of(names, side, parts) for side in ("left", "right")]
        swapped = draw.spans(1, noise.swap)[..., 0]
        noisy = _exchange(noisy, sides[0], sides[1], swapped, arm=limb == "arm")
        for rows in sides:
            length = torch.tensor([BONE_M[part_name(names[row])] for row in rows])[:, None]
            for kind in (noise.burst, noise.hidden, noise.occlusion):
                on = draw.spans(1, kind)[..., None]
                error[:, :, rows] += on * draw.slow(1, noise.drift_time) * kind.size / length
    pelvis, spine = error[:, :, names.index("pelvis")], error[:, :, names.index("spine3")]
    for name, share in _TRUNK.items():
        error[:, :, names.index(name)] = torch.lerp(pelvis, spine, share)
    # Rotation vectors beyond half a turn are as good as random.
    return rotvec_to_matrix(error * level[:, None, None, None]) @ noisy


def _turn(table: Mapping[str, float], name: str) -> float:
    bare = part_name(name)
    if bare in _TRUNK:
        return 0.0
    return math.sqrt(2) * table.get(SEEN_BY[bare], 0.0) / BONE_M[bare]


def _exchange(
    world: Float[Tensor, "B L 22 3 3"],
    left: list[int],
    right: list[int],
    swapped: Bool[Tensor, "B L"],
    *,
    arm: bool,
) -> Float[Tensor, "B L 22 3 3"]:
    # Legs point the same way at rest; a left arm that goes where the right one is turns about Y.
    turn = torch.diag(torch.tensor([-1.0, 1.0, -1.0]) if arm else torch.ones(3)).to(world)
    result, where = world.clone(), swapped[..., None, None, None]
    result[:, :, left] = torch.where(where, world[:, :, right] @ turn, world[:, :, left])
    result[:, :, right] = torch.where(where, world[:, :, left] @ turn, world[:, :, right])
    return result
