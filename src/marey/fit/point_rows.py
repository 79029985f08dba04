"""Residuals that depend on several points at once, and their share for each point.

A limb's length hangs on two points, the gap between two capsules on four. Such a residual r has
the exact gradient r dr/dp_i at each of its points, and the Gauss-Newton matrix g g^T with g the
derivatives of all its points together, whose off-diagonal blocks couple points. Solvers that take
one 3 x 3 matrix per point (`forces`) get an upper bound instead: for shares w_i > 0 of one,

    (sum_i g_i . d_i)^2  <=  sum_i (g_i . d_i)^2 / w_i            (Cauchy-Schwarz)

with equality where every point moves in proportion to its share. The gradient stays exact, so the
minimum is the same; a step is at worst shorter than Gauss-Newton's and never overshoots because two
points both answer to one residual. This is what separates people in contact as well (`together`).

`jacobian` gives the exact rows, for solvers of free points.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.fit.forces import UPPER, Pull
from marey.fit.kernels import KernelName, robust_cost, robust_weight


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRows:
    """R residuals of B problems, each on m of the K points of its problem."""

    problem: Int[Tensor, "R"]
    point: Int[Tensor, "R m"]
    residual: Float[Tensor, "R"]
    """Whitened."""
    slope: Float[Tensor, "R m 3"]
    """Derivative of the residual by each of its points, 1/m."""
    share: Float[Tensor, "R m"]
    """Positive, and at most one in sum; how a residual's stiffness is split among its points."""

    def pull(
        self,
        num_problems: int,
        num_points: int,
        *,
        kernel: KernelName = "none",
        width: float = 4.0,
    ) -> Pull:
        """Return cost, gradient and the bound on the Gauss-Newton matrix by every point."""
        squared = self.residual.square()
        robust = robust_weight(squared, width, kernel)[:, None, None]
        gradient = robust * self.residual[:, None, None] * self.slope
        stiff = robust * self.slope / self.share.unsqueeze(-1)
        entries = [stiff[..., row] * self.slope[..., column] for row, column in UPPER]
        place = (self.problem.unsqueeze(-1) * num_points + self.point).flatten()
        loss = self.residual.new_zeros(num_problems)
        loss.index_add_(0, self.problem, robust_cost(squared, width, kernel))

        def gather(parts: Tensor) -> Tensor:
            total = parts.new_zeros(num_problems * num_points, parts.shape[-1])
            return total.index_add_(0, place, parts.flatten(0, 1)).unflatten(0, (num_problems, -1))

        return Pull(
            point=slice(None),
            loss=loss,
            gradient=gather(gradient),
            hessian=gather(torch.stack(entries, -1)),
        )

    def jacobian(self, num_points: int) -> Float[Tensor, "R K 3"]:
        """Return the exact rows by the points of each row's own problem."""
        rows = self.slope.new_zeros(len(self.residual), num_points, 3)
        return rows.index_put_(
            (torch.arange(len(rows), device=rows.device).unsqueeze(-1), self.point),
            self.slope,
            accumulate=True,
        )


def every_problem(
    residual: Float[Tensor, "B L"], slope: Float[Tensor, "B L m 3"], point: Int[Tensor, "L m"]
) -> PointRows:
    """Lay out L residuals that every problem has, split evenly among their points."""
    num_problems, num_rows = residual.shape
    return PointRows(
        problem=torch.arange(num_problems, device=point.device).repeat_interleave(num_rows),
        point=point.repeat(num_problems, 1),
        residual=residual.flatten(),
        slope=slope.flatten(0, 1),
        share=slope.new_full((num_problems * num_rows, point.shape[1]), 1 / point.shape[1]),
    )
