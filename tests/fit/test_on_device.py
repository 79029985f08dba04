"""Plain torch gives what the compiled path gives, and never mixes devices."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from marey.body import load_body
from marey.core.errors import InputError
from marey.fit.chain import Pose, exp_so3, place
from marey.fit.chains import body_chain
from marey.fit.costs import PointAnchor
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.ground import Floor
from marey.fit.learned_prior import load_learned_prior
from marey.fit.on_device import (
    evaluate,
    move,
    normal_equations,
    solve_frames_on,
    solve_normal,
)
from marey.fit.problem import Problem, pose_columns
from marey.fit.sequence import SequenceOptions, solve_sequence
from marey.fit.sequence_on_device import sequence_step, solve_sequence_on
from marey.fit.tree import expand
from tests.fit.scenes import random_pose, small_chain
from tests.fit.test_solvers import free_prior, moving, observe, problem_of, smooth, standing

DOUBLE = torch.float64


def full_problem(*, shape=True):
    """A problem with every cost that knows other devices, some measurements missing."""
    chain = small_chain(DOUBLE)
    truth = random_pose(chain, 4, seed=1)
    anchor = PointAnchor(
        point=torch.tensor([1, 4]),
        target=torch.zeros(4, 2, 3, dtype=DOUBLE),
        weight=torch.full((4, 2, 3), 5.0, dtype=DOUBLE),
    )
    costs = (*observe(chain, truth), anchor)
    costs[0].weight[1, :5] = 0.0
    return Problem(
        chain=chain,
        costs=costs,
        prior=free_prior(chain),
        active=pose_columns(chain, ("left_hip", "left_elbow", "spine"), shape=shape),
    )


def learned_problem():
    chain = move(body_chain(load_body()), "cpu", DOUBLE)
    pose = random_pose(chain, 3, seed=2)
    problem = Problem(
        chain=chain,
        costs=observe(chain, pose),
        prior=move(load_learned_prior(chain.joints), "cpu", DOUBLE),
        active=pose_columns(chain),
    )
    return problem, random_pose(chain, 3, seed=5, spread=0.8)


@pytest.mark.parametrize("kind", ["all costs", "learned prior"])
def test_cost_equations_and_step_agree(kind):
    if kind == "all costs":
        problem = full_problem()
        pose = random_pose(problem.chain, 4, seed=2)
    else:
        problem, pose = learned_problem()
    state, plain = problem.evaluate(pose), evaluate(problem, pose)
    torch.testing.assert_close(plain.loss, state.loss, rtol=1e-9, atol=0)
    rows = problem.rows(state)
    hessian, gradient = normal_equations(problem, plain)
    np.testing.assert_allclose(hessian, expand(problem.layout, rows), rtol=1e-8, atol=1e-5)
    np.testing.assert_allclose(gradient, rows.right, rtol=1e-8, atol=1e-5)
    damping = torch.full((len(pose),), 3.0, dtype=DOUBLE)
    ours, sound = solve_normal(problem, hessian, gradient, damping)
    theirs, _ = problem.solve(rows, damping)
    assert sound.all()
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


def test_independent_frames_agree():
    problem = full_problem()
    start = random_pose(problem.chain, 4, seed=3, spread=0.1)
    problem.costs[0].observed[2, 3] = torch.nan
    options = LmOptions(iterations=6, tolerance=0.0)
    ours = solve_frames_on("cpu", problem, start, options, dtype=DOUBLE)
    theirs = solve_frames(problem, start, options)
    assert ours.finite.tolist() == theirs.finite.tolist() == [True, True, False, True]
    torch.testing.assert_close(ours.pose.rotation, theirs.pose.rotation, rtol=0, atol=1e-8)
    torch.testing.assert_close(ours.pose.shape, theirs.pose.shape, rtol=0, atol=1e-8)
    torch.testing.assert_close(ours.pose.rotation[2], start.rotation[2])


def test_single_precision_recovers_the_truth():
    chain = small_chain()
    truth = random_pose(chain, 16, seed=3)
    start = standing(truth)
    solution = solve_frames_on("cpu", problem_of(chain, truth), start)
    error = (place(chain, solution.pose).points - place(chain, truth).points).norm(dim=-1)
    assert error.median() < 2e-3
    assert solution.pose.rotation.dtype == torch.float32


@pytest.mark.parametrize("length", [1, 2, 3, 20])
def test_sequences_agree(length):
    chain = small_chain(DOUBLE)
    time = torch.arange(length, dtype=DOUBLE) / 30
    problem = problem_of(chain, moving(chain, time))
    start = moving(chain, time, bump=0.05)
    noise = 0.1 * torch.randn(
        length, len(chain.joints), 3, generator=torch.Generator().manual_seed(1), dtype=DOUBLE
    )
    start = Pose(start.rotation @ exp_so3(noise), start.translation, start.shape)
    held = (torch.arange(length) < 2) & (length > 2)
    if length == 20:
        problem.costs[0].observed[11] = torch.nan
    options = SequenceOptions(iterations=5, tolerance=0.0)
    arguments = {"smoothness": smooth(chain), "held": held, "options": options}
    ours = solve_sequence_on("cpu", problem, start, time, **arguments)
    theirs = solve_sequence(problem, start, time, **arguments)
    assert ours.finite.tolist() == theirs.finite.tolist()
    torch.testing.assert_close(ours.pose.rotation, theirs.pose.rotation, rtol=0, atol=1e-7)
    torch.testing.assert_close(ours.pose.translation, theirs.pose.translation, rtol=0, atol=1e-7)


@pytest.mark.parametrize("kind", ["all costs", "learned prior"])
def test_no_step_mixes_devices(kind):
    """torch's `meta` device has no numbers but refuses to be combined with the CPU."""
    if kind == "all costs":
        problem = full_problem(shape=False)
        pose = random_pose(problem.chain, 4, seed=2)
    else:
        problem, pose = learned_problem()
    layout = problem.layout
    away = move(problem, "meta", torch.float32)
    away.__dict__["layout"] = replace(layout, chain=away.chain)
    state = evaluate(away, move(pose, "meta", torch.float32))
    hessian, gradient = normal_equations(away, state)
    damping = torch.ones(len(pose), device="meta")
    delta, _ = solve_normal(away, hessian, gradient, damping)
    moved = away.step(state.pose, delta)
    assert moved.rotation.device.type == delta.device.type == "meta"
    assert moved.rotation.dtype == torch.float32
    time = torch.zeros(len(pose), device="meta")
    flags = torch.ones(len(pose), dtype=torch.bool, device="meta")
    smoothness = move(smooth(problem.chain), "meta", torch.float32)
    step = sequence_step(away, state, time, smoothness, (flags, ~flags), damping)
    assert step.shape == (len(pose), layout.num_columns)


def test_a_cost_that_only_the_processor_knows_is_refused():
    problem, pose = full_problem(), random_pose(small_chain(DOUBLE), 4, seed=2)
    floor = Floor(
        point=torch.tensor([1]),
        normal=torch.tensor([0.0, 1.0, 0.0], dtype=DOUBLE),
        height=0.0,
        radius=torch.zeros(1, dtype=DOUBLE),
        sigma=0.01,
    )
    with pytest.raises(InputError, match="Floor"):
        solve_frames_on("cpu", replace(problem, costs=(*problem.costs, floor)), pose)
