"""Measures a network on clean motion it does not learn from, with the fitted noise."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from marey.body import Body
from marey.geometry.rotation import rotation6d_to_matrix
from marey.models.hanet import HANet
from marey.train.body_points import NUM_JOINTS, make_point_model, place_points
from marey.train.clean_motion import CleanMotion
from marey.train.figures import measure_pairs
from marey.train.mocap_pairs import MocapPairs, PairOptions

_BATCHES, _SEED = 4, 99


def to_points(
    options: PairOptions, body: Body
) -> Callable[[Float[Tensor, "B L C"]], Float[Tensor, "B L K 3"]]:
    """Return how points in m come of a window's channels; rotations move the mean body."""
    if options.quantity == "points":
        return lambda x: x.unflatten(2, (-1, 3))
    joints = make_point_model(body, body.joint_names[:NUM_JOINTS])

    def place(x: Float[Tensor, "B L C"]) -> Float[Tensor, "B L K 3"]:
        world = rotation6d_to_matrix(x.unflatten(2, (-1, 6)), layout="interleaved")
        return place_points(joints, world, torch.zeros(len(x), body.num_shape))

    return place


def make_validation(
    motion: CleanMotion, body: Body, options: PairOptions
) -> Callable[[HANet], dict[str, float]]:
    """Return a function that measures a network on a few fixed batches of a motion."""
    source = MocapPairs(motion=motion, body=body, options=options)
    pairs = [source.draw(_SEED, step) for step in range(_BATCHES)]
    place = to_points(options, body)
    before = measure_pairs(lambda x: x, pairs, place, rate=options.rate)

    def validate(network: HANet) -> dict[str, float]:
        after = measure_pairs(lambda x: network(x)[0], pairs, place, rate=options.rate)
        return after | {f"input_{name}": value for name, value in before.items()}

    return validate
