"""What holds a fitted body in its place: what was measured of it, as a quadratic about the fit.

At the minimum of a fit the costs are flat, and to second order all that is left of the
measurements is one 3 x 3 matrix per point (`forces`): how stiffly they hold it, and in which
directions. In one view that is across the ray and hardly along it; with many views it is all
around. A later stage that moves bodies for a reason of its own weighs the fit by it, without seeing
the measurements again.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from marey.fit.forces import UPPER, Pull


@dataclass(frozen=True, slots=True, kw_only=True)
class PointHold:
    """Points held where they are: d^T W d for the way d that each has gone."""

    target: Float[Tensor, "B K 3"]
    weight: Float[Tensor, "B K 6"]
    """W, 1/m^2: xx xy xz yy yz zz; positive semidefinite."""

    def pull(self, points: Float[Tensor, "B K 3"]) -> Pull:
        """Cost, gradient and matrix by every point."""
        away = points - self.target
        pushed = torch.zeros_like(away)
        for entry, (row, column) in enumerate(UPPER):
            pushed[..., row] += self.weight[..., entry] * away[..., column]
            if row != column:
                pushed[..., column] += self.weight[..., entry] * away[..., row]
        return Pull(
            point=slice(None),
            loss=(away * pushed).sum((1, 2)),
            gradient=pushed,
            hessian=self.weight,
        )


def hold_evenly(points: Float[Tensor, "B K 3"], sigma: float) -> PointHold:
    """Hold all points alike, each by its sigma, m."""
    weight = points.new_zeros(*points.shape[:2], 6)
    weight[..., [0, 3, 5]] = sigma**-2
    return PointHold(target=points, weight=weight)
