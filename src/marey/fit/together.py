"""Several people who touch: sequences side by side, coupled by contact.

Contact makes one system of what are separate banded ones. Solved as one, two people would cost four
times as much as two alone and N people N^3 times; solved in turns, whoever comes first would yield.
Here every person's own system takes part in one Levenberg-Marquardt iteration for all of them:

* The gradient of contact is exact on both sides, at the same linearisation: equal and opposite.
* Its curvature r = g_a . d_a + g_b . d_b is replaced by the separable bound (g_a . d_a)^2 / w_a +
  (g_b . d_b)^2 / w_b (`point_rows`), with shares w in proportion to how easily each body yields.
  For one meeting of bodies at rest the step then equals that of the coupled system; in general it
  is a block Jacobi step that cannot overshoot.
* A step is taken only where it lowers the cost of everyone together.

So the minimum is that of the joint cost, nobody is preferred, work is linear in frames and in the
pairs who meet, and people are solved on as many cores as there are. Bodies may be of different
kinds and present at different times.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.core.errors import InputError, ShapeError
from marey.fit.chain import Pose
from marey.fit.contact.capsules import Capsules
from marey.fit.contact.penetration import BodyContact
from marey.fit.forces import Forces, Pull
from marey.fit.frames import Solution
from marey.fit.problem import Problem, State
from marey.fit.sequence import Bend, Coupling, SequenceOptions, Smoothness
from marey.fit.threads import side_by_side

_OPTIONS = SequenceOptions(iterations=20, tolerance=3e-4)
"""Contact is a small share of the cost; it still gains when the rest has settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSequence:
    """One person's part: L consecutive frames."""

    problem: Problem
    """Without shape columns; its chain has the ends of the capsules among its points."""
    start: Pose
    frame: Int[Tensor, "L"]
    """Which frames of the common clock, ascending."""
    time: Float[Tensor, "L"]
    """s, increasing."""
    smoothness: Smoothness
    capsules: Capsules
    held: Bool[Tensor, "L"] | None = None
    """Frames that stay as they are; they push others and do not yield."""


@dataclass(frozen=True, slots=True)
class _Now:
    """One person at the current poses."""

    state: State
    bend: Bend
    forces: Forces
    """Of the measurements and of contact."""


@dataclass(frozen=True, slots=True)
class _Everyone:
    people: list[_Now]
    loss: Float[np.ndarray, "T"]
    """Joint cost by frame of the common clock."""


def solve_people(
    people: Sequence[PersonSequence],
    *,
    contact: BodyContact | None = None,
    options: SequenceOptions | None = None,
    workers: int = 2,
) -> list[Solution]:
    """Minimise the sequences of several people together.

    A frame whose measurements are not finite counts as not measured and is marked in the solution;
    nobody else notices.

    Args:
        people: Everyone who may touch; start from poses that already fit each on their own.
        contact: How hard bodies are kept apart.
        options: Iteration limits.
        workers: Threads.

    Returns:
        A solution per person. Its loss is that of the person's own costs.

    Raises:
        ShapeError: If a person's poses, frames and times are not of one length.
        InputError: If a first pose or a time is not finite, or frames or times do not ascend.
    """
    for number, person in enumerate(people):
        _check(person, f"person {number + 1}")
    if not people:
        return []
    options, contact = options or _OPTIONS, contact or BodyContact()
    scene = _Scene(people, contact, workers)
    now = scene.evaluate([person.start for person in people])
    damping = np.full(len(now.loss), options.damping)
    for _ in range(options.iterations):
        poses = scene.step(now, damping)
        if poses is None:
            damping *= options.grow
            continue
        trial = scene.evaluate(poses)
        # A NaN is not better. Frames that go wrong are held back; the others go on.
        better = trial.loss <= now.loss
        gain = 1 - trial.loss.sum() / max(now.loss.sum(), 1e-300)
        if gain > 0:
            now = trial
            damping *= np.where(better, options.shrink, 1.0)
            if gain < options.tolerance:
                break
        damping *= np.where(better, 1.0, options.grow)
    return [
        Solution(_put_back(person, part.state.pose), part.state.loss, finite)
        for person, part, finite in zip(people, now.people, scene.finite, strict=True)
    ]


