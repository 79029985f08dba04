"""Sequences: frames coupled to their neighbours, one banded linear system per iteration.

Smoothness is a prior on accelerations, not on velocities: a steady turn or a thrown punch at
constant speed costs nothing. Its sigmas are physical (rad/s^2, m/s^2) and its kernel grows only
linearly, so that an impact is not flattened. A redescending kernel (Geman-McClure) was tried and
fails: the noise of the first, independent poses lies beyond its width and is then never removed.

The normal matrix couples a frame with the next two and, by the approximation that small increments
commute, only parameter by parameter. Its half bandwidth is 2 Q and LAPACK's banded Cholesky solves
it in time linear in the number of frames.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.fit.chain import Pose, log_so3
from marey.fit.costs import pseudo_huber, pseudo_huber_weight
from marey.fit.frames import Solution
from marey.fit.problem import Dense, Problem

_HELD = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothness:
    """How much acceleration is expected of a body in motion."""

    joint_sigma: Float[Tensor, "J"]
    """rad/s^2 of each joint, root first."""
    root_sigma: float = 8.0
    """m/s^2 of the root; a fall is 9.8."""
    width: float = 3.0
    """Where the pseudo-Huber kernel turns from quadratic to linear, in sigmas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceOptions:
    """How long to iterate."""

    iterations: int = 6
    damping: float = 1.0
    tolerance: float = 1e-2


def solve_sequence(
    problem: Problem,
    start: Pose,
    time: Float[Tensor, "B"],
    *,
    smoothness: Smoothness,
    held: Bool[Tensor, "B"] | None = None,
    options: SequenceOptions | None = None,
) -> Solution:
    """Minimise the frames of one sequence together.

    Args:
        problem: B consecutive frames; without shape columns.
        start: First poses; must be finite.
        time: Time of each frame, s, increasing.
        smoothness: Acceleration prior.
        held: Frames that stay as they are (the seam to an earlier window); they pull on their
            neighbours and do not move.
        options: Iteration limits.
    """
    assert not problem.moves_shape
    options = options or SequenceOptions()
    held = torch.zeros(len(start), dtype=torch.bool) if held is None else held
    coupling = _Coupling(problem, time, smoothness)
    state, damping = problem.evaluate(start), options.damping
    loss = state.loss.sum() + coupling.loss(state.pose)
    for _ in range(options.iterations):
        dense = problem.dense(state)
        delta = _banded_step(dense, state.pose, coupling, held, damping)
        if delta is None:
            damping *= 10.0
            continue
        trial = problem.evaluate(problem.step_active(state.pose, dense, delta))
        trial_loss = trial.loss.sum() + coupling.loss(trial.pose)
        if torch.isfinite(trial_loss) and trial_loss < loss:
            converged = bool(1 - trial_loss / loss < options.tolerance)
            state, loss, damping = trial, trial_loss, damping * 0.2
            if converged:
                break
        else:
            damping *= 10.0
    return Solution(state.pose, state.loss, torch.isfinite(state.loss))


