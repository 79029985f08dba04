"""Closed-form first poses of a body from points in space: the solver starts near the answer."""

import torch
from jaxtyping import Float
from torch import Tensor

from marey.fit.chain import Chain, Pose, exp_so3
from marey.fit.initial import initial_pose, procrustes_rotation
from marey.fit.limits import rotation_prior
from marey.fit.marks import MarkedBody
from marey.fit.tree import place_fast
from marey.geometry.alignment import fit_similarity

_FEWEST = 3


def guess_from_vertices(
    marked: MarkedBody, given: Float[Tensor, "B P 3"], shape: Float[Tensor, "S"]
) -> Pose:
    """Turn every joint as the vertices it rules are turned; else as its parent.

    Args:
        marked: The body and its points.
        given: Where they are, m; NaN where missing.
        shape: Coefficients.
    """
    chain = marked.chain(shape)
    rest = _rest(chain)
    world: list[Tensor] = []
    for joint, parent in enumerate(chain.parents):
        own = (chain.point_joint == joint).nonzero().squeeze(-1)
        own = own[own >= marked.num_joints]
        inherited = world[parent] if parent >= 0 else _whole_turn(rest, given)
        if len(own) < _FEWEST:
            world.append(inherited)
            continue
        turn = procrustes_rotation(rest[own].expand(len(given), -1, -1), given[:, own])
        sound = torch.isfinite(turn).all(-1).all(-1)[:, None, None]
        world.append(torch.where(sound, turn, inherited))
    stacked = torch.stack(world, 1)
    above = stacked[:, list(chain.parents[1:])]
    rotation = torch.cat([stacked[:, :1], above.mT @ stacked[:, 1:]], 1)
    return _put_in_place(chain, rotation, given)


def guess_from_joints(
    marked: MarkedBody, given: Float[Tensor, "B P 3"], shape: Float[Tensor, "S"]
) -> Pose:
    """Turn the trunk as hips and shoulders lie and aim the limbs; else keep the mean pose.

    Args:
        marked: The body and its points.
        given: Where they are, m; NaN where missing.
        shape: Coefficients.
    """
    chain = marked.chain(shape)
    mean = exp_so3(rotation_prior(chain.joints).mean)
    guess = initial_pose(chain, given, mean, torch.zeros(0))
    torso = [
        chain.points.index(f"{s}_{part}") for s in ("left", "right") for part in ("hip", "shoulder")
    ]
    hidden = ~torch.isfinite(given[:, torso]).all(-1).all(-1)
    rotation = guess.rotation.clone()
    if hidden.any():
        rotation[hidden, 0] = _whole_turn(_rest(chain), given[hidden])
    return _put_in_place(chain, rotation, given)


def _rest(chain: Chain) -> Float[Tensor, "P 3"]:
    return chain.template[chain.point_joint] + chain.point_offset


def _whole_turn(rest: Float[Tensor, "P 3"], given: Float[Tensor, "B P 3"]) -> Tensor:
    """Return how all points that are known are turned as one; no turn where they are too few."""
    source = rest.expand(len(given), -1, -1).numpy()
    fitted = fit_similarity(source, given.numpy(), with_scale=False)
    turn = torch.from_numpy(fitted.R_target_source).float()
    return torch.where(torch.isfinite(turn), turn, torch.eye(3))


def _put_in_place(chain: Chain, rotation: Tensor, given: Float[Tensor, "B P 3"]) -> Pose:
    nowhere = Pose(rotation, rotation.new_zeros(len(given), 3), rotation.new_zeros(len(given), 0))
    apart = (given - place_fast(chain, nowhere).points).nanmean(1)
    return Pose(rotation, torch.where(torch.isfinite(apart), apart, 0.0), nowhere.shape)
