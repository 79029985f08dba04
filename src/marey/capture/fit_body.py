"""Keypoints of one person to the motion of a body: shape, poses frame by frame, then in sequence.

1. One shape, from the frames seen best: poses and shape together (Schur complement).
2. Every observed frame on its own, in batches (`first_pose` says where it starts).
3. Windows of the sequence with an acceleration prior; short gaps are bridged there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.capture.observe import Observation, PinholeView
from marey.capture.plant import plant_feet
from marey.capture.spans import Presence, runs
from marey.capture.views.first_pose import first_poses
from marey.core.scratch import Scratch, chunks
from marey.fit.chain import Chain, Pose, exp_so3, log_so3
from marey.fit.costs import PointAnchor
from marey.fit.frames import LmOptions, solve_frames, solve_shared_shape
from marey.fit.learned_prior import load_learned_prior
from marey.fit.problem import PointCost, Problem, pose_columns
from marey.fit.sequence import Smoothness
from marey.fit.windows import (
    MakeProblem,
    WindowOptions,
    allocate_poses,
    solve_single,
    solve_windows,
)

_FIRST, _AROUND = 512, 48
"""Frames whose first poses are found together, and how far those look beyond on either side."""
_SHAPE_FRAMES = 48
_INDEPENDENT_FRAMES = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How the body is fitted."""

    space_sigma: tuple[float, float, float] = (0.15, 0.15, 0.20)
    """Trust in the network's 3D landmarks: across, down, along the view (m)."""
    joint_acceleration: float = 40.0
    """rad/s^2 expected of limbs."""
    trunk_acceleration: float = 15.0
    """rad/s^2 expected of root, spine, neck, head and collars."""
    root_acceleration: float = 5.0
    """m/s^2 expected of the root."""
    window: int = 120
    ahead: int = 30
    max_gap: float = 0.5
    """Longest gap to bridge, s."""
    hold_feet: bool = True
    """Whether feet that rest are held where they stand (`plant`)."""


def solve_body(
    chain: Chain,
    observation: Observation,
    view: PinholeView,
    presence: Presence,
    *,
    options: FitOptions,
    advance: Callable[[int], None],
    scratch: Scratch | None = None,
) -> Pose:
    """Fit the body chain to one person.

    Args:
        chain: The body chain.
        observation: Keypoints in the chain's order.
        view: The camera.
        presence: When the person is to be solved; observed in one frame at least.
        options: Weights and window sizes.
        advance: Called with the number of frames finished, twice for each.
        scratch: Where the arrays of a long span lie.

    Returns:
        Poses of all L frames in camera axes; NaN where not solved.
    """
    scratch = scratch or Scratch()
    time, observed, solved = presence.time, presence.observed, presence.solved
    prior, active = load_learned_prior(chain.joints), pose_columns(chain)
    anchor: PointAnchor | None = None

    def problem_of(frames: Tensor | slice) -> Problem:
        # The pages of the frames before are not needed any more.
        scratch.release()
        costs = _measurements(chain, observation.take(frames), view)
        if anchor is not None:
            held = replace(anchor, target=anchor.target[frames], weight=anchor.weight[frames])
            costs = (*costs, held)
        return Problem(chain=chain, costs=costs, prior=prior, active=active)

    unshaped = torch.zeros(chain.shapedirs.shape[-1])
    poses = allocate_poses(scratch, "poses", len(time), len(chain.joints), unshaped)
    _find_first_poses(problem_of, poses, observation, view)
    shape = _find_shape(problem_of, poses, observation, observed)
    poses = replace(poses, shape=shape.expand(len(time), -1))
    solve_single(problem_of, poses, observed)
    _fill_gaps(poses, observed, solved, time)

    def solve_in_sequence() -> None:
        solve_windows(
            problem_of,
            poses,
            time,
            solved=solved,
            smoothness=_smoothness(chain, options),
            options=WindowOptions(size=options.window, ahead=options.ahead),
            advance=advance,
        )

    solve_in_sequence()
    if options.hold_feet:
        weight = observation.image_weight
        anchor = plant_feet(chain, poses, weight, time, scratch=scratch)
    if anchor is None:
        advance(int(solved.sum()))
    else:
        solve_in_sequence()
    return poses


