"""The solvers recover known poses, leave bad neighbours alone and agree with plain algebra."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from marey.fit.chain import Pose, exp_so3, log_so3, place, step
from marey.fit.costs import PointAnchor, RelativePoints, Reprojection, RotationPrior
from marey.fit.frames import LmOptions, _bordered_step, solve_frames, solve_shared_shape
from marey.fit.problem import Problem, pose_columns
from marey.fit.sequence import (
    Coupling,
    SequenceOptions,
    Smoothness,
    solve_sequence,
    whiten_accelerations,
)
from tests.fit.scenes import random_pose, small_chain

FOCAL, CENTRE = 1000.0, (640.0, 360.0)


def free_prior(chain, sigma=1.0):
    shape = (len(chain.joints), 3)
    dtype = chain.template.dtype
    spread_ = torch.full(shape, sigma, dtype=dtype)
    spread_[0] = torch.inf
    wide = torch.full(shape, 10.0, dtype=dtype)
    return RotationPrior(mean=torch.zeros(shape, dtype=dtype), sigma=spread_, low=-wide, high=wide)


def observe(chain, pose, *, relative_sigma=0.02):
    points = place(chain, pose).points
    centre = torch.tensor(CENTRE, dtype=points.dtype)
    image = points[..., :2] / points[..., 2:] * FOCAL + centre
    return (
        Reprojection(
            observed=image, weight=torch.ones(image.shape[:2]).to(image), focal=FOCAL, centre=centre
        ),
        RelativePoints(
            point=torch.arange(points.shape[1]),
            observed=points - points[:, :1],
            weight=torch.full_like(points, 1 / relative_sigma),
        ),
    )


def problem_of(chain, truth, *, shape=False):
    return Problem(
        chain=chain,
        costs=observe(chain, truth),
        prior=free_prior(chain, sigma=3.0),
        active=pose_columns(chain, shape=shape),
    )


def standing(truth):
    start = random_pose(small_chain(truth.shape.dtype), len(truth), seed=9, spread=0.0)
    return Pose(start.rotation, truth.translation + 0.2, truth.shape)


def test_normal_equations_agree_with_finite_differences():
    chain = small_chain(torch.float64)
    truth, pose = random_pose(chain, 3, seed=1), random_pose(chain, 3, seed=2)
    anchor = PointAnchor(
        point=torch.tensor([1, 4]),
        target=torch.zeros(3, 2, 3, dtype=torch.float64),
        weight=torch.full((3, 2, 3), 5.0, dtype=torch.float64),
    )
    prior = RotationPrior(
        mean=torch.full((10, 3), 0.1, dtype=torch.float64),
        sigma=torch.full((10, 3), 0.5, dtype=torch.float64),
        low=torch.full((10, 3), -0.2, dtype=torch.float64),
        high=torch.full((10, 3), 0.2, dtype=torch.float64),
    )
    problem = Problem(
        chain=chain,
        costs=(*observe(chain, truth), anchor),
        prior=prior,
        active=pose_columns(chain, shape=True),
    )
    state = problem.evaluate(pose)
    gradient = torch.from_numpy(problem.rows(state).right)
    for column in range(problem.layout.num_columns):
        delta = torch.zeros_like(gradient)
        delta[:, column] = 1e-6
        above = problem.loss(problem.step(state.pose, delta))
        below = problem.loss(problem.step(state.pose, -delta))
        # The loss is a sum of squares, so its derivative is twice J^T r.
        expected = (above - below) / 2e-6 / 2
        torch.testing.assert_close(gradient[:, column], expected, rtol=1e-5, atol=1e-3)


def test_independent_frames_recover_the_truth():
    chain = small_chain()
    truth = random_pose(chain, 32, seed=3)
    solution = solve_frames(problem_of(chain, truth), standing(truth))
    error = (place(chain, solution.pose).points - place(chain, truth).points).norm(dim=-1)
    # Noise-free data, a wide prior: what remains is the pull of the prior.
    assert error.median() < 2e-3
    assert error.mean(1).quantile(0.95) < 5e-3


def test_a_nan_never_touches_its_neighbours():
    chain = small_chain()
    truth = random_pose(chain, 6, seed=4)
    clean = solve_frames(problem_of(chain, truth), standing(truth))
    problem = problem_of(chain, truth)
    problem.costs[0].observed[2, 3] = torch.nan
    dirty = solve_frames(problem, standing(truth))
    others = torch.tensor([0, 1, 3, 4, 5])
    assert not dirty.finite[2]
    assert torch.equal(dirty.pose.rotation[2], standing(truth).rotation[2])
    torch.testing.assert_close(
        dirty.pose.rotation[others], clean.pose.rotation[others], atol=1e-4, rtol=0
    )


def test_shared_shape_is_recovered():
    chain = small_chain()
    truth = random_pose(chain, 12, seed=5)
    start = standing(truth)
    start = Pose(start.rotation, start.translation, torch.zeros_like(start.shape))
    first = solve_frames(problem_of(chain, truth), start).pose
    solution = solve_shared_shape(problem_of(chain, truth, shape=True), first, iterations=20)
    assert torch.equal(solution.pose.shape[0], solution.pose.shape[-1])
    torch.testing.assert_close(solution.pose.shape, truth.shape, atol=0.08, rtol=0)


def moving(chain, time, *, bump=0.0):
    """A body whose left elbow and root turn at a constant rate and which drifts sideways."""
    pose = random_pose(chain, 1, seed=6, spread=0.1)
    vector = torch.zeros(len(time), len(chain.joints), 3, dtype=chain.template.dtype)
    vector[:, 0, 1] = time
    vector[:, chain.index("left_elbow"), 1] = -1.5 * time
    rotation = pose.rotation @ exp_so3(vector)
    translation = pose.translation + time[:, None] * torch.tensor([0.4, 0.0, 0.0]).to(vector)
    return Pose(rotation, translation + bump, pose.shape.expand(len(time), -1))


def smooth(chain):
    return Smoothness(joint_sigma=torch.full((len(chain.joints),), 30.0).to(chain.template))


def test_uniform_motion_costs_nothing_and_survives():
    chain = small_chain()
    time = torch.arange(30, dtype=torch.float64) / 30
    truth = moving(chain, time.float())
    solution = solve_sequence(problem_of(chain, truth), truth, time, smoothness=smooth(chain))
    error = (place(chain, solution.pose).points - place(chain, truth).points).norm(dim=-1)
    assert error.max() < 2e-3


def test_smoothing_reduces_noise():
    chain = small_chain()
    time = torch.arange(60, dtype=torch.float64) / 30
    truth = moving(chain, time.float())
    problem = problem_of(chain, truth)
    generator = torch.Generator().manual_seed(0)
    for cost in problem.costs:
        noise = torch.randn(cost.observed.shape, generator=generator)
        cost.observed.add_(noise / cost.weight.reshape(*cost.observed.shape[:2], -1))
    single = solve_frames(problem, truth).pose
    joined = solve_sequence(problem, single, time, smoothness=smooth(chain)).pose

    def error(pose):
        return (place(chain, pose).points - place(chain, truth).points).norm(dim=-1).mean()

    assert error(joined) < 0.7 * error(single)


def test_a_gap_is_bridged_at_constant_speed():
    chain = small_chain()
    time = torch.arange(30, dtype=torch.float64) / 30
    truth = moving(chain, time.float())
    problem = problem_of(chain, truth)
    for cost in problem.costs:
        cost.weight[10:18] = 0
    start = Pose(truth.rotation.clone(), truth.translation.clone(), truth.shape)
    start.translation[10:18] = truth.translation[9]
    options = SequenceOptions(iterations=30, tolerance=1e-6)
    solution = solve_sequence(problem, start, time, smoothness=smooth(chain), options=options)
    error = (solution.pose.translation - truth.translation).norm(dim=-1)
    assert error.max() < 0.02


def test_held_frames_stay():
    chain = small_chain()
    time = torch.arange(12, dtype=torch.float64) / 30
    truth = moving(chain, time.float())
    held = torch.zeros(12, dtype=torch.bool)
    held[:2] = True
    start = moving(chain, time.float(), bump=0.05)
    solution = solve_sequence(
        problem_of(chain, truth), start, time, smoothness=smooth(chain), held=held
    )
    torch.testing.assert_close(
        solution.pose.translation[:2], start.translation[:2], atol=1e-5, rtol=0
    )
    assert (solution.pose.translation[8:] - truth.translation[8:]).abs().max() < 0.03


def test_limits_hold_a_joint_back():
    chain = small_chain()
    prior = free_prior(chain)
    elbow = chain.index("left_elbow")
    prior.high[elbow, 1] = 0.1
    vector = torch.zeros(1, len(chain.joints), 3)
    vector[0, elbow, 1] = 0.5
    pose = random_pose(chain, 1, seed=0, spread=0.0)
    bent = Pose(pose.rotation @ exp_so3(vector), pose.translation, pose.shape)
    inside, outside = prior.loss(pose), prior.loss(bent)
    assert outside > inside + (0.4 / prior.limit_sigma) ** 2 - 1
    np.testing.assert_allclose(log_so3(bent.rotation)[0, elbow, 1], 0.5, atol=1e-6)


def test_iterations_are_bounded():
    chain = small_chain()
    truth = random_pose(chain, 4, seed=8)
    start = standing(truth)
    solution = solve_frames(problem_of(chain, truth), start, LmOptions(iterations=0))
    assert torch.equal(solution.pose.rotation, start.rotation)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_the_shortest_sequences(length):
    chain = small_chain()
    time = torch.arange(length, dtype=torch.float64) / 30
    truth = moving(chain, time.float())
    start = moving(chain, time.float(), bump=0.05)
    solution = solve_sequence(problem_of(chain, truth), start, time, smoothness=smooth(chain))
    assert (solution.pose.translation - truth.translation).abs().max() < 5e-3


def test_a_clock_that_stands_still_or_jumps_does_no_harm():
    chain = small_chain()
    time = torch.arange(20, dtype=torch.float64) / 30
    time[8] = time[7]
    time[12:] += 0.4
    truth = moving(chain, time.float())
    problem = problem_of(chain, truth)
    start = Pose(truth.rotation, truth.translation + 0.02, truth.shape)
    solution = solve_sequence(problem, start, time, smoothness=smooth(chain))
    assert (place(chain, solution.pose).points - place(chain, truth).points).norm(
        dim=-1
    ).max() < 0.01


def test_held_frames_stay_even_next_to_a_clock_that_stands_still():
    chain = small_chain()
    time = torch.arange(12, dtype=torch.float64) / 30
    time[2] = time[1]
    truth = moving(chain, time.float())
    start = moving(chain, time.float(), bump=0.05)
    held = torch.arange(12) < 2
    solution = solve_sequence(
        problem_of(chain, truth), start, time, smoothness=smooth(chain), held=held
    )
    assert torch.equal(solution.pose.translation[:2], start.translation[:2])


def test_an_indefinite_matrix_is_damped_and_not_raised():
    chain = small_chain()
    time = torch.arange(8, dtype=torch.float64) / 30
    truth = moving(chain, time.float())
    problem = problem_of(chain, truth)
    start = moving(chain, time.float(), bump=0.05)
    options = SequenceOptions(iterations=30, damping=-1e5)
    hopeless = solve_sequence(problem, start, time, smoothness=smooth(chain), options=options)
    assert torch.equal(hopeless.pose.translation, start.translation)


def test_a_frame_that_is_not_finite_is_marked_and_bridged():
    chain = small_chain()
    time = torch.arange(30, dtype=torch.float64) / 30
    truth = moving(chain, time.float())
    start = moving(chain, time.float(), bump=0.02)
    spoilt, unseen = problem_of(chain, truth), problem_of(chain, truth)
    spoilt.costs[0].observed[13, 2] = torch.nan
    for cost in unseen.costs:
        cost.weight[13] = 0.0
    found = solve_sequence(spoilt, start, time, smoothness=smooth(chain))
    expected = solve_sequence(unseen, start, time, smoothness=smooth(chain))
    assert found.finite.tolist() == [frame != 13 for frame in range(30)]
    assert torch.isfinite(found.pose.rotation).all()
    # But for the prior, which an unseen frame still has.
    torch.testing.assert_close(found.pose.translation, expected.pose.translation, atol=1e-3, rtol=0)


@pytest.mark.parametrize("hold", [None, 0, 2, 5])
def test_the_band_holds_the_whole_system(hold):
    """One banded step equals the dense solution of the same normal equations."""
    chain = small_chain()
    time = torch.cumsum(torch.tensor([0.0, 0.03, 0.05, 0.03, 0.02, 0.04]), 0).double()
    truth, pose = moving(chain, time.float()), random_pose(chain, 6, seed=3, spread=0.2)
    problem, smoothness = problem_of(chain, truth), smooth(chain)
    coupling = Coupling(problem.layout, time, smoothness)
    held = np.arange(6) == hold
    state = problem.evaluate(pose)
    bend = coupling.measure(pose)
    ours = coupling.step(problem.rows(state), bend, held, np.full(6, 0.5))
    assert ours is not None
    system = problem.dense(state)
    hessian, gradient = system.hessian, system.gradient
    width = gradient.shape[1]
    dense = torch.block_diag(*hessian.double()) + 0.5 * torch.eye(6 * width).double()
    right = gradient.double().flatten()
    precision, pull = in_pose_order(coupling, bend)
    for row in range(4):
        for column in range(width):
            # One row of the Jacobian: the second difference over three frames.
            stencil = torch.zeros(6 * width, dtype=torch.float64)
            before, after = coupling.before[row, 0], coupling.after[row, 0]
            for frame, value in enumerate((before, -(before + after), after)):
                stencil[(row + frame) * width + column] = value
            dense += precision[row, column] * torch.outer(stencil, stencil)
            right += pull[row, column] * stencil
    free = torch.from_numpy(np.repeat(~held, width)).nonzero().squeeze(-1)
    expected = torch.zeros_like(right)
    expected[free] = -torch.linalg.solve(dense[free][:, free], right[free])
    wanted = problem.step_active(state.pose, system, expected.reshape(6, width).float())
    found = problem.step(state.pose, ours)
    torch.testing.assert_close(found.rotation, wanted.rotation, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.translation, wanted.translation, atol=1e-5, rtol=0)
    assert found.shift is not None
    torch.testing.assert_close(found.shift, wanted.shift, atol=1e-5, rtol=0)


def in_pose_order(coupling, bend):
    """What the coupling says of each column, joints first and then the root's travel."""
    order = np.argsort(3 * coupling.part + coupling.axis)
    return tuple(torch.from_numpy(rows[:, order]) for rows in coupling.rows(bend))