class _Scene:
    """People with what does not change while they are solved."""

    def __init__(self, people: Sequence[PersonSequence], contact: BodyContact, workers: int):
        self.people, self.contact, self.workers = people, contact, workers
        self.couplings = [
            Coupling(person.problem.layout, person.time, person.smoothness) for person in people
        ]
        self.finite = [
            torch.isfinite(person.problem.evaluate(person.start).loss) for person in people
        ]
        self.num_frames = max(int(person.frame[-1]) + 1 for person in people)
        self.meetings = [
            (a, b, *_shared(people[a].frame, people[b].frame))
            for a, b in combinations(range(len(people)), 2)
        ]

    def evaluate(self, poses: list[Pose]) -> _Everyone:
        """Ask everyone's costs, then what touches whom."""
        found = self._each(lambda row: self._alone(row, poses[row]))
        loss = np.zeros(self.num_frames)
        for person, finite, now in zip(self.people, self.finite, found, strict=True):
            own = torch.where(finite, now.state.loss, 0.0).double().numpy() + now.bend.loss
            np.add.at(loss, person.frame.numpy(), own)
        forces = [now.forces for now in found]
        firmness = [
            _firmness(now.forces, person) for now, person in zip(found, self.people, strict=True)
        ]
        for a, b, in_a, in_b in self.meetings:
            if not len(in_a):
                continue
            pulls = self.contact.pulls(
                (found[a].state.placed.points[in_a], found[b].state.placed.points[in_b]),
                (self.people[a].capsules, self.people[b].capsules),
                (firmness[a][in_a], firmness[b][in_b]),
            )
            forces[a] = _add(forces[a], pulls[0], in_a)
            forces[b] = _add(forces[b], pulls[1], in_b)
            np.add.at(loss, self.people[a].frame[in_a].numpy(), pulls[0].loss.double().numpy())
        people = [replace(now, forces=part) for now, part in zip(found, forces, strict=True)]
        return _Everyone(people, loss)

    def step(self, now: _Everyone, damping: Float[np.ndarray, "T"]) -> list[Pose] | None:
        """Return everyone's next poses, or None if somebody's system needs more damping."""
        poses = self._each(lambda row: self._step_of(row, now.people[row], damping))
        return None if any(pose is None for pose in poses) else [pose for pose in poses if pose]

    def _alone(self, row: int, pose: Pose) -> _Now:
        state, finite = self.people[row].problem.evaluate(pose), self.finite[row]
        return _Now(state, self.couplings[row].measure(state.pose), _keep(state.forces, finite))

    def _step_of(self, row: int, now: _Now, damping: Float[np.ndarray, "T"]) -> Pose | None:
        person, coupling = self.people[row], self.couplings[row]
        held = (
            torch.zeros(len(person.frame), dtype=torch.bool) if person.held is None else person.held
        )
        normal = person.problem.rows(replace(now.state, forces=now.forces))
        own = damping[person.frame.numpy()]
        delta = coupling.step(normal, now.bend, held.numpy(), own)
        return None if delta is None else person.problem.step(now.state.pose, delta)

    def _each(self, work: Callable) -> list:
        return side_by_side(work, range(len(self.people)), workers=self.workers)


def _check(person: PersonSequence, name: str) -> None:
    pose, lengths = person.start, {len(person.start), len(person.frame), len(person.time)}
    if len(lengths) != 1 or not len(person.frame):
        raise ShapeError(
            f"{name} has {len(person.start)} poses, {len(person.frame)} frames and "
            f"{len(person.time)} times; give one of each, and one frame at least"
        )
    if not all(part.isfinite().all() for part in (pose.rotation, pose.translation, pose.shape)):
        raise InputError(f"a first pose of {name} is not finite; bridge the gap or leave it out")
    ascends = bool((person.frame.diff() > 0).all() and (person.time.diff() >= 0).all())
    if not (ascends and person.time.isfinite().all()) or int(person.frame[0]) < 0:
        raise InputError(f"frames or times of {name} do not ascend; sort them and drop repeats")


def _shared(first: Tensor, second: Tensor) -> tuple[Int[Tensor, "M"], Int[Tensor, "M"]]:
    """Return where two people's common frames are in each."""
    _, one, two = np.intersect1d(first.numpy(), second.numpy(), return_indices=True)
    return torch.from_numpy(one), torch.from_numpy(two)


def _firmness(forces: Forces, person: PersonSequence) -> Float[Tensor, "L 3 3"]:
    """Return how hard the measurements hold a body against being moved as a whole."""
    firm = forces.full_hessian().sum(1)
    if person.held is not None:
        firm = firm + 1e12 * person.held[:, None, None] * torch.eye(3, dtype=firm.dtype)
    return firm


def _keep(forces: Forces, finite: Bool[Tensor, "L"]) -> Forces:
    """Drop what is said about frames whose measurements are not finite."""
    if finite.all():
        return forces
    lost = ~finite
    parts = {}
    for name in ("gradient", "hessian", "relative", "shift"):
        parts[name] = getattr(forces, name).clone()
        parts[name][lost] = 0.0
    return replace(forces, **parts)


def _add(forces: Forces, pull: Pull, frames: Int[Tensor, "M"]) -> Forces:
    return replace(
        forces,
        gradient=forces.gradient.index_add(0, frames, pull.gradient),
        hessian=forces.hessian.index_add(0, frames, pull.hessian),
    )


def _put_back(person: PersonSequence, pose: Pose) -> Pose:
    """Return held frames exactly as they were, not rounded by multiplications with nothing."""
    if person.held is None:
        return pose
    held, start = person.held, person.start
    return replace(
        pose,
        rotation=torch.where(held[:, None, None, None], start.rotation, pose.rotation),
        translation=torch.where(held[:, None], start.translation, pose.translation),
    )
