"""Standard deviations agree with the curvature of the cost; what nothing decides is infinite."""

from dataclasses import replace

import pytest
import torch

from marey.fit.chain import Pose, log_so3
from marey.fit.problem import Problem, pose_columns
from marey.fit.uncertainty import joint_sigmas
from tests.fit.scenes import random_pose, small_chain
from tests.fit.test_solvers import free_prior, observe

JOINTS = ("left_elbow", "spine", "left_shoulder")


def problem_at(truth: Pose, chain) -> Problem:
    return Problem(
        chain=chain,
        costs=observe(chain, truth),
        prior=free_prior(chain, sigma=3.0),
        active=pose_columns(chain, JOINTS, root=False),
    )


def test_they_are_the_inverse_curvature_of_the_cost():
    """Oracle: second differences of half the cost, by every column, shifts of groups included."""
    chain = small_chain(torch.float64)
    truth = random_pose(chain, 1, seed=1)
    problem = problem_at(truth, chain)
    # With every residual at zero Gauss and Newton agree.
    problem = replace(problem, prior=replace(problem.prior, mean=log_so3(truth.rotation)[0]))
    pose = problem.evaluate(truth).pose
    n, size = problem.layout.num_columns, 1e-4
    steps = size * torch.eye(n, dtype=torch.float64)

    def half(delta):
        return problem.loss(problem.step(pose, delta[None])) / 2

    curvature = torch.zeros(1, n, n, dtype=torch.float64)
    for i in range(n):
        for j in range(n):
            corners = [s * steps[i] + t * steps[j] for s in (1, -1) for t in (1, -1)]
            a, b, c, d = (half(corner) for corner in corners)
            curvature[:, i, j] = (a - b - c + d) / (4 * size**2)
    expected = torch.linalg.inv(curvature).diagonal(dim1=1, dim2=2).sqrt()
    found = joint_sigmas(problem, truth)
    for joint in problem.layout.joints:
        first = int(problem.layout.column[joint])
        torch.testing.assert_close(
            found[:, joint], expected[:, first : first + 3], rtol=2e-3, atol=0
        )
    still = [row for row in range(len(chain.joints)) if row not in problem.layout.joints]
    assert torch.isnan(found[:, still]).all()


@pytest.mark.parametrize("spoilt", ["nan", "nothing"])
def test_one_problem_does_not_touch_its_neighbours(spoilt):
    chain = small_chain()
    truth = random_pose(chain, 3, seed=2)
    clean = joint_sigmas(problem_at(truth, chain), truth)
    problem = problem_at(truth, chain)
    if spoilt == "nan":
        problem.costs[0].observed[1] = torch.nan
    else:
        for cost in problem.costs:
            cost.weight[1] = 0.0
    found = joint_sigmas(problem, truth)
    torch.testing.assert_close(found[[0, 2]], clean[[0, 2]], equal_nan=True)
    rows = [chain.index(name) for name in JOINTS]
    if spoilt == "nan":
        assert torch.isnan(found[1]).all()
    else:
        # Only the prior is left, of the rotation vector and so not quite of the turn.
        torch.testing.assert_close(found[1, rows], torch.full((3, 3), 3.0), rtol=3e-2, atol=0)
