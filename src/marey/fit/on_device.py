"""Independent frames in plain torch, on any device: a GPU, or the processor as a reference.

The mathematics is that of `frames`, with its costs, priors and damping. The body's tree is not
exploited: on a GPU large batches of dense matrices are what is fast. Tests compare every step with
the compiled path in float64 on the CPU, and run the equations on torch's `meta` device, which
refuses to mix devices. **No GPU was at hand: nothing here has been run on one, and its speed is not
known.**

Costs may be `Reprojection`, `RelativePoints` and `PointAnchor`; others work on the CPU alone.
"""

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.core.errors import InputError
from marey.fit.chain import Placed, Pose, place
from marey.fit.costs import PointAnchor, RelativePoints, Reprojection, RotationPrior
from marey.fit.forces import Forces, add_up
from marey.fit.frames import LmOptions, Solution
from marey.fit.learned_prior import LearnedPrior
from marey.fit.pose_prior import PosePrior, linearise
from marey.fit.pose_prior import residual as prior_residual
from marey.fit.problem import SHIFT_DAMPING, Problem
from marey.fit.tree import dense_normal

_HOPELESS = 1e9
_KNOWN = (Reprojection, RelativePoints, PointAnchor)

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class PlainState:
    """B problems at a pose, on one device."""

    pose: Pose
    placed: Placed
    forces: Forces
    loss: Float[Tensor, "B"]


def move(value: _Value, device: torch.device | str, dtype: torch.dtype) -> _Value:
    """Return a problem, a pose or any part of them on another device and in another precision.

    Indices stay on the CPU: torch takes them from there, and looking at them keeps no GPU waiting.

    Args:
        value: A dataclass, a tuple or a tensor; whatever else comes back as it is.
        device: The device.
        dtype: Of what is floating-point.
    """
    if isinstance(value, Tensor):
        moved: Any = value.to(device, dtype) if value.is_floating_point() else value
        return moved
    if isinstance(value, tuple):
        moved = tuple(move(item, device, dtype) for item in value)
        return moved
    if isinstance(value, PosePrior):
        moved = value.to(dtype, device)
        return moved
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        moved = replace(value, **{k: move(part, device, dtype) for k, part in parts.items()})
        return moved
    return value


def evaluate(problem: Problem, pose: Pose) -> PlainState:
    """Do what `Problem.evaluate` does."""
    placed = place(problem.chain, pose)
    points = placed.points
    relative = [cost for cost in problem.costs if isinstance(cost, RelativePoints)]
    if pose.shift is None or pose.shift.shape[1] != len(relative):
        first = [cost.first_shift(points) for cost in relative]
        shift = torch.stack(first, 1) if first else points.new_zeros(len(points), 0, 3)
        pose = replace(pose, shift=shift)
    assert pose.shift is not None
    pulls = [
        cost.pull(points) for cost in problem.costs if isinstance(cost, Reprojection | PointAnchor)
    ]
    pulls += [cost.pull(points, pose.shift[:, row]) for row, cost in enumerate(relative)]
    forces = add_up(pulls, points)
    loss = forces.loss + (pose.shape / problem.shape_sigma).square().sum(-1)
    if isinstance(problem.prior, LearnedPrior):
        loss = loss + prior_residual(problem.prior.prior, pose.rotation).square().sum(-1)
    else:
        loss = loss + problem.prior.loss(pose)
    return PlainState(pose, placed, forces, loss)


def normal_equations(
    problem: Problem, state: PlainState
) -> tuple[Float[Tensor, "B n n"], Float[Tensor, "B n"]]:
    """Return the Gauss-Newton equations of half the cost, columns as in the layout."""
    layout = problem.layout
    hessian, gradient = dense_normal(layout, state.placed, state.forces)
    blocks, pulls = _prior_normal(problem, state.pose)
    for joint in layout.joints:
        own = slice(int(layout.column[joint]), int(layout.column[joint]) + 3)
        hessian[:, own, own] += blocks[:, joint]
        gradient[:, own] += pulls[:, joint]
    if layout.num_shape:
        shape = slice(0, layout.num_shape)
        diagonal = hessian.diagonal(dim1=1, dim2=2)
        diagonal[:, shape] += problem.shape_sigma**-2
        gradient[:, shape] += state.pose.shape / problem.shape_sigma**2
    return hessian, gradient


def _prior_normal(
    problem: Problem, pose: Pose
) -> tuple[Float[Tensor, "B J 3 3"], Float[Tensor, "B J 3"]]:
    if isinstance(problem.prior, RotationPrior):
        return problem.prior.normal(pose)
    linear = linearise(problem.prior.prior, pose.rotation)
    rows, by_turn = linear.residual.unsqueeze(-1), linear.jacobian
    blocks = pose.rotation.new_zeros(pose.rotation.shape)
    joint = linear.row_joint.to(blocks.device)
    blocks.index_add_(1, joint, by_turn.unsqueeze(-1) * by_turn.unsqueeze(-2))
    pulls = pose.rotation.new_zeros(pose.rotation.shape[:3])
    pulls.index_add_(1, joint, by_turn * rows)
    return blocks, pulls