def _measurements(
    chain: Chain, observation: Observation, view: PinholeView
) -> tuple[PointCost, ...]:
    names = chain.points
    body = [k for k, name in enumerate(names) if not _is_hand(name)]
    costs = [observation.reprojection(view), observation.relative(body)]
    for side in ("left", "right"):
        palm = [k for k, name in enumerate(names) if _is_hand(name) and name.startswith(side)]
        costs.append(observation.relative(palm))
    return tuple(costs)


def _is_hand(name: str) -> bool:
    return name.endswith(("hand_wrist", "thumb1", "index1", "middle1", "ring1", "pinky1"))


def _find_first_poses(
    problem_of: MakeProblem, poses: Pose, observation: Observation, view: PinholeView
) -> None:
    for keep in chunks(len(poses), _FIRST):
        # Which way a person faces is decided by the frames around as well.
        around = slice(max(0, keep.start - _AROUND), min(len(poses), keep.stop + _AROUND))
        found = first_poses(problem_of(around), observation.take(around), view)
        inner = slice(keep.start - around.start, keep.stop - around.start)
        poses.rotation[keep] = found.rotation[inner]
        poses.translation[keep] = found.translation[inner]


def _find_shape(
    problem_of: MakeProblem,
    start: Pose,
    observation: Observation,
    observed: Bool[np.ndarray, "L"],
) -> Float[Tensor, "S"]:
    """Estimate one shape from frames that are well seen and spread over the sequence."""
    parts = chunks(len(observed))
    seen = np.concatenate([observation.image_weight[part].sum(1).numpy() for part in parts])
    seen *= observed
    parts = np.array_split(np.flatnonzero(observed), min(_SHAPE_FRAMES, int(observed.sum())))
    best = torch.tensor([int(part[np.argmax(seen[part])]) for part in parts])
    part = problem_of(best)
    first = solve_frames(part, start[best], LmOptions(iterations=12))
    free = pose_columns(part.chain, shape=True)
    # What a detector calls a hip is not where a rig's hip turns, and that error is the same in
    # every frame: many frames weigh as much as a few independent ones.
    sigma = min(1.0, _INDEPENDENT_FRAMES / len(best)) ** 0.5
    joint = replace(part, active=free, shape_sigma=sigma)
    return solve_shared_shape(joint, first.pose, iterations=12).pose.shape[0]


def _fill_gaps(
    pose: Pose, observed: Bool[np.ndarray, "L"], solved: Bool[np.ndarray, "L"], time: np.ndarray
) -> None:
    """Start the frames of a bridged gap on the way from its one end to the other, in place."""
    rotation, translation = pose.rotation, pose.translation
    for gap in runs(solved & ~observed):
        before, after = gap.start - 1, gap.stop
        length = max(time[after] - time[before], 1e-9)
        share = torch.from_numpy((time[gap] - time[before]) / length).to(translation.dtype)
        travel = translation[after] - translation[before]
        turn = log_so3(rotation[before].mT @ rotation[after])
        translation[gap] = translation[before] + share[:, None] * travel
        rotation[gap] = rotation[before] @ exp_so3(share[:, None, None] * turn)


_TRUNK = ("spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar")


def _smoothness(chain: Chain, options: FitOptions) -> Smoothness:
    trunk = (chain.joints[0], *_TRUNK)
    sigma = [
        options.trunk_acceleration if joint in trunk else options.joint_acceleration
        for joint in chain.joints
    ]
    return Smoothness(
        joint_sigma=torch.tensor(sigma, dtype=torch.float32), root_sigma=options.root_acceleration
    )
