"""Bodies do not enter themselves or each other: capsules that overlap push apart.

The residual is depth / sigma where two capsules overlap and zero elsewhere. Gradients are exact and
opposite on both sides, so nobody is preferred; who yields is decided by how well each is known.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from marey.fit.capsules import Capsules, Meetings, meet, penetration_rows
from marey.fit.forces import Pull
from marey.fit.kernels import KernelName
from marey.fit.point_rows import PointRows

_LEAST = 0.02
"""Least share of a residual's stiffness; a share of zero would be infinitely stiff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfPenetration:
    """No limb inside another part of the same body."""

    capsules: Capsules
    sigma: float = 0.01
    """m"""
    width: float = 4.0
    kernel: KernelName = "huber"

    def rows(self, points: Float[Tensor, "B K 3"]) -> PointRows:
        """Whitened depths with their derivatives, of the pairs that overlap."""
        capsules = self.capsules
        met = meet(points, points, capsules, capsules, capsules.pairs)
        even = met.depth.new_full((len(met.depth), 2), 0.5)
        share = split_stiffness(met, even)
        return penetration_rows(met, capsules, capsules, sigma=self.sigma, share=share)

    def pull(self, points: Float[Tensor, "B K 3"]) -> Pull:
        """Cost, gradient and a bound on the Gauss-Newton matrix by every point."""
        rows = self.rows(points)
        return rows.pull(*points.shape[:2], kernel=self.kernel, width=self.width)


def split_stiffness(met: Meetings, sides: Float[Tensor, "R 2"]) -> Float[Tensor, "R 4"]:
    """Split each meeting's stiffness among its four ends.

    Args:
        met: The meetings.
        sides: Shares of the first and the second body, positive and one in sum.
    """
    s, t = met.along.unbind(1)
    # A capsule that moves as a whole moves both ends; what is near the touched end counts most.
    ends = torch.stack([1 - s, s, 1 - t, t], 1).clamp_min(_LEAST)
    ends = ends / ends.unflatten(1, (2, 2)).sum(-1).repeat_interleave(2, 1)
    return ends * sides.repeat_interleave(2, 1)