def test_accelerations_agree_with_their_plain_form():
    chain = small_chain()
    time = torch.cumsum(torch.tensor([0.0, 0.03, 0.05, 0.03, 0.02, 0.0]), 0).double()
    pose, smoothness = random_pose(chain, 6, seed=3, spread=0.6), smooth(chain)
    bend = Coupling(problem_of(chain, pose).layout, time, smoothness).measure(pose)
    double = Pose(pose.rotation.double(), pose.translation.double(), pose.shape.double())
    plain = whiten_accelerations(double, time, smoothness)
    np.testing.assert_allclose(bend.whitened, plain, rtol=1e-5, atol=1e-4)
    squared = plain.square().sum(-1)
    root = (1 + squared / 9).sqrt()
    np.testing.assert_allclose(bend.loss[1:-1], 18 * (root - 1).sum(1), rtol=1e-6)
    assert bend.loss[0] == bend.loss[-1] == 0
    np.testing.assert_allclose(bend.weight, 1 / root, rtol=1e-5)


def test_the_coupling_pulls_along_the_gradient_of_its_loss():
    """Exact for the root's travel, which is linear; rotations use small increments."""
    chain = small_chain(torch.float64)
    time = torch.cumsum(torch.tensor([0.0, 0.03, 0.05, 0.03, 0.02]), 0).double()
    pose = random_pose(chain, 5, seed=4, spread=0.0)
    problem = problem_of(chain, pose)
    coupling = Coupling(problem.layout, time, smooth(chain))
    _, pull = in_pose_order(coupling, coupling.measure(pose))
    for axis in range(3):
        column = 3 * len(chain.joints) + axis
        slope = torch.zeros(5, dtype=torch.float64)
        for row in range(3):
            before, after = coupling.before[row, 0], coupling.after[row, 0]
            for frame, value in enumerate((before, -(before + after), after)):
                slope[row + frame] += pull[row, column] * value
        for frame in range(5):
            delta = torch.zeros(5, 3 * len(chain.joints) + 3, dtype=torch.float64)
            delta[frame, column] = 1e-6
            above, below = (
                coupling.measure(step(chain, pose, d)).loss.sum() for d in (delta, -delta)
            )
            np.testing.assert_allclose(
                slope[frame] * 2, (above - below) / 2e-6, rtol=1e-5, atol=1e-3
            )


