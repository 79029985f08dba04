"""Limbs: derivatives in every form, constant lengths, equal sides, shapes to measured lengths."""

from dataclasses import replace

import pytest
import torch

from marey.fit.chain import Pose, place
from marey.fit.costs import PointAnchor
from marey.fit.forces import add_up
from marey.fit.limb_costs import LimbLength, LimbSymmetry, limb_lengths, make_limb_shape
from tests.fit.differences import STEP, by_points, check_bound, check_gradient, draw
from tests.fit.scenes import random_pose, small_chain

FRAMES, POINTS = 4, 6
LIMBS = torch.tensor([[0, 1], [1, 2], [4, 5]])


def length(kernel="none", *, given=True) -> LimbLength:
    weight = 1 + draw(FRAMES, 3, seed=3).abs()
    weight[2, 1] = 0.0
    target = 1 + draw(FRAMES, 3, seed=4).abs() if given else None
    return LimbLength(limb=LIMBS, length=target, weight=weight, width=0.7, kernel=kernel)


def symmetry(kernel="none") -> LimbSymmetry:
    return LimbSymmetry(
        left=LIMBS[:2],
        right=torch.tensor([[3, 4], [4, 5]]),
        weight=1 + draw(FRAMES, 2, seed=5).abs(),
        width=0.7,
        kernel=kernel,
    )


@pytest.mark.parametrize("kernel", ["none", "huber", "geman-mcclure"])
def test_gradients(kernel):
    points = draw(FRAMES, POINTS, 3)
    check_gradient(length(kernel), points)
    check_gradient(length(kernel, given=False), points, atol=2e-4)
    check_gradient(symmetry(kernel), points)


@pytest.mark.parametrize("cost", [length(), symmetry()])
def test_rows_are_the_exact_jacobian_and_their_split_is_a_bound(cost):
    points = draw(FRAMES, POINTS, 3)
    ours = cost.rows(points).jacobian(POINTS).unflatten(0, (FRAMES, -1))
    slopes = by_points(lambda p: cost.rows(p).residual.unflatten(0, (FRAMES, -1)), points)
    torch.testing.assert_close(ours, slopes, atol=1e-7, rtol=1e-6)
    everywhere = torch.zeros(*slopes.shape[:2], FRAMES, POINTS, 3, dtype=torch.float64)
    for frame in range(FRAMES):
        everywhere[frame, :, frame] = slopes[frame]
    check_bound(cost, points, everywhere.flatten(0, 1))


def test_a_limb_without_length_has_no_direction_and_no_nan():
    points = torch.zeros(FRAMES, POINTS, 3, dtype=torch.float64)
    for cost in (length(), symmetry()):
        pull = cost.pull(points)
        assert torch.isfinite(pull.loss).all()
        assert (pull.gradient == 0).all()


def test_free_points_become_a_skeleton():
    """Noisy points of limbs of constant length, left as long as right, by plain gradient steps."""
    truth = torch.zeros(30, 4, 3, dtype=torch.float64)
    turn = torch.linspace(0, 3, 30).double()
    away = torch.stack([turn.cos(), turn.sin(), torch.zeros_like(turn)], -1)
    truth[:, 0], truth[:, 1] = 0.3 * away, 0.7 * away
    truth[:, 2], truth[:, 3] = truth[:, 0] + torch.tensor([0, 0, 0.5]), 0
    truth[:, 3] = truth[:, 2] + 0.4 * away.flip(1)
    seen = truth + 0.02 * draw(30, 4, 3)
    left, right = torch.tensor([[0, 1]]), torch.tensor([[2, 3]])
    weight = torch.full((30, 2), 500.0, dtype=torch.float64)
    costs = (
        PointAnchor(
            point=torch.arange(4), target=seen, weight=torch.full_like(seen, 50.0), kernel="huber"
        ),
        LimbLength(limb=torch.cat([left, right]), length=None, weight=weight, kernel="none"),
        LimbSymmetry(left=left, right=right, weight=weight[:, :1], kernel="none"),
    )
    points = seen
    for _ in range(200):
        forces = add_up([cost.pull(points) for cost in costs], points)
        # The matrices are a bound, so that whole Newton steps point by point always descend.
        step = torch.linalg.solve(forces.full_hessian(), forces.gradient.unsqueeze(-1)).squeeze(-1)
        points = points - step
    before, after = (limb_lengths(p, torch.cat([left, right]))[0] for p in (seen, points))
    assert after.std(0).max() < 0.1 * before.std(0).max()
    assert (after[:, 0] - after[:, 1]).abs().max() < 2e-3
    assert (points - truth).norm(dim=-1).mean() < (seen - truth).norm(dim=-1).mean()


CHAIN = small_chain(torch.float64)


def limb_shape(kernel="none"):
    pose = random_pose(CHAIN, 3, seed=1)
    joints = ("left_knee", "right_elbow", "spine")
    lengths = 0.3 + 0.1 * draw(3, 3, seed=2).abs()
    weight = 30 + 20 * draw(3, 3, seed=3).abs()
    return pose, make_limb_shape(CHAIN, joints, lengths, weight, kernel=kernel, width=1.0)


@pytest.mark.parametrize("kernel", ["none", "huber", "geman-mcclure"])
def test_the_shape_block(kernel):
    pose, cost = limb_shape(kernel)

    def at(index: int, size: float) -> Pose:
        nudge = torch.zeros_like(pose.shape)
        nudge[:, index] = size
        return replace(pose, shape=pose.shape + nudge)

    normal = cost.normal(pose)
    assert normal.shape is not None
    assert normal.shape_pull is not None
    for index in range(2):
        above, below = at(index, STEP), at(index, -STEP)
        slope = (cost.loss(above) - cost.loss(below)) / (2 * STEP)
        torch.testing.assert_close(2 * normal.shape_pull[:, index], slope, atol=1e-5, rtol=1e-5)
    if kernel == "none":
        slopes = torch.stack(
            [
                (cost.residual(at(i, STEP)) - cost.residual(at(i, -STEP))) / (2 * STEP)
                for i in (0, 1)
            ],
            -1,
        )
        torch.testing.assert_close(normal.shape, slopes.mT @ slopes, atol=1e-5, rtol=1e-5)


def test_a_bone_of_the_shape_is_as_long_as_in_any_pose():
    pose, cost = limb_shape()
    knee = [CHAIN.points.index("left_hip"), CHAIN.points.index("left_knee")]
    posed = limb_lengths(place(CHAIN, pose).points, torch.tensor([knee]))[0][:, 0]
    residual = replace(cost, length=torch.zeros(3, 3).double()).residual(pose)
    torch.testing.assert_close(residual[:, 0] / cost.weight[:, 0], posed)
