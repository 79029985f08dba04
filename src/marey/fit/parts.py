"""Parts of a body that are fitted to their own keypoints, as data: the body, a foot, a hand.

A stage names the joints that turn and the keypoints that decide them. What carries them stands
still, as HardMo's supplement (S-C) describes: the body first, then a hand with the body held; a
foot in a single step. A body may lack some of the joints (SMPL has no fingers) and some of the
points; it then does with those it has.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.body import Body
from marey.core.scratch import chunks
from marey.fit.chain import Chain, Pose, exp_so3, log_so3
from marey.fit.chains import BODY_POINTS, body_chain, cut_chain, find_point, hand_points
from marey.fit.costs import RotationPrior
from marey.fit.frames import LmOptions
from marey.fit.learned_prior import load_learned_prior
from marey.fit.limits import rotation_prior
from marey.fit.problem import JointPrior, PointCost, Problem, pose_columns
from marey.fit.sequence import Smoothness
from marey.fit.windows import WindowOptions, runs, solve_single, solve_windows

_SIDES = ("left", "right")
_DIGITS = ("thumb", "index", "middle", "ring", "pinky")
_TRUNK = ("spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of a fit to whole-body keypoints."""

    name: str
    carrier: str | None
    """The joint that carries what turns, held with everything above it; None: nothing is held."""
    joints: tuple[str, ...]
    """Joints that turn, so far as the rig has them; empty for all of the body but its fingers."""
    points: tuple[str, ...]
    """Keypoints that decide them, so far as the body has them."""
    share: float
    """Least share of these points that must be seen for a frame to be solved."""
    acceleration: tuple[float, float]
    """rad/s^2 expected of the first joint (of the trunk) and of the others."""
    learned: bool
    """Whether motion capture says what is plausible; else the table of anatomical ranges."""
    root_acceleration: float = 5.0
    """m/s^2 expected of the root, where it moves."""


BODY = Stage(
    name="body",
    carrier=None,
    joints=(),
    points=BODY_POINTS,
    share=0.2,
    acceleration=(15.0, 40.0),
    learned=True,
)
LEFT_FOOT, RIGHT_FOOT = (
    Stage(
        name=f"{side}_foot",
        carrier=f"{side}_knee",
        joints=(f"{side}_ankle", f"{side}_foot"),
        points=tuple(f"{side}_{part}" for part in ("big_toe", "small_toe", "heel")),
        share=0.3,
        acceleration=(60.0, 60.0),
        learned=True,
    )
    for side in _SIDES
)
LEFT_HAND, RIGHT_HAND = (
    Stage(
        name=f"{side}_hand",
        carrier=f"{side}_elbow",
        joints=(
            f"{side}_wrist",
            f"{side}_hand",
            *(f"{side}_{digit}{k}" for digit in _DIGITS for k in (1, 2, 3)),
        ),
        points=hand_points(side),
        share=0.38,
        acceleration=(80.0, 60.0),
        learned=False,
    )
    for side in _SIDES
)
FEET, HANDS = (LEFT_FOOT, RIGHT_FOOT), (LEFT_HAND, RIGHT_HAND)
HARD_CASES = (BODY, *FEET, *HANDS)
"""The body with wrists and feet roughly right, then feet and hands with the body held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a stage means for one body."""

    stage: Stage
    chain: Chain
    """Its root is the carrier; for the body, the body's own root."""
    active: Int[Tensor, "Q"]
    """Columns that move (`pose_columns`)."""
    prior: JointPrior
    smoothness: Smoothness

    @property
    def moving(self) -> tuple[int, ...]:
        """Joints of the chain that turn."""
        first = 0 if self.stage.carrier is None else 1
        return tuple(range(first, len(self.chain.joints)))

    def judge(self, weight: Float[Tensor, "B K"]) -> Bool[np.ndarray, "B"]:
        """Tell in which frames enough points are seen, given their weights."""
        return ((weight > 0).float().mean(1) >= self.stage.share - 1e-6).numpy()


