"""Bodies do not enter themselves or each other: capsules that overlap push apart.

The residual is depth / sigma where two capsules overlap and zero elsewhere. Gradients are exact and
opposite on both sides, so nobody is preferred; who yields is decided by how well each is known.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from marey.fit.contact.capsules import Capsules, Meetings, meet, penetration_rows
from marey.fit.forces import Pull
from marey.fit.kernels import KernelName
from marey.fit.point_rows import PointRows

_LEAST = 0.02
"""Least share of an end in its capsule's stiffness; a share of zero would be infinitely stiff."""
_FIRMEST = 1e-4
"""Least share of a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfPenetration:
    """No limb inside another part of the same body."""

    capsules: Capsules
    sigma: float = 0.01
    """m"""
    slack: float = 0.02
    """How deep capsules may overlap before it costs, m: flesh gives, and hips are not as round as
    theirs. Of hard motion capture 78 to 94 % of the frames overlap by less than 3 cm."""
    width: float = 4.0
    kernel: KernelName = "huber"

    def rows(self, points: Float[Tensor, "B K 3"]) -> PointRows:
        """Whitened depths with their derivatives, of the pairs that overlap."""
        capsules = self.capsules
        met = meet(points, points, capsules, capsules, capsules.pairs, within=-self.slack)
        even = met.depth.new_full((len(met.depth), 2), 0.5)
        share = split_stiffness(met, even)
        return penetration_rows(
            met, capsules, capsules, sigma=self.sigma, share=share, slack=self.slack
        )

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


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyContact:
    """No part of one body inside another body."""

    sigma: float = 0.01
    """m"""
    width: float = 4.0
    kernel: KernelName = "huber"

    def pulls(
        self,
        points: tuple[Float[Tensor, "B K 3"], Float[Tensor, "B M 3"]],
        capsules: tuple[Capsules, Capsules],
        stiffness: tuple[Float[Tensor, "B 3 3"], Float[Tensor, "B 3 3"]],
    ) -> tuple[Pull, Pull]:
        """Return what two bodies do to each other in B frames.

        Both pulls carry the same loss, that of the pair.

        Args:
            points: Of either body, m.
            capsules: Of either body.
            stiffness: How hard what was measured holds either body in its place, 1/m^2. It decides
                how a meeting's stiffness is split, so how fast a solver converges; not where to.
        """
        (first, second), (own, other) = points, capsules
        numbers = [torch.arange(len(side.radius), device=first.device) for side in capsules]
        pairs = torch.cartesian_prod(*numbers)
        met = meet(first, second, own, other, pairs)
        share = split_stiffness(met, _yields(met, stiffness))
        rows = penetration_rows(met, own, other, sigma=self.sigma, share=share)
        return (
            self._side(rows, slice(0, 2), first.shape[1], len(first)),
            self._side(rows, slice(2, 4), second.shape[1], len(second)),
        )

    def _side(self, rows: PointRows, side: slice, num_points: int, num_frames: int) -> Pull:
        part = PointRows(
            problem=rows.problem,
            point=rows.point[:, side],
            residual=rows.residual,
            slope=rows.slope[:, side],
            share=rows.share[:, side],
        )
        return part.pull(num_frames, num_points, kernel=self.kernel, width=self.width)


def _yields(
    met: Meetings, stiffness: tuple[Float[Tensor, "B 3 3"], Float[Tensor, "B 3 3"]]
) -> Float[Tensor, "R 2"]:
    """Share out by compliance along the normal.

    If 1/a and 1/b are the compliances, shares in proportion to them make a step of both bodies on
    their own equal to the step of the coupled system, for one meeting of bodies at rest.
    """
    hold = [
        torch.einsum("ri,rij,rj->r", met.normal, side[met.problem], met.normal)
        for side in stiffness
    ]
    a, b = (part.clamp_min(1e-9) for part in hold)
    first = (b / (a + b)).clamp(_FIRMEST, 1 - _FIRMEST)
    return torch.stack([first, 1 - first], 1)
