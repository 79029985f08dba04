"""Sequences: frames coupled to their neighbours, one block-banded linear system per iteration.

Smoothness is a prior on accelerations, not on velocities: a steady turn or a thrown punch at
constant speed costs nothing. Its sigmas are physical (rad/s^2, m/s^2) and its kernel grows only
linearly, so that an impact is not flattened. A redescending kernel (Geman-McClure) was tried and
fails: the noise of the first, independent poses lies beyond its width and is then never removed.

The normal matrix couples a frame with the next two and, by the approximation that small increments
commute, only parameter by parameter. Block elimination solves it in time linear in the number of
frames (`_sequence_numba`); `whiten_accelerations` is the plain form of its measurements.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.fit._sequence_numba import accelerate_kernel, band_kernel
from marey.fit.chain import Pose, log_so3
from marey.fit.frames import Solution
from marey.fit.problem import SHIFT_DAMPING, Problem, State
from marey.fit.tree import Layout, Rows

SHORTEST = 1e-4
"""Least time between two frames, s; a clock that stands still would make accelerations infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothness:
    """How much acceleration is expected of a body in motion."""

    joint_sigma: Float[Tensor, "J"]
    """rad/s^2 of each joint, root first."""
    root_sigma: float = 8.0
    """m/s^2 of the root; a fall is 9.8."""
    width: float = 3.0
    """Where the pseudo-Huber kernel turns from quadratic to linear, in sigmas."""

    @property
    def sigma(self) -> Float[Tensor, "A"]:
        """Of every joint and, last, of the root's travel."""
        return torch.cat([self.joint_sigma, self.joint_sigma.new_tensor([self.root_sigma])])


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceOptions:
    """How long to iterate."""

    iterations: int = 6
    damping: float = 1.0
    """First lambda of every frame, in units of the whitened normal matrix."""
    shrink: float = 0.5
    grow: float = 10.0
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

    A frame whose measurements are not finite counts as not measured: its neighbours bridge it.

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
    still = np.zeros(len(start), np.bool_) if held is None else held.numpy()
    coupling = Coupling(problem.layout, time, smoothness)
    state, damping = problem.evaluate(start), np.full(len(start), float(options.damping))
    finite = torch.isfinite(state.loss)
    bend = coupling.measure(state.pose)
    loss = _losses(state, finite, bend)
    for _ in range(options.iterations):
        delta = coupling.step(_rows(problem, state, finite), bend, still, damping)
        if delta is None:
            damping *= options.grow
            continue
        trial = problem.evaluate(problem.step(state.pose, delta))
        trial_bend = coupling.measure(trial.pose)
        trial_loss = _losses(trial, finite, trial_bend)
        # One frame that goes wrong is held back; the others go on. A NaN is not better.
        better = trial_loss <= loss
        gain = 1 - trial_loss.sum() / loss.sum()
        if gain > 0:
            state, bend, loss = trial, trial_bend, trial_loss
            damping *= np.where(better, options.shrink, 1.0)
            if gain < options.tolerance:
                break
        damping *= np.where(better, 1.0, options.grow)
    pose = state.pose
    if held is not None and held.any():
        # Exactly: a rotation times the rotation by nothing is the same only up to rounding.
        turned = torch.where(held[:, None, None, None], start.rotation, pose.rotation)
        moved = torch.where(held[:, None], start.translation, pose.translation)
        pose = replace(pose, rotation=turned, translation=moved)
    return Solution(pose, state.loss, finite)


def _losses(state: State, finite: Bool[Tensor, "B"], bend: "Bend") -> Float[np.ndarray, "B"]:
    return torch.where(finite, state.loss, 0.0).double().numpy() + bend.loss


def _rows(problem: Problem, state: State, finite: Bool[Tensor, "B"]) -> Rows:
    normal = problem.rows(state)
    if not finite.all():
        lost = (~finite).numpy()
        normal.rows[lost], normal.right[lost] = 0.0, 0.0
    return normal


@dataclass(frozen=True, slots=True)
class Bend:
    """The accelerations of a sequence."""

    loss: Float[np.ndarray, "B"]
    """Robust cost of every frame's acceleration; the first and the last have none."""
    whitened: Float[np.ndarray, "M A 3"]
    """In sigmas, of the J joints and of the root's travel; M = B - 2."""
    weight: Float[np.ndarray, "M A"]
    """What the robust kernel leaves of each."""