def solve_normal(
    problem: Problem,
    hessian: Float[Tensor, "B n n"],
    gradient: Float[Tensor, "B n"],
    damping: Float[Tensor, "B"],
) -> tuple[Float[Tensor, "B n"], Bool[Tensor, "B"]]:
    """Solve damped equations; zero where a matrix is not positive definite."""
    diagonal = damping.clamp_min(SHIFT_DAMPING).unsqueeze(1).repeat(1, hessian.shape[-1])
    diagonal[:, problem.layout.shifts] = SHIFT_DAMPING
    factor, failed = torch.linalg.cholesky_ex(hessian + torch.diag_embed(diagonal))
    sound = (failed == 0) & torch.isfinite(factor).all(-1).all(-1)
    eye = torch.eye(hessian.shape[-1], dtype=factor.dtype, device=factor.device)
    factor = torch.where(sound[:, None, None], factor, eye)
    delta = -torch.cholesky_solve(gradient.unsqueeze(-1), factor).squeeze(-1)
    return torch.where(sound.unsqueeze(1), delta, torch.zeros_like(delta)), sound


def solve_frames_on(
    device: torch.device | str,
    problem: Problem,
    start: Pose,
    options: LmOptions | None = None,
    *,
    dtype: torch.dtype = torch.float32,
) -> Solution:
    """Do what `solve_frames` does on a device; the solution comes back to the CPU.

    Args:
        device: Such as "cuda".
        problem: B problems.
        start: First poses.
        options: Iteration limits and damping.
        dtype: Precision of the work.

    Raises:
        InputError: If the problem has a cost that only the CPU knows.
    """
    options, kind = options or LmOptions(), start.translation.dtype
    problem, pose = move_problem(problem, start, device, dtype)
    state = evaluate(problem, pose)
    finite = torch.isfinite(state.loss)
    live, damping = finite.clone(), torch.full_like(state.loss, options.damping)
    for _ in range(options.iterations):
        if not bool(live.any()):
            break
        delta, sound = solve_normal(problem, *normal_equations(problem, state), damping)
        trial = evaluate(problem, problem.step(state.pose, delta))
        better = live & sound & (trial.loss < state.loss)
        gain = 1 - trial.loss / state.loss
        state = choose_states(better, trial, state)
        factor = torch.where(better, options.shrink, options.grow).to(damping)
        damping = torch.where(live, damping * factor, damping)
        live &= ~((better & (gain < options.tolerance)) | (damping > _HOPELESS))
    return Solution(move(state.pose, "cpu", kind), state.loss.to("cpu", kind), finite.cpu())


def move_problem(
    problem: Problem, start: Pose, device: torch.device | str, dtype: torch.dtype
) -> tuple[Problem, Pose]:
    """Return a problem and its start on a device.

    Raises:
        InputError: If the problem has a cost that only the CPU knows.
    """
    unknown = [type(cost).__name__ for cost in problem.costs if not isinstance(cost, _KNOWN)]
    unknown += [type(cost).__name__ for cost in problem.pose_costs]
    if unknown:
        raise InputError(
            f"{', '.join(unknown)} cannot be computed on {device}; solve this problem on the CPU"
        )
    moved = move(problem, device, dtype)
    moved.__dict__["layout"] = replace(problem.layout, chain=moved.chain)
    return moved, move(start, device, dtype)


def choose_states(better: Bool[Tensor, "B"], trial: PlainState, state: PlainState) -> PlainState:
    """Take the trial where it is better."""

    def pick(new: Tensor, old: Tensor) -> Tensor:
        return torch.where(better.view(-1, *[1] * (new.ndim - 1)), new, old)

    assert trial.pose.shift is not None and state.pose.shift is not None
    pose = Pose(
        pick(trial.pose.rotation, state.pose.rotation),
        pick(trial.pose.translation, state.pose.translation),
        pick(trial.pose.shape, state.pose.shape),
        pick(trial.pose.shift, state.pose.shift),
    )
    placed = Placed(
        pick(trial.placed.rotation, state.placed.rotation),
        pick(trial.placed.joints, state.placed.joints),
        pick(trial.placed.points, state.placed.points),
    )
    a, b = trial.forces, state.forces
    forces = Forces(
        loss=pick(a.loss, b.loss),
        gradient=pick(a.gradient, b.gradient),
        hessian=pick(a.hessian, b.hessian),
        relative=pick(a.relative, b.relative),
        group=a.group,
        shift=pick(a.shift, b.shift),
    )
    return PlainState(pose, placed, forces, pick(trial.loss, state.loss))
