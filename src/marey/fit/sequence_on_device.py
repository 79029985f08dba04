"""Sequences in plain torch, on any device: the block elimination of `_sequence_numba`, written out.

Frames are eliminated one after the other, so a single sequence keeps a GPU waiting; the use is the
reference, and problems whose other parts live on the device already. Not run on a GPU, as
`on_device` says.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.fit.chain import Pose
from marey.fit.frames import Solution
from marey.fit.kernels import pseudo_huber, pseudo_huber_weight
from marey.fit.on_device import PlainState, evaluate, move, move_problem, normal_equations
from marey.fit.problem import SHIFT_DAMPING, Problem
from marey.fit.sequence import (
    SHORTEST,
    SequenceOptions,
    Smoothness,
    acceleration_columns,
    whiten_accelerations,
)


def solve_sequence_on(
    device: torch.device | str,
    problem: Problem,
    start: Pose,
    time: Float[Tensor, "B"],
    *,
    smoothness: Smoothness,
    held: Bool[Tensor, "B"] | None = None,
    options: SequenceOptions | None = None,
    dtype: torch.dtype = torch.float64,
) -> Solution:
    """Do what `solve_sequence` does on a device; the solution comes back to the CPU.

    Args:
        device: Such as "cuda".
        problem: B consecutive frames; without shape columns.
        start: First poses; must be finite.
        time: Time of each frame, s, increasing.
        smoothness: Acceleration prior.
        held: Frames that stay as they are.
        options: Iteration limits.
        dtype: Precision of the work.

    Raises:
        InputError: If the problem has a cost that only the CPU knows.
    """
    assert not problem.moves_shape
    options, kind = options or SequenceOptions(), start.translation.dtype
    problem, pose = move_problem(problem, start, device, dtype)
    smoothness, time = move(smoothness, device, dtype), time.to(device, dtype)
    still = torch.zeros(len(start), dtype=torch.bool) if held is None else held
    still = still.to(device)
    state = evaluate(problem, pose)
    finite = torch.isfinite(state.loss)
    damping = torch.full_like(state.loss, options.damping)
    loss = _losses(state, finite, time, smoothness)
    for _ in range(options.iterations):
        delta = sequence_step(problem, state, time, smoothness, (finite, still), damping)
        if not bool(torch.isfinite(delta).all()):
            damping = damping * options.grow
            continue
        trial = evaluate(problem, problem.step(state.pose, delta))
        trial_loss = _losses(trial, finite, time, smoothness)
        better = trial_loss <= loss
        gain = float(1 - trial_loss.sum() / loss.sum())
        if gain > 0:
            state, loss = trial, trial_loss
            damping = torch.where(better, damping * options.shrink, damping)
            if gain < options.tolerance:
                break
        damping = torch.where(better, damping, damping * options.grow)
    return Solution(move(state.pose, "cpu", kind), state.loss.to("cpu", kind), finite.cpu())


def sequence_step(
    problem: Problem,
    state: PlainState,
    time: Float[Tensor, "B"],
    smoothness: Smoothness,
    masks: tuple[Bool[Tensor, "B"], Bool[Tensor, "B"]],
    damping: Float[Tensor, "B"],
) -> Float[Tensor, "B n"]:
    """Return one step of every column of the layout; not finite where the system is indefinite.

    Args:
        problem: B consecutive frames.
        state: Where they are.
        time: Time of each frame, s.
        smoothness: Acceleration prior.
        masks: Frames whose measurements count, and frames that are held.
        damping: Lambda of each frame.
    """
    finite, held = masks
    hessian, gradient = normal_equations(problem, state)
    hessian = torch.where(finite[:, None, None], hessian, 0.0)
    gradient = torch.where(finite[:, None], gradient, 0.0)
    num_shifts = problem.layout.shifts.stop
    own, shifts = slice(num_shifts, None), slice(0, num_shifts)
    stiffness = hessian[:, shifts, shifts].diagonal(dim1=1, dim2=2) + SHIFT_DAMPING
    border = hessian[:, own, shifts]
    share = border / stiffness.unsqueeze(1)
    blocks = hessian[:, own, own] - share @ border.mT
    right = gradient[:, own] - (share @ gradient[:, shifts, None]).squeeze(-1)
    diagonal, near, far, push = _couple(problem, state.pose, time, smoothness)
    blocks = blocks + torch.diag_embed(diagonal + damping.unsqueeze(1))
    eye = torch.eye(blocks.shape[-1], dtype=blocks.dtype, device=blocks.device)
    blocks = torch.where(held[:, None, None], eye, blocks)
    right = torch.where(held[:, None], 0.0, right + push)
    near = torch.where((held[:-1] | held[1:])[:, None], 0.0, near)
    far = torch.where((held[:-2] | held[2:])[:, None], 0.0, far)
    step = eliminate(blocks, near, far, right)
    shift = -gradient[:, shifts] / stiffness - (share.mT @ step.unsqueeze(-1)).squeeze(-1)
    return torch.cat([shift, step], 1)


def eliminate(
    blocks: Float[Tensor, "B Q Q"],
    near: Float[Tensor, "N Q"],
    far: Float[Tensor, "M Q"],
    right: Float[Tensor, "B Q"],
) -> Float[Tensor, "B Q"]:
    """Solve a system whose frames meet the next (near) and the one after (far) by diagonals.

    Args:
        blocks: Each frame's own matrix.
        near: Diagonals of the N = B - 1 blocks beside them.
        far: Diagonals of the M = B - 2 blocks after those.
        right: Minus the right-hand side.

    Returns:
        The solution; NaN where the matrix is not positive definite.
    """
    own, force = list(blocks.unbind()), list(right.unbind())
    inverse, link, count = [], [], len(blocks)
    border = torch.diag(near[0]) if count > 1 else blocks[0]
    for t in range(count):
        factor, failed = torch.linalg.cholesky_ex(own[t])
        part = torch.cholesky_inverse(factor)
        inverse.append(torch.where(failed == 0, part, torch.full_like(part, torch.nan)))
        if t + 1 == count:
            break
        link.append(border @ inverse[t])
        own[t + 1] = own[t + 1] - link[t] @ border.mT
        force[t + 1] = force[t + 1] - link[t] @ force[t]
        if t + 2 < count:
            reach = far[t].unsqueeze(1)
            own[t + 2] = own[t + 2] - reach * inverse[t] * far[t]
            force[t + 2] = force[t + 2] - far[t] * (inverse[t] @ force[t])
            border = torch.diag(near[t + 1]) - reach * link[t].mT
    step = [right[0]] * count
    for t in range(count - 1, -1, -1):
        rest = -force[t] if t + 2 >= count else -force[t] - far[t] * step[t + 2]
        step[t] = inverse[t] @ rest
        if t + 1 < count:
            step[t] = step[t] - link[t].mT @ step[t + 1]
    return torch.stack(step)


def _couple(
    problem: Problem, pose: Pose, time: Float[Tensor, "B"], smoothness: Smoothness
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    part, axis = (torch.from_numpy(x) for x in acceleration_columns(problem.layout))
    size, place = len(part), pose.translation
    diagonal, push = place.new_zeros(len(pose), size), place.new_zeros(len(pose), size)
    near = place.new_zeros(max(len(pose) - 1, 0), size)
    far = place.new_zeros(max(len(pose) - 2, 0), size)
    if len(pose) < 3:
        return diagonal, near, far, push
    whitened = whiten_accelerations(pose, time, smoothness)
    weight = pseudo_huber_weight(whitened.square().sum(-1), smoothness.width)
    sigma = smoothness.sigma
    precision = (weight / sigma.square())[:, part]
    pull = (weight.unsqueeze(-1) * whitened / sigma[:, None])[:, part, axis]
    interval = time.diff().clamp_min(SHORTEST)
    middle = (interval[1:] + interval[:-1]) / 2
    before, after = 1 / (interval[:-1] * middle)[:, None], 1 / (interval[1:] * middle)[:, None]
    here = -(before + after)
    for start, factor in enumerate((before, here, after)):
        rows = slice(start, start + len(precision))
        diagonal[rows] += precision * factor**2
        push[rows] += pull * factor
    near[:-1] += precision * before * here
    near[1:] += precision * here * after
    far += precision * before * after
    return diagonal, near, far, push


def _losses(
    state: PlainState,
    finite: Bool[Tensor, "B"],
    time: Float[Tensor, "B"],
    smoothness: Smoothness,
) -> Float[Tensor, "B"]:
    loss = torch.where(finite, state.loss, 0.0)
    if len(loss) >= 3:
        squared = whiten_accelerations(state.pose, time, smoothness).square().sum(-1)
        loss[1:-1] += pseudo_huber(squared, smoothness.width).sum(-1)
    return loss
