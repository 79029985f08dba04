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

from marey.capture.first_pose import first_poses
from marey.capture.fit_windows import solve_single, solve_windows
from marey.capture.observe import Observation, PinholeView
from marey.capture.plant import plant_feet
from marey.capture.spans import runs
from marey.fit.chain import Chain, Pose, exp_so3, log_so3, place
from marey.fit.frames import LmOptions, solve_frames, solve_shared_shape
from marey.fit.limits import rotation_prior
from marey.fit.problem import Problem, pose_columns
from marey.fit.sequence import Smoothness

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
    ahead: int = 20
    max_gap: float = 0.5
    """Longest gap to bridge, s."""


def solve_body(
    chain: Chain,
    observation: Observation,
    view: PinholeView,
    time: Float[np.ndarray, "L"],
    *,
    observed: Bool[np.ndarray, "L"],
    solved: Bool[np.ndarray, "L"],
    options: FitOptions,
    advance: Callable[[int], None],
) -> Pose:
    """Fit the body chain to one person.

    Args:
        chain: The body chain.
        observation: Keypoints in the chain's order.
        view: The camera.
        time: Time of each frame, s.
        observed: Frames with enough keypoints; at least one.
        solved: Frames to solve: the observed ones and the gaps to bridge.
        options: Weights and window sizes.
        advance: Called with the number of frames finished, twice for each.

    Returns:
        Poses of all L frames in camera axes; NaN where not solved.
    """
    problem = _make_problem(chain, observation, view)
    start = first_poses(problem, observation, view)
    shape = _find_shape(problem, start, observation, observed)
    start = Pose(start.rotation, start.translation, shape.expand(len(start), -1).clone())
    single = solve_single(problem, start, observed)
    filled = _fill_gaps(single, observed, solved, time)

    def solve_in_sequence(problem: Problem, start: Pose) -> Pose:
        return solve_windows(
            problem,
            start,
            time,
            solved=solved,
            smoothness=_smoothness(chain, options),
            size=options.window,
            ahead=options.ahead,
            advance=advance,
        )

    free = solve_in_sequence(problem, filled)
    anchor = plant_feet(chain, place(chain, free), observation, time)
    if anchor is None:
        advance(int(solved.sum()))
        return free
    return solve_in_sequence(replace(problem, costs=(*problem.costs, anchor)), free)


def _make_problem(chain: Chain, observation: Observation, view: PinholeView) -> Problem:
    names = chain.points
    body = [k for k, name in enumerate(names) if not _is_hand(name)]
    costs = [observation.reprojection(view), observation.relative(body)]
    for side in ("left", "right"):
        palm = [k for k, name in enumerate(names) if _is_hand(name) and name.startswith(side)]
        costs.append(observation.relative(palm))
    return Problem(
        chain=chain,
        costs=tuple(costs),
        prior=rotation_prior(chain.joints),
        active=pose_columns(chain),
    )


def _is_hand(name: str) -> bool:
    return name.endswith(("hand_wrist", "thumb1", "index1", "middle1", "ring1", "pinky1"))


def _find_shape(
    problem: Problem, start: Pose, observation: Observation, observed: Bool[np.ndarray, "L"]
) -> Float[Tensor, "S"]:
    """Estimate one shape from frames that are well seen and spread over the sequence."""
    seen = observation.image_weight.sum(1).numpy() * observed
    parts = np.array_split(np.flatnonzero(observed), min(_SHAPE_FRAMES, int(observed.sum())))
    best = torch.tensor([int(part[np.argmax(seen[part])]) for part in parts])
    part = problem.take(best)
    first = solve_frames(part, start[best], LmOptions(iterations=12))
    free = pose_columns(problem.chain, shape=True)
    # What a detector calls a hip is not where a rig's hip turns, and that error is the same in
    # every frame: many frames weigh as much as a few independent ones.
    sigma = min(1.0, _INDEPENDENT_FRAMES / len(best)) ** 0.5
    joint = replace(part, active=free, shape_sigma=sigma)
    return solve_shared_shape(joint, first.pose, iterations=12).pose.shape[0]


def _fill_gaps(
    pose: Pose, observed: Bool[np.ndarray, "L"], solved: Bool[np.ndarray, "L"], time: np.ndarray
) -> Pose:
    """Start the frames of a bridged gap on the way from its one end to the other."""
    rotation, translation = pose.rotation.clone(), pose.translation.clone()
    for gap in runs(solved & ~observed):
        before, after = gap.start - 1, gap.stop
        length = max(time[after] - time[before], 1e-9)
        share = torch.from_numpy((time[gap] - time[before]) / length).to(translation.dtype)
        travel = translation[after] - translation[before]
        turn = log_so3(rotation[before].mT @ rotation[after])
        translation[gap] = translation[before] + share[:, None] * travel
        rotation[gap] = rotation[before] @ exp_so3(share[:, None, None] * turn)
    return Pose(rotation, translation, pose.shape)


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
