"""Every cost against finite differences in float64: its matrix where it is quadratic, its gradient
where a robust kernel, a limit or the near plane is at work."""

from dataclasses import replace

import pytest
import torch

from marey.fit.chain import Pose, exp_so3, log_so3, step
from marey.fit.costs import (
    PointAnchor,
    RelativePoints,
    Reprojection,
    RotationPrior,
    right_jacobian_inverse,
)
from marey.fit.forces import add_up
from marey.fit.kernels import (
    geman_mcclure,
    geman_mcclure_weight,
    huber,
    huber_weight,
    pseudo_huber,
    pseudo_huber_weight,
)
from tests.fit.scenes import random_pose, small_chain

STEP = 1e-6
CHAIN = small_chain(torch.float64)
NUM_POINTS, NUM_COLUMNS = len(CHAIN.points), 3 * len(CHAIN.joints) + 3


def draw(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def reprojection(width: float = 4.0) -> Reprojection:
    weight = 0.2 + draw(3, NUM_POINTS, seed=1).abs()
    weight[0, 2] = 0.0
    centre = torch.tensor([640.0, 360.0], dtype=torch.float64)
    observed = centre + 150 * draw(3, NUM_POINTS, 2)
    return Reprojection(observed=observed, weight=weight, focal=900.0, centre=centre, width=width)


def relative(width: float = 4.0) -> RelativePoints:
    point = torch.tensor([0, 3, 4, 7, 11])
    weight = 5 + draw(3, 5, 3, seed=2).abs()
    weight[1, 3] = 0.0
    return RelativePoints(point=point, observed=draw(3, 5, 3), weight=weight, width=width)


def anchor() -> PointAnchor:
    weight = draw(3, 2, 3, seed=3).abs()
    return PointAnchor(point=torch.tensor([1, 4]), target=draw(3, 2, 3), weight=weight)


def nudged(pose: Pose, column: int, size: float) -> Pose:
    delta = torch.zeros(len(pose), NUM_COLUMNS, dtype=torch.float64)
    delta[:, column] = size
    return step(CHAIN, pose, delta)


def differences(function, pose: Pose) -> torch.Tensor:
    """Central differences of a function of the pose by every column."""
    columns = [
        (function(nudged(pose, column, STEP)) - function(nudged(pose, column, -STEP))) / (2 * STEP)
        for column in range(NUM_COLUMNS)
    ]
    return torch.stack(columns, -1)


def drawn_points(seed: int = 6, *, distance: float = 4.0) -> torch.Tensor:
    return draw(3, NUM_POINTS, 3, seed=seed) + torch.tensor([0.0, 0.0, distance])


SHIFT = draw(3, 3, seed=7)


def pull_of(cost, points: torch.Tensor):
    return cost.pull(points, SHIFT) if isinstance(cost, RelativePoints) else cost.pull(points)


def residual_of(cost, points: torch.Tensor) -> torch.Tensor:
    if isinstance(cost, RelativePoints):
        return cost.residual(points, SHIFT)
    return cost.residual(points)


def by_points(function, points: torch.Tensor) -> torch.Tensor:
    """Central differences of a function of the points by every coordinate, last axes K 3."""
    slopes = []
    for k in range(NUM_POINTS):
        for axis in range(3):
            nudge = torch.zeros_like(points)
            nudge[:, k, axis] = STEP
            slopes.append((function(points + nudge) - function(points - nudge)) / (2 * STEP))
    return torch.stack(slopes, -1).unflatten(-1, (NUM_POINTS, 3))


def forces_of(cost, points: torch.Tensor):
    return add_up([pull_of(cost, points)], points)


@pytest.mark.parametrize("cost", [reprojection(1e9), relative(1e9), anchor()])
def test_without_a_kernel_the_matrix_is_that_of_the_residuals(cost):
    points = drawn_points()
    slopes = by_points(lambda changed: residual_of(cost, changed).flatten(1), points)
    expected = torch.einsum("brki,brkj->bkij", slopes, slopes)
    # Residuals reach 1e3, so central differences are good to 1e3 * (STEP^2 + eps / STEP).
    torch.testing.assert_close(
        forces_of(cost, points).full_hessian(), expected, atol=1e-3, rtol=1e-6
    )


def gradient_is_the_derivative_of_the_loss(cost, points: torch.Tensor) -> None:
    expected = by_points(lambda changed: pull_of(cost, changed).loss, points)
    ours = 2 * forces_of(cost, points).gradient
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kernel", ["none", "huber", "geman-mcclure"])
@pytest.mark.parametrize("cost", [reprojection(), reprojection(0.5), relative(), anchor()])
def test_gradients_with_a_kernel(cost, kernel):
    # Residuals lie on both sides of a kernel's width.
    width = 0.5 if isinstance(cost, PointAnchor) else cost.width
    gradient_is_the_derivative_of_the_loss(
        replace(cost, kernel=kernel, width=width), drawn_points()
    )


@pytest.mark.parametrize("distance", [-1.0, 0.1])
def test_gradient_of_points_behind_the_camera(distance):
    points = drawn_points(distance=distance)
    assert (points[..., 2] < 0.1).any(), "some points must lie behind"
    gradient_is_the_derivative_of_the_loss(reprojection(1e4), points)


def test_gradient_by_the_shift_of_a_group():
    cost, points = relative(), drawn_points()
    for axis in range(3):
        nudge = STEP * torch.eye(3, dtype=torch.float64)[axis]
        above, below = (cost.pull(points, SHIFT + s * nudge).loss for s in (1, -1))
        ours = 2 * forces_of(cost, points).shift[:, 0, axis]
        torch.testing.assert_close(ours, (above - below) / (2 * STEP), atol=1e-5, rtol=1e-5)


def test_the_first_shift_is_the_best_one_without_a_kernel():
    cost, points = relative(1e9), drawn_points()
    pull = cost.pull(points, cost.first_shift(points))
    torch.testing.assert_close(pull.gradient.sum(1), torch.zeros(3, 3).double(), atol=1e-9, rtol=0)


def test_a_missing_point_counts_for_nothing():
    points = drawn_points()
    for cost in (reprojection(), relative()):
        weight = cost.weight.clone()
        weight[:, 1] = 0.0
        blind = replace(cost, weight=weight)
        moved = replace(blind, observed=blind.observed.clone())
        moved.observed[:, 1] += 1e3
        with_it, without, elsewhere = (pull_of(c, points) for c in (cost, blind, moved))
        torch.testing.assert_close(elsewhere.loss, without.loss, rtol=0, atol=1e-9)
        assert (elsewhere.gradient[:, 1] == 0).all()
        assert (elsewhere.hessian[:, 1] == 0).all()
        assert (with_it.loss > without.loss).all()


def test_a_point_is_in_one_relative_group_only():
    points = drawn_points()
    with pytest.raises(AssertionError, match="one relative group"):
        add_up([pull_of(relative(), points), pull_of(relative(), points)], points)


def prior() -> RotationPrior:
    shape = (len(CHAIN.joints), 3)
    sigma = 0.3 + draw(*shape, seed=4).abs()
    sigma[0] = torch.inf
    wide = torch.full(shape, 0.25, dtype=torch.float64)
    return RotationPrior(mean=0.2 * draw(*shape, seed=5), sigma=sigma, low=-wide, high=wide)


def test_gradient_of_the_rotation_prior_inside_and_beyond_its_limits():
    pose = random_pose(CHAIN, 3, seed=2, spread=0.5)
    vector = log_so3(pose.rotation)
    assert (vector.abs() > 0.25).any(), "some rotations must be beyond a limit"
    assert (vector.abs() < 0.25).any(), "and some within"
    _, pull = prior().normal(pose)
    expected = differences(prior().loss, pose)
    torch.testing.assert_close(2 * pull.flatten(1), expected[:, :-3], atol=1e-5, rtol=1e-5)
    assert (expected[:, -3:] == 0).all()


def test_normal_blocks_of_the_rotation_prior_are_those_of_its_residuals():
    pose = random_pose(CHAIN, 2, seed=3, spread=0.1)
    wide = torch.full((len(CHAIN.joints), 3), 10.0, dtype=torch.float64)
    free = replace(prior(), low=-wide, high=wide)
    near = differences(lambda changed: (log_so3(changed.rotation) / free.sigma).flatten(1), pose)
    expected = near.mT @ near
    blocks, _ = free.normal(pose)
    for joint in range(len(CHAIN.joints)):
        own = slice(3 * joint, 3 * joint + 3)
        torch.testing.assert_close(blocks[:, joint], expected[:, own, own], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("angle", [1e-7, 1e-3, 0.0099, 0.011, 1.0, 3.0, 3.14])
def test_inverse_right_jacobian(angle):
    axis = torch.tensor([0.6, -0.48, 0.64], dtype=torch.float64)
    vector = angle * axis
    columns = []
    for unit in torch.eye(3, dtype=torch.float64):
        plus, minus = (log_so3(exp_so3(vector) @ exp_so3(s * unit)) for s in (STEP, -STEP))
        columns.append((plus - minus) / (2 * STEP))
    expected = torch.stack(columns, -1)
    # `log` of a rotation near half a turn is itself good to a few 1e-9 only.
    torch.testing.assert_close(right_jacobian_inverse(vector), expected, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize(
    ("kernel", "weight"),
    [
        (geman_mcclure, geman_mcclure_weight),
        (pseudo_huber, pseudo_huber_weight),
        (huber, huber_weight),
    ],
)
def test_kernels_are_quadratic_near_zero_and_their_weights_are_derivatives(kernel, weight):
    squared = torch.tensor([1e-4, 0.5, 8.9, 9.1, 300.0], dtype=torch.float64)
    expected = (kernel(squared + STEP, 3.0) - kernel(squared - STEP, 3.0)) / (2 * STEP)
    torch.testing.assert_close(weight(squared, 3.0), expected, atol=1e-8, rtol=1e-6)
    zero = torch.zeros(1, dtype=torch.float64)
    assert kernel(zero, 3.0) == 0
    assert weight(zero, 3.0) == 1


def test_geman_mcclure_saturates_even_where_a_square_overflows():
    squared = torch.tensor([1e30, torch.inf])
    torch.testing.assert_close(geman_mcclure(squared, 4.0), torch.full((2,), 16.0))
    assert torch.isnan(geman_mcclure(torch.tensor(torch.nan), 4.0))
