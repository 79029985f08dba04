"""Bring two people together on shipped bodies: hands to their goals, no body inside another.

One small fit of everyone together (`fit.together`), anchored to the motion as it was carried over,
with bodies as capsules; then skins are taken out of each other (`fit.contact.separate`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from marey.body import Body
from marey.core import BodyMotion
from marey.fit.chain import Chain, Pose
from marey.fit.contact.body_capsules import add_capsules
from marey.fit.contact.capsules import Capsules
from marey.fit.contact.options import CollisionOptions
from marey.fit.contact.penetration import BodyContact
from marey.fit.contact.separate import separate_people
from marey.fit.costs import PointAnchor
from marey.fit.parts import BODY, Part, make_part
from marey.fit.problem import Problem
from marey.fit.sequence import SequenceOptions, Smoothness
from marey.fit.threads import one_thread_each
from marey.fit.together import PersonSequence, solve_people
from marey.fit.tree import place_fast
from marey.geometry.rotation import matrix_to_quaternion, quaternion_to_matrix

_BODY_SIGMA, _ARM_SIGMA, _HAND_SIGMA = 0.05, 0.2, 0.02
_CONTACT_SIGMA = 0.005
_CALM = 0.4
"""Accelerations expected here, as a share of those of a fit: what pushes people apart is smooth."""
_APPROACH_M = (0.3, 0.22, 0.15, 0.1, 0.05, 0.0)
"""How far out of their place people are while they come nearer."""
_REACH_M = 0.15
"""Nearer than this, hands begin to reach for their goals."""
_STRICT = CollisionOptions(sigma=0.0005, clearance=0.0, rounds=8, stuck=0.003)
_MOST_TIMES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A point of one person that is drawn to a place."""

    person: int
    point: str
    target: Float[Tensor, "T 3"]
    weight: Float[Tensor, "T"]
    """0 to 1"""


GoalsOf = Callable[[list[Chain], list[Float[Tensor, "T K 3"]]], list[Goal]]
"""Makes goals from everyone's points."""


def join_people(
    body: Body,
    people: list[BodyMotion],
    goals_of: GoalsOf,
    *,
    approach: tuple[Float[np.ndarray, "T 3"], ...] | None = None,
) -> BodyMotion:
    """Bring people together: goals for hands, no body inside another, near to where they were.

    Args:
        body: The body.
        people: One motion per person on one clock.
        goals_of: Function of every person's points by name that returns the goals.
        approach: A unit vector per person and frame, away from the others. With it everybody starts
            that way out and comes nearer step by step, hands last, each step from the one before:
            limbs that met from outside stay outside, where bodies that are put into each other at
            once would be pushed out on whichever side is nearer, through each other.
    """
    part = make_part(body, BODY)
    assert part is not None
    columns = [body.joint_names.index(name) - 1 for name in part.chain.joints[1:]]
    laid_out = [_lay_out(body, part.chain, person, columns) for person in people]
    poses = [pose for _, _, pose in laid_out]
    points = [place_fast(chain, pose).points for chain, _, pose in laid_out]
    ways = [torch.from_numpy(way).float() for way in approach or ()]
    gaps, before = (_APPROACH_M if ways else (0.0,)), 0.0
    for gap in gaps:
        there = points
        if ways:
            there = [p + gap * way[:, None] for p, way in zip(points, ways, strict=True)]
            poses = [
                replace(pose, translation=pose.translation + (gap - before) * way)
                for pose, way in zip(poses, ways, strict=True)
            ]
        before, reach = gap, max(0.0, 1.0 - gap / _REACH_M)
        goals = [
            replace(goal, weight=reach * goal.weight)
            for goal in goals_of([chain for chain, _, _ in laid_out], there)
        ]
        sequences = [
            _sequence(part, row, each[:2], poses[row], there[row], goals, people[0].time)
            for row, each in enumerate(laid_out)
        ]
        with one_thread_each(), torch.inference_mode():
            solved = solve_people(
                sequences,
                contact=BodyContact(sigma=_CONTACT_SIGMA, kernel="none"),
                options=SequenceOptions(iterations=40 if gap == gaps[-1] else 12, tolerance=1e-4),
            )
        poses = [solution.pose for solution in solved]
    done = [_put_in(person, pose, columns) for person, pose in zip(people, poses, strict=True)]
    return part_skins(
        body,
        replace(
            done[0],
            people=tuple(f"person{row + 1}" for row in range(len(done))),
            shape=np.concatenate([each.shape for each in done]),
            T_world_root=np.concatenate([each.T_world_root for each in done]),
            R_parent_joint=np.concatenate([each.R_parent_joint for each in done]),
            confidence=np.concatenate([each.confidence for each in done]),
        ),
    )


