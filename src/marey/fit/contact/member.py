"""One person's frames of a stretch, laid out: what holds the body where it was fitted."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.fit.chain import Pose
from marey.fit.contact.capsules import Capsules
from marey.fit.contact.crowd import Crowd
from marey.fit.contact.hold import PointHold
from marey.fit.costs import RotationPrior
from marey.fit.pose_costs import PoseAnchor
from marey.fit.problem import Problem
from marey.fit.sequence import Smoothness
from marey.fit.tree import place_fast

_STANDS = 0.5
"""Least probability of contact of a point that stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One person's part of a stretch: L of its frames."""

    person: int
    """Which of the motion's people."""
    frame: Int[np.ndarray, "L"]
    """Which frames of the stretch, ascending."""
    problem: Problem
    """What holds the body; zero at the fit, for points and pose alike."""
    fit: Pose
    held: Bool[np.ndarray, "L"]
    """Frames that stay: seams to what is not solved here."""
    time: Float[Tensor, "L"]
    smoothness: Smoothness
    capsules: Capsules


def lay_out_member(
    crowd: Crowd, person: int, start: int, stop: int, held: Bool[np.ndarray, "T"]
) -> Member:
    """Lay out one person's frames of a stretch.

    Args:
        crowd: Everyone.
        person: Whom.
        start: First frame.
        stop: One past the last.
        held: Frames of the motion that stay as they are.
    """
    frames = np.arange(start, stop)[crowd.solved[person, start:stop]]
    rows, options, chain = torch.from_numpy(frames), crowd.options, crowd.chains[person]
    fit = crowd.fit[person][rows]
    points = place_fast(chain, fit).points
    anchor = PoseAnchor(
        target_rotation=fit.rotation,
        target_translation=fit.translation,
        joint_weight=points.new_full((len(rows), len(chain.joints)), 1 / options.joint_sigma),
        root_weight=points.new_zeros(len(rows)),
        kernel="none",
    )
    problem = Problem(
        chain=chain,
        costs=(_hold(crowd, person, rows, points),),
        prior=no_prior(len(chain.joints)),
        pose_costs=(anchor,),
        shape_sigma=float("inf"),
        active=crowd.part.active,
    )
    return Member(
        person=person,
        frame=frames - start,
        problem=problem,
        fit=fit,
        held=held[frames],
        time=torch.from_numpy(crowd.given.time[frames]),
        smoothness=_steady(crowd),
        capsules=crowd.capsules[person],
    )


def _steady(crowd: Crowd) -> Smoothness:
    own, times = crowd.part.smoothness, crowd.options.steady
    return replace(own, joint_sigma=own.joint_sigma / times, root_sigma=own.root_sigma / times)


def _hold(
    crowd: Crowd, person: int, rows: Int[Tensor, "L"], points: Float[Tensor, "L K 3"]
) -> PointHold:
    """Return what the keypoints say of every point; evenly where there are none."""
    weight, options = _planted(crowd, person, rows, points), crowd.options
    own = len(crowd.part.chain.points)
    if crowd.views is None:
        weight[:, :own, [0, 3, 5]] += options.point_sigma**-2
        return PointHold(target=points, weight=weight)
    for cost in crowd.views.of(person, crowd.chains[person])(rows):
        pull = cost.pull(points.float())
        weight[:, pull.point] += pull.hessian.double()
    weight[:, :own, [0, 3, 5]] += options.unseen_sigma**-2
    return PointHold(target=points, weight=weight)


def _planted(
    crowd: Crowd, person: int, rows: Int[Tensor, "L"], points: Float[Tensor, "L K 3"]
) -> Float[Tensor, "L K 6"]:
    """Hold points that stand on the floor."""
    weight, motion = points.new_zeros(*points.shape[:2], 6), crowd.given
    for column, name in enumerate(motion.contact_names if motion.contact is not None else ()):
        if motion.contact is not None and name in crowd.chains[person].points:
            stands = torch.from_numpy(motion.contact[person, rows.numpy(), column] >= _STANDS)
            point = crowd.chains[person].points.index(name)
            for entry in (0, 3, 5):
                weight[:, point, entry] = stands.double() * crowd.options.planted_sigma**-2
    return weight


def no_prior(num_joints: int) -> RotationPrior:
    """Return a prior that says nothing."""
    free = torch.full((num_joints, 3), torch.inf, dtype=torch.float64)
    return RotationPrior(mean=torch.zeros_like(free), sigma=free, low=-free, high=free)
