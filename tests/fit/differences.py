"""Finite differences in float64, the independent oracle of every analytic derivative."""

from collections.abc import Callable

import torch
from torch import Tensor

from marey.fit.forces import add_up

STEP = 1e-6


def draw(*size: int, seed: int = 0) -> Tensor:
    """Return normal numbers."""
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_points(function: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Differentiate a function of B K 3 points by every coordinate of all problems: last K 3.

    The function's first axis is the problem's; problems must not depend on each other.
    """
    slopes = []
    for k in range(points.shape[1]):
        for axis in range(3):
            nudge = torch.zeros_like(points)
            nudge[:, k, axis] = STEP
            slopes.append((function(points + nudge) - function(points - nudge)) / (2 * STEP))
    return torch.stack(slopes, -1).unflatten(-1, (points.shape[1], 3))


def by_every_coordinate(function: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Differentiate a number that depends on all problems together by every coordinate."""
    slope = torch.zeros_like(points)
    for place in range(points.numel()):
        nudge = torch.zeros_like(points)
        nudge.view(-1)[place] = STEP
        slope.view(-1)[place] = (function(points + nudge) - function(points - nudge)) / (2 * STEP)
    return slope


def check_gradient(cost, points: Tensor, *, atol: float = 1e-5) -> None:
    """Compare a cost's gradient with the derivative of its own loss."""
    expected = by_every_coordinate(lambda changed: cost.pull(changed).loss.sum(), points)
    ours = 2 * add_up([cost.pull(points)], points).gradient
    assert expected.abs().max() > 1e-3, "a test of a gradient that is zero teaches nothing"
    torch.testing.assert_close(ours, expected, atol=atol, rtol=1e-5)


def check_bound(cost, points: Tensor, slopes: Tensor) -> None:
    """Check that the matrices of single points bound the Gauss-Newton matrix of all together.

    Args:
        cost: A cost without a kernel.
        points: B K 3.
        slopes: The exact Jacobian of its residuals by all points at once, R (B K 3).
    """
    bound = torch.block_diag(*add_up([cost.pull(points)], points).full_hessian().flatten(0, 1))
    exact = slopes.flatten(1).mT @ slopes.flatten(1)
    lowest = torch.linalg.eigvalsh(bound - exact).min()
    assert lowest > -1e-7 * bound.abs().max()
    # And no looser than needed: somewhere the two agree.
    assert lowest < 1e-6 * bound.abs().max()