class Coupling:
    """The acceleration prior of one sequence, with its time steps worked out once."""

    def __init__(self, layout: Layout, time: Float[Tensor, "B"], smoothness: Smoothness):
        self.layout, self.smoothness = layout, smoothness
        self.interval = time.double().diff().clamp_min(SHORTEST).numpy()
        middle = (self.interval[1:] + self.interval[:-1]) / 2
        # Acceleration at frame t = before * x[t-1] - (before + after) * x[t] + after * x[t+1].
        self.before = (1 / (self.interval[:-1] * middle))[:, None]
        self.after = (1 / (self.interval[1:] * middle))[:, None]
        self.part, self.axis = acceleration_columns(layout)
        # Megabytes that every iteration writes anew; fresh ones would cost as much as a product.
        self.inverse = np.empty((len(time), len(self.part), len(self.part)))
        self.link = np.empty_like(self.inverse)

    def measure(self, pose: Pose) -> Bend:
        """Measure the accelerations of the poses."""
        shape = (max(len(pose) - 2, 0), pose.rotation.shape[1] + 1)
        whitened, weight = np.empty((*shape, 3)), np.empty(shape)
        loss = np.empty(len(pose))
        accelerate_kernel(
            np.ascontiguousarray(pose.rotation.numpy()),
            np.ascontiguousarray(pose.translation.numpy()),
            self.interval,
            self.smoothness.sigma.double().numpy(),
            float(self.smoothness.width),
            np.empty((len(self.interval), shape[1], 3)),
            whitened,
            weight,
            loss,
        )
        return Bend(loss, whitened, weight)

    def rows(self, bend: Bend) -> tuple[Float[np.ndarray, "M Q"], Float[np.ndarray, "M Q"]]:
        """Return weight / sigma^2 and weight * residual / sigma of each column but the shifts."""
        sigma = self.smoothness.sigma.double().numpy()
        precision = bend.weight / sigma**2
        pull = bend.weight[..., None] * bend.whitened / sigma[:, None]
        return precision[:, self.part], pull[:, self.part, self.axis]

    def step(
        self, normal: Rows, bend: Bend, held: Bool[np.ndarray, "B"], damping: Float[np.ndarray, "B"]
    ) -> Float[Tensor, "B n"] | None:
        """Solve for one step of every column of the layout.

        Returns:
            The step, or None if rounding left the matrix indefinite and it needs more damping.
        """
        layout, num_shifts = self.layout, self.layout.shifts.stop
        size = (len(held), len(self.part))
        diagonal, near = np.repeat(damping[:, None], size[1], 1), np.zeros(size)
        far, push = np.zeros(size), np.zeros(size)
        if len(held) >= 3:
            self._add(bend, diagonal, near, far, push)
        step = np.empty((len(held), layout.num_columns))
        sound = band_kernel(
            normal.rows,
            normal.right,
            layout.entry,
            layout.offset,
            layout.depth,
            num_shifts,
            SHIFT_DAMPING,
            diagonal,
            near,
            far,
            push,
            held,
            self.inverse,
            self.link,
            step,
        )
        return torch.from_numpy(step.astype(normal.right.dtype)) if sound else None

    def _add(
        self,
        bend: Bend,
        diagonal: Float[np.ndarray, "B Q"],
        near: Float[np.ndarray, "B Q"],
        far: Float[np.ndarray, "B Q"],
        push: Float[np.ndarray, "B Q"],
    ) -> None:
        precision, pull = self.rows(bend)
        before, after = self.before, self.after
        here = -(before + after)
        diagonal[:-2] += precision * before**2
        diagonal[1:-1] += precision * here**2
        diagonal[2:] += precision * after**2
        near[:-2] += precision * before * here
        near[1:-1] += precision * here * after
        far[:-2] += precision * before * after
        push[:-2] += pull * before
        push[1:-1] += pull * here
        push[2:] += pull * after


def acceleration_columns(layout: Layout) -> tuple[Int[np.ndarray, "Q"], Int[np.ndarray, "Q"]]:
    """Return which acceleration each column but the shifts changes, and about or along which axis.

    Joints count from 0; the root's travel follows them.
    """
    moving = [len(layout.chain.joints)] * layout.travels + list(layout.joints)
    return np.repeat(np.array(moving, np.int64), 3), np.tile(np.arange(3), len(moving))


def whiten_accelerations(
    pose: Pose, time: Float[Tensor, "B"], smoothness: Smoothness
) -> Float[Tensor, "M A 3"]:
    """Return the accelerations of all joint rotations and of the root's travel, in sigmas.

    The plain form of what the compiled kernel measures.
    """
    interval = time.diff().clamp_min(SHORTEST).to(pose.translation)
    middle = (interval[1:] + interval[:-1]) / 2
    spin = log_so3(pose.rotation[:-1].mT @ pose.rotation[1:]) / interval[:, None, None]
    travel = pose.translation.diff(dim=0) / interval[:, None]
    velocity = torch.cat([spin, travel.unsqueeze(1)], 1)
    acceleration = velocity.diff(dim=0) / middle[:, None, None]
    return acceleration / smoothness.sigma.to(acceleration)[:, None]
