"""Wrist and fingers of one hand of a person in one view, fitted while the body is held.

The second of the two stages HardMo's supplement describes (`fit.parts` does the work): the body
has placed the elbow, which does not move here. Where a hand is not seen, its wrist keeps the
body's answer and the fingers go to rest through the sequence prior.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from marey.capture.observe import Observation, PinholeView
from marey.core.scratch import Scratch, chunks
from marey.fit.costs import RelativePoints, Reprojection
from marey.fit.parts import Part, draw_to_typical, rest_rotations, solve_part
from marey.fit.windows import allocate_poses


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
    hand: Part,
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
        hand: Elbow, wrist and what hangs below.
        observation: The hand's keypoints in the order of its points.
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
    rest, num_joints = rest_rotations(hand), len(hand.chain.joints)
    poses = allocate_poses(scratch, "poses", len(time), num_joints, arm.shape)
    seen = np.zeros(len(time), bool)
    for frames in chunks(len(time)):
        poses.rotation[frames] = rest
        poses.rotation[frames, 0] = arm.elbow_rotation[frames]
        poses.rotation[frames, 1] = arm.wrist[frames]
        poses.translation[frames] = arm.elbow_position[frames]
        seen[frames] = hand.judge(observation.image_weight[frames])
    points = list(range(len(hand.chain.points)))

    def costs_of(frames: Tensor | slice) -> tuple[Reprojection, RelativePoints]:
        # The pages of the frames before are not needed any more.
        scratch.release()
        part = observation.take(frames)
        return part.reprojection(view), part.relative(points)

    solve_part(
        draw_to_typical(hand, arm.wrist),
        costs_of,
        poses,
        time=time,
        solved=solved,
        seen=seen,
        advance=advance,
    )
    return poses.rotation
