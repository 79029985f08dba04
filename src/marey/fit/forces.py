"""What costs say about points: how hard each pulls its point, and how stiffly.

Every cost on points, whatever it measures (pixels in any number of views, places, distances to a
floor), reduces to a gradient and a 3 x 3 Gauss-Newton matrix per point. The body's kinematics then
enter once, in `tree`, and a point seen by twenty cameras costs there as much as one seen by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

UPPER = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""Order of the six entries of a symmetric matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forces:
    """Derivatives of half the cost of B problems by their K points."""

    loss: Float[Tensor, "B"]
    """The cost itself, robust kernels included."""
    gradient: Float[Tensor, "B K 3"]
    hessian: Float[Tensor, "B K 6"]
    """Gauss-Newton second derivative: xx xy xz yy yz zz."""
    relative: Float[Tensor, "B K 3"]
    """The part of it, a diagonal, that ignores a common shift of the point's group."""
    group: Int[Tensor, "K"]
    """Group of each point; -1 for none."""
    shift: Float[Tensor, "B G 3"]
    """Derivative by each group's common shift."""

    def full_hessian(self) -> Float[Tensor, "B K 3 3"]:
        """Return the second derivatives as matrices."""
        full = self.hessian.new_zeros(*self.hessian.shape[:2], 3, 3)
        for entry, (row, column) in enumerate(UPPER):
            full[..., row, column] = self.hessian[..., entry]
            full[..., column, row] = self.hessian[..., entry]
        return full

    def take(self, index: Tensor) -> "Forces":
        """Return the forces of some problems."""
        return Forces(
            loss=self.loss[index],
            gradient=self.gradient[index],
            hessian=self.hessian[index],
            relative=self.relative[index],
            group=self.group,
            shift=self.shift[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """One cost's share: forces on some of the points."""

    point: Int[Tensor, "A"] | slice
    """Which points of the chain."""
    loss: Float[Tensor, "B"]
    gradient: Float[Tensor, "B A 3"]
    hessian: Float[Tensor, "B A 6"]
    relative: bool = False
    """Whether a common shift of these points is free; the matrices then are diagonal."""


def add_up(pulls: Sequence[Pull], points: Float[Tensor, "B K 3"]) -> Forces:
    """Sum the shares of all costs.

    Each relative cost is a group of its own; groups share no points.
    """
    num_points = points.shape[1]
    gradient, hessian = torch.zeros_like(points), points.new_zeros(*points.shape[:2], 6)
    relative, loss = torch.zeros_like(points), points.new_zeros(len(points))
    group = torch.full((num_points,), -1, dtype=torch.int64)
    groups = [pull for pull in pulls if pull.relative]
    for number, pull in enumerate(groups):
        assert (group[pull.point] == -1).all(), "a point can be in one relative group only"
        group[pull.point] = number
        relative[:, pull.point] = pull.hessian[..., [0, 3, 5]]
    for pull in pulls:
        loss = loss + pull.loss
        gradient[:, pull.point] += pull.gradient
        hessian[:, pull.point] += pull.hessian
    # Shifting a group by +u takes u away from each of its points' residuals.
    shift = [-pull.gradient.sum(1) for pull in groups]
    return Forces(
        loss=loss,
        gradient=gradient,
        hessian=hessian,
        relative=relative,
        group=group,
        shift=torch.stack(shift, 1) if shift else points.new_zeros(len(points), 0, 3),
    )