def test_shared_shape_agrees_with_solving_everything_at_once():
    """The Schur complement is algebra: one step equals the dense bordered system's."""
    chain = small_chain(torch.float64)
    truth = random_pose(chain, 4, seed=5)
    problem = problem_of(chain, truth, shape=True)
    system = problem.dense(problem.evaluate(standing(truth)))
    hessian, gradient = system.hessian, system.gradient
    num_shape, split = 2, hessian.shape[-1] - 2
    dense = torch.block_diag(*hessian[:, :split, :split], hessian[:, split:, split:].sum(0))
    for frame in range(4):
        own = slice(frame * split, (frame + 1) * split)
        dense[own, -num_shape:] = hessian[frame, :split, split:]
        dense[-num_shape:, own] = hessian[frame, split:, :split]
    damping = torch.full((len(dense),), 2.0, dtype=torch.float64)
    damping[-num_shape:] = 2e-3
    right = torch.cat([gradient[:, :split].flatten(), gradient[:, split:].sum(0)])
    expected = -torch.linalg.solve(dense + damping.diag(), right)
    ours = _bordered_step(hessian, gradient, num_shape, 2.0)
    torch.testing.assert_close(ours[:, :split].flatten(), expected[:-num_shape])
    torch.testing.assert_close(ours[0, split:], expected[-num_shape:])


def test_only_active_columns_move():
    chain = small_chain()
    truth = random_pose(chain, 4, seed=8)
    active = pose_columns(chain, ("left_elbow", "spine"), root=False)
    problem = replace(problem_of(chain, truth), active=active)
    start = standing(truth)
    pose = solve_frames(problem, start).pose
    moved = (pose.rotation != start.rotation).flatten(2).any(-1).any(0)
    assert [chain.joints[int(row)] for row in moved.nonzero()] == ["spine", "left_elbow"]
    assert torch.equal(pose.translation, start.translation)
    assert problem.loss(pose).sum() < problem.loss(start).sum()
