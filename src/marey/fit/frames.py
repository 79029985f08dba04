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

from marey.fit.chain import Pose, step
from marey.fit.problem import Problem, spread


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
    pose, loss = start, problem.loss(start)
    finite = torch.isfinite(loss)
    damping = torch.full_like(loss, options.damping)
    live = finite.nonzero().squeeze(-1)
    for _ in range(options.iterations):
        if len(live) == 0:
            break
        part, current = problem.take(live), pose[live]
        trial, sound = _try_step(part, current, damping[live])
        trial_loss = torch.where(sound, part.loss(trial), torch.inf)
        better = trial_loss < loss[live]
        gain = 1 - trial_loss / loss[live]
        accepted = live[better]
        pose = _replace(pose, accepted, trial[better])
        loss[accepted] = trial_loss[better]
        damping[live] *= torch.where(better, options.shrink, options.grow).to(damping.dtype)
        done = (better & (gain < options.tolerance)) | (damping[live] > 1e9)
        live = live[~done]
    return Solution(pose, loss, finite)


def _try_step(
    problem: Problem, pose: Pose, damping: Float[Tensor, "B"]
) -> tuple[Pose, Bool[Tensor, "B"]]:
    hessian, gradient = problem.normal(pose)
    hessian.diagonal(dim1=1, dim2=2).add_(damping.unsqueeze(-1).clamp_min(1e-6))
    factor, failed = torch.linalg.cholesky_ex(hessian)
    delta = -torch.cholesky_solve(gradient.unsqueeze(-1), factor).squeeze(-1)
    sound = (failed == 0) & torch.isfinite(delta).all(-1)
    delta = torch.where(sound.unsqueeze(-1), delta, 0.0)
    return step(problem.chain, pose, spread(problem, delta)), sound


def _replace(pose: Pose, index: Tensor, new: Pose) -> Pose:
    return Pose(
        pose.rotation.index_copy(0, index, new.rotation),
        pose.translation.index_copy(0, index, new.translation),
        pose.shape.index_copy(0, index, new.shape),
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
    pose, loss, damping = start, problem.loss(start).sum(), 10.0
    for _ in range(iterations):
        hessian, gradient = problem.normal(pose)
        delta = _bordered_step(hessian, gradient, num_shape, damping)
        trial = step(problem.chain, pose, spread(problem, delta))
        trial_loss = problem.loss(trial).sum()
        if torch.isfinite(trial_loss) and trial_loss < loss:
            converged = bool(1 - trial_loss / loss < 1e-4)
            pose, loss, damping = trial, trial_loss, damping * 0.2
            if converged:
                break
        else:
            damping *= 8.0
    each = problem.loss(pose)
    return Solution(pose, each, torch.isfinite(each))


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
