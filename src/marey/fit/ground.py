"""Feet and the ground: what rests does not move, and nothing sinks into the floor."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.fit.common_values import common_values
from marey.fit.forces import UPPER, Pull
from marey.fit.kernels import KernelName, robust_cost, robust_weight


@dataclass(frozen=True, slots=True, kw_only=True)
class FootContact:
    """Points that do not move while they are in contact.

    Frames of one rest share a place that nobody gives: the robust mean of where the point is in
    them (`common_values`). The residual is (p - place) / sigma; a point may rest on a step, a wall
    or another person, and a rest that the measurements contradict gives way under the kernel.

    A rest is common to the frames that are solved together, so this is a cost of sequences.
    """

    point: Int[Tensor, "A"]
    rest: Int[Tensor, "B A"]
    """Number of the rest that each point is in, counted over all points; -1 where it is free."""
    weight: Float[Tensor, "B A"]
    """1 / sigma in 1/m."""
    width: float = 4.0
    kernel: KernelName = "huber"

    def residual(self, points: Float[Tensor, "B K 3"]) -> Float[Tensor, "B A 3"]:
        """Whitened residuals."""
        held, place = self._weight(), points[:, self.point]
        group = self.rest.clamp_min(0).flatten()
        middle = common_values(
            place.flatten(0, 1),
            held.flatten(),
            group,
            int(group.max()) + 1 if len(group) else 0,
            kernel=self.kernel,
            width=self.width,
        )
        return held.unsqueeze(-1) * (place - middle[group].view_as(place))

    def pull(self, points: Float[Tensor, "B K 3"]) -> Pull:
        """Cost, gradient and a bound on the Gauss-Newton matrix by every point."""
        residual, held = self.residual(points), self._weight()
        squared = residual.square().sum(-1)
        robust = robust_weight(squared, self.width, self.kernel)
        stiff, none = robust * held.square(), torch.zeros_like(squared)
        return Pull(
            point=self.point,
            loss=robust_cost(squared, self.width, self.kernel).sum(-1),
            gradient=(robust * held).unsqueeze(-1) * residual,
            hessian=torch.stack([stiff, none, none, stiff, none, stiff], -1),
        )

    def _weight(self) -> Float[Tensor, "B A"]:
        return torch.where(self.rest >= 0, self.weight, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """No point below a plane.

    With h = normal . p - height - radius the residual is min(0, h) / sigma: one-sided, so that a
    foot in the air is free.
    """

    point: Int[Tensor, "A"]
    normal: Float[Tensor, "3"]
    """Unit vector up, in the axes of the points."""
    height: float
    """Of the plane along the normal, m."""
    radius: Float[Tensor, "A"]
    """How far above the plane each point has to stay, m."""
    sigma: float
    """m"""
    width: float = 4.0
    kernel: KernelName = "huber"

    def residual(self, points: Float[Tensor, "B K 3"]) -> Float[Tensor, "B A"]:
        """Whitened depth below the floor, not positive."""
        above = points[:, self.point] @ self.normal - self.height - self.radius
        return above.clamp_max(0) / self.sigma

    def pull(self, points: Float[Tensor, "B K 3"]) -> Pull:
        """Cost, gradient and Gauss-Newton matrix by every point."""
        residual = self.residual(points)
        squared = residual.square()
        robust = robust_weight(squared, self.width, self.kernel) * (residual < 0)
        outer = [self.normal[row] * self.normal[column] for row, column in UPPER]
        return Pull(
            point=self.point,
            loss=robust_cost(squared, self.width, self.kernel).sum(-1),
            gradient=(robust * residual / self.sigma).unsqueeze(-1) * self.normal,
            hessian=(robust / self.sigma**2).unsqueeze(-1) * torch.stack(outer),
        )


def number_rests(contact: Float[Tensor, "B A"], *, threshold: float = 0.5) -> Int[Tensor, "B A"]:
    """Number the runs of frames in which each point is in contact; -1 where it is free.

    Args:
        contact: How sure the contact is, 0 to 1; NaN counts as none.
        threshold: What counts as contact.
    """
    on = contact > threshold
    fresh = on.clone()
    fresh[1:] &= ~on[:-1]
    # Counted down the columns one after the other, so that no two points share a number.
    number = fresh.T.flatten().cumsum(0).view(on.shape[1], on.shape[0]).T - 1
    return torch.where(on, number, -1)
