"""Anchors of poses: finite differences, and that a problem with one obeys it."""

from dataclasses import replace

import pytest
import torch

from marey.fit.chain import Pose, exp_so3, step
from marey.fit.costs import PointAnchor, RotationPrior
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.pose_costs import PoseAnchor
from marey.fit.problem import Problem, pose_columns
from tests.fit.differences import STEP, draw
from tests.fit.scenes import random_pose, small_chain

CHAIN = small_chain(torch.float64)
JOINTS = len(CHAIN.joints)


def anchor(kernel="none") -> PoseAnchor:
    near = random_pose(CHAIN, 3, seed=8)
    weight = 1 + draw(3, JOINTS, seed=1).abs()
    weight[:, 4] = 0.0
    return PoseAnchor(
        target_rotation=near.rotation,
        target_translation=near.translation,
        joint_weight=weight,
        root_weight=torch.tensor([2.0, 0.0, 5.0], dtype=torch.float64),
        width=1.0,
        kernel=kernel,
    )


def nudged(pose: Pose, column: int, size: float) -> Pose:
    delta = torch.zeros(len(pose), 3 * JOINTS + 3, dtype=torch.float64)
    delta[:, column] = size
    return step(CHAIN, pose, delta)


@pytest.mark.parametrize("kernel", ["none", "huber", "geman-mcclure"])
def test_gradient(kernel):
    cost, pose = anchor(kernel), random_pose(CHAIN, 3, seed=2, spread=0.5)
    normal = cost.normal(pose)
    assert normal.joint_pull is not None
    assert normal.travel_pull is not None
    ours = torch.cat([normal.joint_pull.flatten(1), normal.travel_pull], 1)
    for column in range(ours.shape[1]):
        above, below = (cost.loss(nudged(pose, column, s)) for s in (STEP, -STEP))
        torch.testing.assert_close(
            2 * ours[:, column], (above - below) / (2 * STEP), atol=1e-5, rtol=1e-5
        )


def test_blocks_are_those_of_the_residuals():
    cost, pose = anchor(), random_pose(CHAIN, 3, seed=2, spread=0.5)

    def residual(changed: Pose) -> torch.Tensor:
        turn, away = cost.residual(changed)
        return torch.cat([turn.flatten(1), away], 1)

    slopes = torch.stack(
        [
            (residual(nudged(pose, column, STEP)) - residual(nudged(pose, column, -STEP)))
            / (2 * STEP)
            for column in range(3 * JOINTS + 3)
        ],
        -1,
    )
    exact, normal = slopes.mT @ slopes, cost.normal(pose)
    assert normal.joint is not None
    assert normal.travel is not None
    blocks = [torch.block_diag(*normal.joint[row], normal.travel[row].diag()) for row in range(3)]
    torch.testing.assert_close(torch.stack(blocks), exact, atol=1e-6, rtol=1e-6)


def free_problem(costs=(), pose_costs=(), *, shape=False) -> Problem:
    table = torch.zeros(JOINTS, 3, dtype=torch.float64)
    far = torch.full_like(table, 10.0)
    prior = RotationPrior(mean=table, sigma=far + torch.inf, low=-far, high=far)
    return Problem(
        chain=CHAIN,
        costs=costs,
        prior=prior,
        pose_costs=pose_costs,
        active=pose_columns(CHAIN, shape=shape),
    )


def test_nothing_but_an_anchor_gives_the_anchor():
    given = random_pose(CHAIN, 5, seed=3)
    held = PoseAnchor(
        target_rotation=given.rotation,
        target_translation=given.translation,
        joint_weight=torch.full((5, JOINTS), 10.0, dtype=torch.float64),
        root_weight=torch.full((5,), 10.0, dtype=torch.float64),
    )
    options = LmOptions(iterations=30, damping=1e-3, tolerance=1e-12)
    solution = solve_frames(
        free_problem(pose_costs=(held,)), random_pose(CHAIN, 5, seed=4), options
    )
    torch.testing.assert_close(solution.pose.rotation, given.rotation, atol=1e-6, rtol=0)
    torch.testing.assert_close(solution.pose.translation, given.translation, atol=1e-6, rtol=0)


def test_normal_equations_with_costs_of_every_kind_agree_with_finite_differences():
    """The blocks land in the right columns whatever the layout: shape, travel, joints."""
    from tests.fit.test_limb_costs import limb_shape

    pose, lengths = limb_shape("huber")
    target = PointAnchor(
        point=torch.tensor([1, 4]),
        target=draw(3, 2, 3, seed=7),
        weight=torch.ones(3, 2, 3, dtype=torch.float64),
    )
    problem = free_problem((target,), (anchor("huber"), lengths), shape=True)
    state = problem.evaluate(pose)
    rows = torch.from_numpy(problem.rows(state).right)
    for column in range(problem.layout.num_columns):
        delta = torch.zeros_like(rows)
        delta[:, column] = STEP
        above, below = (problem.loss(problem.step(state.pose, s * delta)) for s in (1, -1))
        torch.testing.assert_close(
            rows[:, column], (above - below) / (4 * STEP), atol=1e-4, rtol=1e-5
        )
    some = problem.take(torch.tensor([2, 0]))
    torch.testing.assert_close(some.loss(pose[torch.tensor([2, 0])]), state.loss[[2, 0]])


def test_an_anchor_under_a_kernel_lets_go_of_a_joint_that_is_contradicted():
    truth = random_pose(CHAIN, 1, seed=5, spread=0.0)
    elbow = CHAIN.index("left_elbow")
    wrong = truth.rotation.clone()
    turn = torch.zeros(3, dtype=torch.float64)
    turn[1] = 1.5
    wrong[:, elbow] = wrong[:, elbow] @ exp_so3(turn)
    held = PoseAnchor(
        target_rotation=wrong,
        target_translation=truth.translation,
        joint_weight=torch.full((1, JOINTS), 10.0, dtype=torch.float64),
        root_weight=torch.full((1,), 10.0, dtype=torch.float64),
        kernel="geman-mcclure",
    )
    from marey.fit.chain import place

    points = place(CHAIN, truth).points
    seen = PointAnchor(
        point=torch.arange(len(CHAIN.points)),
        target=points,
        weight=torch.full_like(points, 50.0),
    )
    found = {}
    for kernel in ("geman-mcclure", "none"):
        problem = free_problem((seen,), (replace(held, kernel=kernel),))
        pose = solve_frames(problem, truth, LmOptions(iterations=50)).pose
        found[kernel] = float((pose.rotation[0, elbow] - truth.rotation[0, elbow]).norm())
    assert found["geman-mcclure"] < 0.1 * found["none"]
