"""Wrist and fingers of one hand, fitted to its 21 keypoints while the body is held.

The second of the two stages HardMo's supplement describes: the body has placed the elbow, which
is the root of the hand's chain and does not move here. Where a hand is not seen, its wrist keeps
the body's answer and the fingers go to rest through the sequence prior.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.capture.fit_windows import solve_single, solve_windows
from marey.capture.observe import Observation, PinholeView
from marey.fit.chain import Chain, Pose, exp_so3, log_so3
from marey.fit.frames import LmOptions
from marey.fit.limits import rotation_prior
from marey.fit.problem import Problem, pose_columns
from marey.fit.sequence import Smoothness

_WINDOW = 120
_AHEAD = 20
_WRIST_ACCELERATION = 80.0
_FINGER_ACCELERATION = 60.0
_MIN_POINTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What the body's fit says about an arm, camera axes; NaN where not solved."""

    elbow_rotation: Float[Tensor, "L 3 3"]
    """World rotation."""
    elbow_position: Float[Tensor, "L 3"]
    """m"""
    wrist: Float[Tensor, "L 3 3"]
    """Local rotation."""
    shape: Float[Tensor, "S"]


def solve_hand(
    chain: Chain,
    observation: Observation,
    arm: Arm,
    *,
    view: PinholeView,
    time: Float[np.ndarray, "L"],
    solved: Bool[np.ndarray, "L"],
    advance: Callable[[int], None],
) -> Float[Tensor, "L J 3 3"]:
    """Fit one hand over a person's span.

    Args:
        chain: The hand chain: elbow, wrist, fingers.
        observation: The hand's keypoints in the chain's order.
        arm: Where the body's fit holds the hand.
        view: The camera.
        time: Time of each frame, s.
        solved: Frames to solve.
        advance: Called with the number of frames finished.

    Returns:
        Local rotations of the chain's joints; the elbow's entry is its world rotation. NaN where
        not solved.
    """
    rest = exp_so3(rotation_prior(chain.joints).mean)
    rotation = rest.expand(len(time), -1, -1, -1).clone()
    rotation[:, 0], rotation[:, 1] = arm.elbow_rotation, arm.wrist
    start = Pose(rotation, arm.elbow_position, arm.shape.expand(len(time), -1))
    seen = ((observation.image_weight > 0).sum(1) >= _MIN_POINTS).numpy() & solved
    if not seen.any():
        advance(len(time))
        return _mark_unsolved(rotation, solved)
    problem = _make_problem(chain, observation, view, arm.wrist)
    single = solve_single(problem, start, seen, LmOptions(iterations=15))
    return solve_windows(
        problem,
        single,
        time,
        solved=solved,
        smoothness=_smoothness(chain),
        size=_WINDOW,
        ahead=_AHEAD,
        advance=advance,
    ).rotation


def _make_problem(
    chain: Chain, observation: Observation, view: PinholeView, wrist: Tensor
) -> Problem:
    prior = rotation_prior(chain.joints)
    # The body's wrist, decided by the knuckles alone, is only a start; the mean stays anatomical,
    # drawn half-way to the body's typical answer so that a hidden hand does not snap to rest.
    typical = log_so3(wrist[torch.isfinite(wrist).all(-1).all(-1)]).median(0).values
    prior.mean[1] = 0.5 * prior.mean[1] + 0.5 * typical
    points = list(range(len(chain.points)))
    return Problem(
        chain=chain,
        costs=(observation.reprojection(view), observation.relative(points)),
        prior=prior,
        active=pose_columns(chain, chain.joints[1:], root=False),
    )


def _smoothness(chain: Chain) -> Smoothness:
    fingers = len(chain.joints) - 2
    sigma = [_WRIST_ACCELERATION] * 2 + [_FINGER_ACCELERATION] * fingers
    return Smoothness(joint_sigma=torch.tensor(sigma))


def _mark_unsolved(rotation: Tensor, solved: Bool[np.ndarray, "L"]) -> Tensor:
    rotation[~torch.from_numpy(solved)] = torch.nan
    return rotation
