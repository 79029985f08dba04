"""Independent frames in batches: Levenberg-Marquardt with damping and convergence per problem.

Damping is Levenberg's (lambda times the identity), not Marquardt's: with one view the directions
along the depth have a tiny diagonal and Marquardt's scaling would leave them undamped. A problem
that has converged leaves the batch; one that turns non-finite is put back and marked, and never
touches its neighbours.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.fit.chain import Pose
from marey.fit.problem import Problem, State
from marey.fit.tree import Rows

_HOPELESS = 1e9
"""Damping beyond which no step helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LmOptions:
    """How long and how carefully to iterate."""

    iterations: int = 20
    damping: float = 10.0
    """First lambda, in units of the whitened normal matrix."""
    shrink: float = 0.2
    grow: float = 8.0
    tolerance: float = 1e-3
    """A problem has converged when a step lowers its cost by less than this share."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Solved problems."""

    pose: Pose
    loss: Float[Tensor, "B"]
    finite: Bool[Tensor, "B"]
    """Whether the problem was sound; where not, the pose is the start."""


def solve_frames(problem: Problem, start: Pose, options: LmOptions | None = None) -> Solution:
    """Minimise every problem of the batch on its own.

    Args:
        problem: B problems.
        start: First poses.
        options: Iteration limits and damping.
    """
    options = options or LmOptions()
    state = problem.evaluate(start)
    pose, loss = state.pose, state.loss
    finite = torch.isfinite(loss)
    damping = torch.full_like(loss, options.damping)
    live = finite.nonzero().squeeze(-1)
    part = problem.take(live)
    normal = part.rows(state.take(live))
    for _ in range(options.iterations):
        if len(live) == 0:
            break
        delta, sound = part.solve(normal, damping[live])
        trial = part.evaluate(part.step(pose[live], delta))
        trial_loss = torch.where(sound, trial.loss, torch.inf)
        better = trial_loss < loss[live]
        gain = 1 - trial_loss / loss[live]
        taken = better.nonzero().squeeze(-1)
        pose = put_poses(pose, live[taken], trial.pose[taken])
        loss = loss.index_copy(0, live[taken], trial_loss[taken])
        damping[live] *= torch.where(better, options.shrink, options.grow).to(damping.dtype)
        done = (better & (gain < options.tolerance)) | (damping[live] > _HOPELESS)
        _refresh(problem, normal, trial, taken, live)
        if done.any():
            live, kept = live[~done], (~done).numpy()
            part, normal = problem.take(live), Rows(normal.rows[kept], normal.right[kept])
    return Solution(pose, loss, finite)


def _refresh(problem: Problem, normal: Rows, trial: State, taken: Tensor, live: Tensor) -> None:
    """Linearise anew where a step was taken; elsewhere only the damping changes."""
    if len(taken):
        new = problem.take(live[taken]).rows(trial.take(taken))
        normal.rows[taken.numpy()] = new.rows
        normal.right[taken.numpy()] = new.right


def put_poses(pose: Pose, index: Tensor, new: Pose) -> Pose:
    """Return the poses with some of them replaced."""
    assert pose.shift is not None and new.shift is not None
    return Pose(
        pose.rotation.index_copy(0, index, new.rotation),
        pose.translation.index_copy(0, index, new.translation),
        pose.shape.index_copy(0, index, new.shape),
        pose.shift.index_copy(0, index, new.shift),
    )


def solve_shared_shape(problem: Problem, start: Pose, *, iterations: int = 10) -> Solution:
    """Minimise B frames of one person who has one shape.

    The poses are eliminated from the bordered normal equations (Schur complement), which leaves
    S unknowns for the shape; the poses follow by back-substitution. The last S active columns must
    be the shape's.

    Args:
        problem: B frames whose active columns end with the shape.
        start: First poses, all with the same shape.
        iterations: Number of Gauss-Newton steps tried.
    """
    assert problem.moves_shape
    num_shape = start.shape.shape[-1]
    # The shape prior counts once, not once per frame.
    problem = replace(problem, shape_sigma=problem.shape_sigma * len(start) ** 0.5)
    state, damping = problem.evaluate(start), 10.0
    for _ in range(iterations):
        dense, loss = problem.dense(state), state.loss.sum()
        delta = _bordered_step(dense.hessian, dense.gradient, num_shape, damping)
        trial = problem.evaluate(problem.step_active(state.pose, dense, delta))
        trial_loss = trial.loss.sum()
        if torch.isfinite(trial_loss) and trial_loss < loss:
            converged = bool(1 - trial_loss / loss < 1e-4)
            state, damping = trial, damping * 0.2
            if converged:
                break
        else:
            damping *= 8.0
    return Solution(state.pose, state.loss, torch.isfinite(state.loss))


def _bordered_step(
    hessian: Float[Tensor, "B Q Q"], gradient: Float[Tensor, "B Q"], num_shape: int, damping: float
) -> Float[Tensor, "B Q"]:
    split = hessian.shape[-1] - num_shape
    own = hessian[:, :split, :split] + damping * torch.eye(split, dtype=hessian.dtype)
    border, common = hessian[:, :split, split:], hessian[:, split:, split:].sum(0)
    factor, failed = torch.linalg.cholesky_ex(own)
    sound = (failed == 0)[:, None, None]
    right = torch.cat([border, gradient[:, :split, None]], -1)
    solved = torch.where(sound, torch.cholesky_solve(right, factor), 0.0)
    schur = common - (border.transpose(1, 2) @ solved[..., :-1]).sum(0)
    schur = schur + damping * 1e-3 * torch.eye(num_shape, dtype=hessian.dtype)
    pull = gradient[:, split:].sum(0) - (border.transpose(1, 2) @ solved[..., -1:]).sum(0)[:, 0]
    shape = -torch.linalg.solve(schur, pull)
    own_step = -solved[..., -1] - solved[..., :-1] @ shape
    return torch.cat([own_step, shape.expand(len(hessian), -1)], -1)