def make_part(body: Body, stage: Stage) -> Part | None:
    """Cut out of a body what a stage moves; None if the body lacks it or its points.

    Args:
        body: The body.
        stage: The stage.
    """
    points = tuple(name for name in stage.points if find_point(body, name) is not None)
    if stage.carrier is None:
        chain = cut_chain(body, body_chain(body).joints, points)
        active = pose_columns(chain)
    else:
        joints = _joints_below(body, stage)
        if len(joints) < 2 or len(points) < 2:
            return None
        chain = cut_chain(body, joints, points)
        active = pose_columns(chain, chain.joints[1:], root=False)
    learned = load_learned_prior(chain.joints) if stage.learned else None
    return Part(
        stage=stage,
        chain=chain,
        active=active,
        prior=learned or rotation_prior(chain.joints),
        smoothness=_smoothness(stage, chain),
    )


def _joints_below(body: Body, stage: Stage) -> tuple[str, ...]:
    """Return the carrier and the stage's joints that hang below it without a gap."""
    names, found = body.joint_names, []
    for row, name in enumerate(names):
        above = names[body.parents[row]] if row else None
        if name == stage.carrier or (name in stage.joints and above in found):
            found.append(name)
    return tuple(found)


def _smoothness(stage: Stage, chain: Chain) -> Smoothness:
    first, other = stage.acceleration
    slow = _TRUNK if stage.carrier is None else chain.joints[1:2]
    sigma = [first if joint in (chain.joints[0], *slow) else other for joint in chain.joints]
    return Smoothness(joint_sigma=torch.tensor(sigma), root_sigma=stage.root_acceleration)


def rest_rotations(part: Part) -> Float[Tensor, "J 3 3"]:
    """Return the mean pose of anatomy: fingers half curled."""
    return exp_so3(rotation_prior(part.chain.joints).mean)


def draw_to_typical(part: Part, first: Float[Tensor, "L 3 3"]) -> Part:
    """Draw the mean of the first joint half-way to what the body's fit typically says of it.

    The body's wrist, decided by the knuckles alone, is only a start; the mean stays anatomical, but
    a hand that is hidden should not snap to rest.

    Args:
        part: A hand.
        first: Local rotations of its first joint in the body's fit; NaN where not solved.
    """
    assert isinstance(part.prior, RotationPrior)
    parts = [first[frames] for frames in chunks(len(first))]
    vectors = torch.cat([log_so3(p[torch.isfinite(p).all(-1).all(-1)]) for p in parts])
    mean = part.prior.mean.clone()
    if len(vectors):
        mean[1] = 0.5 * mean[1] + 0.5 * vectors.median(0).values
    return replace(part, prior=replace(part.prior, mean=mean))


def solve_part(
    part: Part,
    costs_of: Callable[[Tensor | slice], tuple[PointCost, ...]],
    poses: Pose,
    *,
    time: Float[np.ndarray, "L"] | None,
    solved: Bool[np.ndarray, "L"],
    seen: Bool[np.ndarray, "L"],
    options: WindowOptions | None = None,
    advance: Callable[[int], None] = lambda frames: None,
) -> None:
    """Fit a part, in place: every frame where it is seen, then the sequence.

    Args:
        part: The part.
        costs_of: Measurements of some frames, by the part's points.
        poses: First poses of the part's chain, finite wherever solved; NaN elsewhere afterwards.
        time: Time of each frame, s; None leaves frames independent of one another.
        solved: Frames that have a pose.
        seen: Those in which enough points are seen; the others keep their pose, or follow their
            neighbours in a sequence.
        options: How the sequence is cut.
        advance: Called with the number of frames finished.
    """

    def problem_of(frames: Tensor | slice) -> Problem:
        return part_problem(part, costs_of(frames))

    seen = seen & solved
    if seen.any():
        solve_single(problem_of, poses, seen, LmOptions(iterations=15))
    if time is None or not seen.any():
        for gap in runs(~solved):
            poses.rotation[gap], poses.translation[gap] = torch.nan, torch.nan
        advance(len(poses))
        return
    solve_windows(
        problem_of,
        poses,
        time,
        solved=solved,
        smoothness=part.smoothness,
        options=options,
        advance=advance,
    )


def part_problem(part: Part, costs: tuple[PointCost, ...]) -> Problem:
    """Return the least-squares problem of some frames of a part."""
    return Problem(chain=part.chain, costs=costs, prior=part.prior, active=part.active)