class _Coupling:
    """The acceleration prior of one sequence, with its time steps worked out once."""

    def __init__(self, problem: Problem, time: Tensor, smoothness: Smoothness):
        interval = time.diff().clamp_min(1e-4)
        middle = (interval[1:] + interval[:-1]) / 2
        dtype = smoothness.joint_sigma.dtype
        self.interval = interval.to(dtype)
        # Acceleration at frame t = before * x[t-1] - (before + after) * x[t] + after * x[t+1].
        self.before = (1 / (interval[:-1] * middle)).to(dtype)
        self.after = (1 / (interval[1:] * middle)).to(dtype)
        self.middle = middle.to(dtype)
        self.smoothness = smoothness
        self.num_joints = len(problem.chain.joints)
        self.active = problem.active

    def loss(self, pose: Pose) -> Tensor:
        """Robust cost of the whole sequence."""
        if len(pose) < 3:
            return pose.translation.new_zeros(())
        squared = self._accelerations(pose).square().sum(-1)
        return pseudo_huber(squared, self.smoothness.width).sum()

    def _accelerations(self, pose: Pose) -> Float[Tensor, "M A 3"]:
        """Whitened accelerations of every joint rotation and of the root position."""
        relative = pose.rotation[:-1].transpose(-1, -2) @ pose.rotation[1:]
        spin = log_so3(relative) / self.interval[:, None, None]
        travel = pose.translation.diff(dim=0) / self.interval[:, None]
        turning = spin.diff(dim=0) / self.middle[:, None, None]
        moving = travel.diff(dim=0) / self.middle[:, None]
        turning = turning / self.smoothness.joint_sigma[None, :, None]
        return torch.cat([turning, moving.unsqueeze(1) / self.smoothness.root_sigma], 1)

    def rows(self, pose: Pose) -> tuple[Float[Tensor, "M Q"], Float[Tensor, "M Q"]]:
        """Return weight / sigma^2 and weight * residual / sigma of each active column."""
        whitened = self._accelerations(pose)
        weight = pseudo_huber_weight(whitened.square().sum(-1), self.smoothness.width)
        root = whitened.new_tensor([self.smoothness.root_sigma])
        sigma = torch.cat([self.smoothness.joint_sigma, root])
        precision = (weight / sigma.square()).unsqueeze(-1).expand(-1, -1, 3)
        pull = weight.unsqueeze(-1) * whitened / sigma[:, None]
        return precision.flatten(1)[:, self.active], pull.flatten(1)[:, self.active]


def _banded_step(
    dense: Dense, pose: Pose, coupling: _Coupling, held: Tensor, damping: float
) -> Float[Tensor, "B Q"] | None:
    """Solve for one step; None if rounding left the matrix indefinite and it needs more damping."""
    num_frames, width = dense.gradient.shape
    blocks = dense.hessian.double().numpy()
    right = dense.gradient.double().numpy().copy()
    near = np.zeros((num_frames, width))
    far = np.zeros((num_frames, width))
    diagonal = np.full((num_frames, width), damping)
    if num_frames >= 3:
        _add_coupling(pose, coupling, diagonal, near, far, right)
    # A held frame keeps its place by a stiffness that nothing can overcome.
    diagonal[held.numpy()] += _HELD
    right[held.numpy()] = 0.0
    band = _make_band(blocks, diagonal, near, far)
    try:
        solved = scipy.linalg.solveh_banded(
            band,
            -right.ravel(),
            overwrite_ab=True,
            overwrite_b=True,
            lower=True,
            check_finite=False,
        )
    except np.linalg.LinAlgError:
        return None
    solved = solved.reshape(num_frames, width)
    solved[held.numpy()] = 0.0
    return torch.from_numpy(solved).to(dense.gradient.dtype)


def _add_coupling(
    pose: Pose,
    coupling: _Coupling,
    diagonal: np.ndarray,
    near: np.ndarray,
    far: np.ndarray,
    right: np.ndarray,
) -> None:
    precision, pull = (rows.double().numpy() for rows in coupling.rows(pose))
    before = coupling.before.double().numpy()[:, None]
    after = coupling.after.double().numpy()[:, None]
    here = -(before + after)
    diagonal[:-2] += precision * before**2
    diagonal[1:-1] += precision * here**2
    diagonal[2:] += precision * after**2
    near[:-2] += precision * before * here
    near[1:-1] += precision * here * after
    far[:-2] += precision * before * after
    right[:-2] += pull * before
    right[1:-1] += pull * here
    right[2:] += pull * after


def _make_band(
    blocks: np.ndarray, diagonal: np.ndarray, near: np.ndarray, far: np.ndarray
) -> np.ndarray:
    """Store the matrix as LAPACK's lower band: `band[i - j, j]`."""
    num_frames, width = diagonal.shape
    band = np.zeros((2 * width + 1, num_frames, width))
    for offset in range(width):
        band[offset, :, : width - offset] = np.diagonal(blocks, -offset, 1, 2)
    band[0] += diagonal
    band[width] = near
    band[2 * width] = far
    return band.reshape(2 * width + 1, num_frames * width)
