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

from marey.capture.observe import Observation, PinholeView
from marey.capture.spans import runs
from marey.core.scratch import Scratch, chunks
from marey.fit.chain import Chain, exp_so3, log_so3
from marey.fit.costs import RotationPrior
from marey.fit.frames import LmOptions
from marey.fit.limits import rotation_prior
from marey.fit.problem import Problem, pose_columns
from marey.fit.sequence import Smoothness
from marey.fit.windows import allocate_poses, solve_single, solve_windows

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
    scratch: Scratch | None = None,
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
        scratch: Where the arrays of a long span lie.

    Returns:
        Local rotations of the chain's joints; the elbow's entry is its world rotation. NaN where
        not solved.
    """
    scratch = scratch or Scratch()
    rest = exp_so3(rotation_prior(chain.joints).mean)
    poses = allocate_poses(scratch, "poses", len(time), len(chain.joints), arm.shape)
    seen = np.zeros(len(time), bool)
    for frames in chunks(len(time)):
        poses.rotation[frames] = rest
        poses.rotation[frames, 0] = arm.elbow_rotation[frames]
        poses.rotation[frames, 1] = arm.wrist[frames]
        poses.translation[frames] = arm.elbow_position[frames]
        seen[frames] = ((observation.image_weight[frames] > 0).sum(1) >= _MIN_POINTS).numpy()
    seen &= solved
    if not seen.any():
        advance(len(time))
        for gap in runs(~solved):
            poses.rotation[gap] = torch.nan
        return poses.rotation
    prior, active = _make_prior(chain, arm.wrist), pose_columns(chain, chain.joints[1:], root=False)
    points = list(range(len(chain.points)))

    def problem_of(frames: Tensor | slice) -> Problem:
        # The pages of the frames before are not needed any more.
        scratch.release()
        part = observation.take(frames)
        costs = (part.reprojection(view), part.relative(points))
        return Problem(chain=chain, costs=costs, prior=prior, active=active)

    solve_single(problem_of, poses, seen, LmOptions(iterations=15))
    solve_windows(
        problem_of,
        poses,
        time,
        solved=solved,
        smoothness=_smoothness(chain),
        advance=advance,
    )
    return poses.rotation


def _make_prior(chain: Chain, wrist: Float[Tensor, "L 3 3"]) -> RotationPrior:
    prior = rotation_prior(chain.joints)
    # The body's wrist, decided by the knuckles alone, is only a start; the mean stays anatomical,
    # drawn half-way to the body's typical answer so that a hidden hand does not snap to rest.
    parts = [wrist[frames] for frames in chunks(len(wrist))]
    vectors = [log_so3(part[torch.isfinite(part).all(-1).all(-1)]) for part in parts]
    prior.mean[1] = 0.5 * prior.mean[1] + 0.5 * torch.cat(vectors).median(0).values
    return prior


def _smoothness(chain: Chain) -> Smoothness:
    fingers = len(chain.joints) - 2
    sigma = [_WRIST_ACCELERATION] * 2 + [_FINGER_ACCELERATION] * fingers
    return Smoothness(joint_sigma=torch.tensor(sigma))
