"""One stretch of frames in which bodies meet: moved apart, near to their fit.

The cost is a sum over people and frames of

    hold      how far each point has gone from the fit, in the metric of what was measured (`hold`),
              and how far each joint has turned from it;
    bend      accelerations of the *change*, in the sigmas of the fit's own smoothness;
    contact   depth of the skins in each other (`skin_contact`).

The first two and their gradients are zero at the fit, so whoever meets nobody stays exactly where
they were. Contacts are found anew in every round and are linear in between; everyone's own banded
system then takes part in one Levenberg-Marquardt iteration for all (`together` has the argument).
Bodies that start deep in each other are first brought apart as capsules, whose axes say which way
out is, where the closest place of a skin may lie on the wrong side.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from marey.fit.chain import Placed, Pose
from marey.fit.contact._skin_contact_numba import wrench_rows_kernel
from marey.fit.contact.member import Member
from marey.fit.contact.presses import Contact, Push
from marey.fit.problem import State
from marey.fit.sequence import Bend, Coupling
from marey.fit.threads import side_by_side
from marey.fit.tree import Rows, place_fast

_FIRST_DAMPING, _SHRINK, _GROW = 1e3, 0.2, 10.0
_SETTLED = 1e-4
_TRIALS = 3
"""Steps tried for each that may be taken."""
_LEAST_LOSS = 1e-9


@dataclass(frozen=True, slots=True)
class _Now:
    """Everyone at some poses."""

    states: list[State]
    bends: list[Bend]
    pushes: list[Push]
    loss: Float[np.ndarray, "T"]
    """By frame of the stretch."""


class Stretch:
    """The people of a stretch with what does not change while they are solved."""

    def __init__(self, members: list[Member], num_frames: int, *, workers: int):
        self.members, self.num_frames, self.workers = members, num_frames, workers
        self.couplings = [Coupling(m.problem.layout, m.time, m.smoothness) for m in members]
        self.rest = [c.measure(m.fit) for c, m in zip(self.couplings, members, strict=True)]

    def solve(
        self,
        poses: list[Pose],
        find: Callable[[list[Pose], list[Placed]], list[Contact]],
        *,
        rounds: int,
        iterations: int,
    ) -> list[Pose]:
        """Find contacts and give way to them, round by round.

        Args:
            poses: Where everyone starts.
            find: Finds the contacts at some poses.
            rounds: How often they are found.
            iterations: Steps for each set.
        """
        damping = np.full(self.num_frames, _FIRST_DAMPING)
        for _ in range(rounds):
            before, placed = poses, self._place(poses)
            poses = self._settle(poses, find(poses, placed), iterations, damping)
            if poses is before:
                break
        return poses

    def _place(self, poses: list[Pose]) -> list[Placed]:
        return self._each(lambda row: place_fast(self.members[row].problem.chain, poses[row]))

    def _settle(
        self,
        poses: list[Pose],
        contacts: list[Contact],
        iterations: int,
        damping: Float[np.ndarray, "T"],
    ) -> list[Pose]:
        """Give way to one set of contacts; the damping of every frame is kept for the next."""
        now = self._evaluate(poses, contacts)
        taken = 0
        for _ in range(_TRIALS * iterations):
            if taken == iterations or now.loss.sum() < _LEAST_LOSS:
                break
            steps = self._each(lambda row: self._step(row, now, damping))  # noqa: B023
            if any(step is None for step in steps):
                damping *= _GROW
                continue
            trial_poses = [step for step in steps if step is not None]
            trial = self._evaluate(trial_poses, contacts)
            better = trial.loss <= now.loss
            gain = 1 - trial.loss.sum() / now.loss.sum()
            if gain > 0:
                now, poses, taken = trial, trial_poses, taken + 1
                damping *= np.where(better, _SHRINK, 1.0)
                if gain < _SETTLED:
                    break
            damping *= np.where(better, 1.0, _GROW)
        return poses

    def _evaluate(self, poses: list[Pose], contacts: list[Contact]) -> _Now:
        def look(row: int) -> tuple[State, Bend]:
            state = self.members[row].problem.evaluate(poses[row])
            return state, self._bend(row, poses[row])

        found = self._each(look)
        loss = np.zeros(self.num_frames)
        pushes = []
        for member, (state, bend) in zip(self.members, found, strict=True):
            loss[member.frame] += state.loss.numpy() + bend.loss
            shape = (len(member.frame), len(member.problem.chain.joints), 6)
            pushes.append(Push(np.zeros(shape), np.zeros((*shape, 6))))
        for contact in contacts:
            a, b = contact.first, contact.second
            cost, rows = contact.press(
                (found[a][0].placed, found[b][0].placed), (pushes[a], pushes[b])
            )
            np.add.at(loss, self.members[a].frame[rows], cost)
        states, bends = ([part[row] for part in found] for row in (0, 1))
        return _Now(states, bends, pushes, loss)

    def _bend(self, row: int, pose: Pose) -> Bend:
        """Measure the accelerations of the change, as firmly as the fit's own were."""
        rest, now = self.rest[row], self.couplings[row].measure(pose)
        change = now.whitened - rest.whitened
        loss = np.zeros(len(pose))
        loss[1:-1] = (rest.weight * (change**2).sum(-1)).sum(-1)
        return Bend(loss, change, rest.weight)

    def _step(self, row: int, now: _Now, damping: Float[np.ndarray, "T"]) -> Pose | None:
        member, problem, state = self.members[row], self.members[row].problem, now.states[row]
        normal, own = self._rows(row, now), damping[member.frame]
        delta = self.couplings[row].step(normal, now.bends[row], member.held, own)
        if delta is None:
            return None
        moved = problem.step(state.pose, delta)
        held = torch.from_numpy(member.held)
        return replace(
            moved,
            rotation=torch.where(held[:, None, None, None], state.pose.rotation, moved.rotation),
            translation=torch.where(held[:, None], state.pose.translation, moved.translation),
        )

    def _rows(self, row: int, now: _Now) -> Rows:
        """Return one person's normal equations, of what holds the body and of contacts."""
        problem, state, push = self.members[row].problem, now.states[row], now.pushes[row]
        layout, normal = problem.layout, problem.rows(state)
        rows, right = np.empty_like(normal.rows), np.empty_like(normal.right)
        wrench_rows_kernel(
            state.placed.rotation.numpy(),
            state.placed.joints.numpy(),
            push.wrench.copy(),
            push.inertia.copy(),
            np.array(layout.chain.parents),
            layout.travels,
            layout.column,
            layout.offset,
            layout.depth,
            rows,
            right,
        )
        return Rows(normal.rows + rows, normal.right + right)

    def _each(self, work: Callable) -> list:
        return side_by_side(work, range(len(self.members)), workers=self.workers)