def part_skins(body: Body, motion: BodyMotion) -> BodyMotion:
    """Take skins out of each other that capsules have left in, again and again, to the millimetre.

    It is done by the stage that the benchmarks judge, made stiffer and without the gap that it
    leaves; see the pages for what that means.
    """
    for _ in range(_MOST_TIMES):
        apart = separate_people(body, motion, options=_STRICT)
        motion = apart.motion
        if apart.after.max(initial=0.0) < _STRICT.least:
            break
    return motion


def _sequence(
    part: Part,
    row: int,
    laid_out: tuple[Chain, Capsules],
    start: Pose,
    points: Float[Tensor, "T K 3"],
    goals: list[Goal],
    time: Float[np.ndarray, "T"],
) -> PersonSequence:
    chain, capsules = laid_out
    own = [goal for goal in goals if goal.person == row]
    costs = (_stay(chain, points, own), *(_draw_to(chain, goal) for goal in own))
    return PersonSequence(
        problem=Problem(chain=chain, costs=costs, prior=part.prior, active=part.active),
        start=start,
        frame=torch.arange(len(time)),
        time=torch.from_numpy(time),
        smoothness=Smoothness(
            joint_sigma=_CALM * part.smoothness.joint_sigma,
            root_sigma=_CALM * part.smoothness.root_sigma,
        ),
        capsules=capsules,
    )


def _lay_out(body: Body, chain: Chain, person: BodyMotion, columns: list[int]):
    shape = torch.from_numpy(person.shape[0].astype(np.float32))
    wide, capsules = add_capsules(body, chain, shape=shape)
    turns = np.concatenate(
        [person.T_world_root[0, :, None, :4], person.R_parent_joint[0][:, columns]], 1
    )
    pose = Pose(
        quaternion_to_matrix(torch.from_numpy(turns.astype(np.float32))),
        torch.from_numpy(person.T_world_root[0, :, 4:].astype(np.float32).copy()),
        shape.expand(len(turns), -1),
    )
    return wide, capsules, pose


def _stay(chain: Chain, points: Float[Tensor, "T K 3"], own: list[Goal]) -> PointAnchor:
    weight = torch.full_like(points, 1 / _BODY_SIGMA)
    for goal in own:
        side = goal.point.split("_")[0]
        loose = [
            row
            for row, name in enumerate(chain.points)
            if name.startswith(side) and not name.endswith(("hip", "knee", "ankle", "heel", "toe"))
        ]
        share = goal.weight[:, None, None]
        loosened = (1 - share) / _BODY_SIGMA + share / _ARM_SIGMA
        weight[:, loose] = torch.minimum(weight[:, loose], loosened)
    return PointAnchor(point=torch.arange(points.shape[1]), target=points, weight=weight)


def _draw_to(chain: Chain, goal: Goal) -> PointAnchor:
    return PointAnchor(
        point=torch.tensor([chain.points.index(goal.point)]),
        target=goal.target[:, None],
        weight=(goal.weight / _HAND_SIGMA)[:, None, None].expand(-1, 1, 3),
    )


def _put_in(person: BodyMotion, pose: Pose, columns: list[int]) -> BodyMotion:
    turns = matrix_to_quaternion(pose.rotation).numpy()
    root = np.concatenate([turns[:, 0], pose.translation.numpy()], 1)
    joints = person.R_parent_joint.copy()
    joints[0][:, columns] = turns[:, 1:]
    return replace(person, T_world_root=root[None].astype(np.float32), R_parent_joint=joints)
