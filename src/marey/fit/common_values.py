"""Values unknown but common to several frames: where a resting foot stands, how long a limb is.

Instead of becoming parameters of the problem they are minimised out: for given frames the best
common value is the robust mean, and since the cost is stationary there, its derivative by the
frames is the same as if the value were fixed (the envelope theorem; variable projection, Golub and
Pereyra 1973). The stiffness of a fixed value is an upper bound of the true one, whose off-diagonal
blocks couple all frames of the group.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.fit.kernels import KernelName, robust_weight

_ROUNDS = 30
"""Reweightings; the kernels' own minimum is reached to rounding long before in practice."""


def common_values(
    values: Float[Tensor, "R D"],
    weight: Float[Tensor, "R"],
    group: Int[Tensor, "R"],
    num_groups: int,
    *,
    kernel: KernelName = "none",
    width: float = 4.0,
) -> Float[Tensor, "G D"]:
    """Return the value of each group that costs its members least; 0 where a group has none.

    Args:
        values: One per member.
        weight: 1 / sigma of each member; 0 where it does not count.
        group: The group of each member.
        num_groups: Number of groups.
        kernel: Kernel of a member's whitened distance.
        width: Its width.
    """
    robust, middle = torch.ones_like(weight), values.new_zeros(num_groups, values.shape[1])
    for _ in range(_ROUNDS if kernel != "none" else 1):
        share = (robust * weight.square()).unsqueeze(-1)
        total = share.new_zeros(num_groups, 1).index_add_(0, group, share)
        sums = torch.zeros_like(middle).index_add_(0, group, share * values)
        middle = sums / total.clamp_min(1e-30)
        squared = (weight.unsqueeze(-1) * (values - middle[group])).square().sum(-1)
        robust = robust_weight(squared, width, kernel)
    return middle
