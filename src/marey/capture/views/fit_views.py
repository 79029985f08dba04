"""One person's keypoints in several calibrated views to the motion of a body in the world.

The three stages of Harmony4D's mesh fit (supplement, Table 1; collisions apart) on the solvers of
`fit`, each to convergence instead of ten rounds of all:

1. Where the body is and faces: in closed form from hips and shoulders (Procrustes), limbs aimed at
   their points. A regressor's estimate can take the place of this guess (`first`).
2. One shape: the lengths of limbs, which no pose changes, then shape and poses of a sample of
   frames together (Schur complement).
3. All poses: every frame on its own, then the sequence with an acceleration prior, and again with
   feet held that rest in it (`capture/plant.py`); wrists and fingers afterwards with the body held,
   where the keypoints have hands.

Measurements are the image points of all views under their own sigmas, which contain the rays of
points that one view alone sees, and the triangulated, refined points, which know where a point is
while no view sees it and bring a far start home.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.body import Body
from marey.capture.fit_body import FitOptions
from marey.capture.plant import FOOT_POINTS, Stance, plant_feet
from marey.capture.spans import bridge_gaps
from marey.capture.views.hands_in_views import SolvedHands, solve_hands_in_views
from marey.capture.views.view_data import ViewData, ViewsOfPerson, lay_out
from marey.core import BodyMotion, Cameras
from marey.core.scratch import Scratch
from marey.fit.chain import Chain, Pose, exp_so3
from marey.fit.chains import body_chain, cut_chain
from marey.fit.costs import PointAnchor
from marey.fit.frames import LmOptions, solve_frames, solve_shared_shape
from marey.fit.initial import initial_pose, procrustes_rotation
from marey.fit.learned_prior import load_learned_prior
from marey.fit.limb_costs import make_limb_shape
from marey.fit.limits import rotation_prior
from marey.fit.problem import PointCost, Problem, pose_columns
from marey.fit.sequence import Smoothness
from marey.fit.tree import place_fast
from marey.fit.windows import WindowOptions, allocate_poses, solve_single, solve_windows
from marey.geometry.rotation import matrix_to_quaternion

CORE = tuple(
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
"""Keypoints that decide whether a person is observed at all."""
_MIN_CORE = 5
_BRIDGED_CONFIDENCE = 0.1
_LIMBS = ("knee", "ankle", "elbow", "wrist")
"""Lower joints of the limbs whose length no pose changes."""
_LIMB_SIGMA_M = 0.01
_PLANTED_SIGMA_M = 0.005
_UPRIGHT = 0.7
"""Least mean of how far a person's own up points along the world's; below it, up is not known."""
_SHAPE_FRAMES = 48
_INDEPENDENT_FRAMES = 3.0
"""What a detector calls a hip is not where a rig's hip turns, in every frame and view alike: many
of them weigh as much as a few independent ones."""
_TRUNK = ("spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar")

FirstPoses = Callable[[Chain, Float[Tensor, "T K 3"]], Pose]
"""A guess of all poses from the points of a chain, NaN where missing: closed-form, or a network's
answer laid out for the chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewsFit:
    """A fitted person."""

    motion: BodyMotion
    """N = 1, in the world; NaN with confidence 0 where not solved."""
    residual: Float[np.ndarray, "T K"]
    """Distance between the points and the body, m; NaN where either is missing."""


def fit_views(
    body: Body,
    person: ViewsOfPerson,
    cameras: Cameras,
    *,
    name: str = "01",
    options: FitOptions | None = None,
    first: FirstPoses | None = None,
) -> ViewsFit | None:
    """Fit a body to one person seen by several cameras.

    Args:
        body: The body.
        person: Keypoints and triangulated points.
        cameras: The views.
        name: Name of the person.
        options: Accelerations expected of a person, window sizes, longest gap.
        first: Where the fit starts; from the points alone if None.

    Returns:
        The fit, or None if the person is never seen well enough.
    """
    options = options or FitOptions()
    whole = body_chain(body)
    wanted = {*person.skeleton.keypoints, *FOOT_POINTS}
    chain = cut_chain(body, whole.joints, tuple(name for name in whole.points if name in wanted))
    data = lay_out(chain, person, cameras)
    observed = _observe_core(chain, data)
    if not observed.any():
        return None
    solved = bridge_gaps(observed, person.time, max_gap=options.max_gap)
    with torch.inference_mode():
        poses = _solve(chain, data, person.time, observed, solved, options, first or guess_poses)
        hands = solve_hands_in_views(body, chain, poses, person, cameras, solved=solved)
        motion = _to_motion(body, chain, poses, hands, person, name, observed, solved, data)
        residual = _measure(chain, poses, person)
    return ViewsFit(motion=motion, residual=residual)


def _observe_core(chain: Chain, data: ViewData) -> Bool[np.ndarray, "T"]:
    rows = [chain.points.index(name) for name in CORE if name in chain.points]
    known = torch.isfinite(data.points[:, rows]).all(-1).sum(1) >= min(_MIN_CORE, len(rows))
    return (known & (data.image_weight[:, :, rows] > 0).flatten(1).any(1)).numpy()


def guess_poses(chain: Chain, points: Float[Tensor, "T K 3"]) -> Pose:
    """Guess poses from points alone: the trunk lies as hips and shoulders do, limbs are aimed.

    Args:
        chain: The body chain.
        points: Of the chain, m; NaN where missing.
    """
    mean = exp_so3(rotation_prior(chain.joints).mean)
    unshaped = torch.zeros(chain.shapedirs.shape[-1])
    guess = initial_pose(chain, points, mean, unshaped)
    torso = [
        chain.points.index(f"{side}_{part}")
        for side in ("left", "right")
        for part in ("hip", "shoulder")
    ]
    hidden = ~torch.isfinite(points[:, torso]).all(-1).all(-1)
    if hidden.any():
        guess.rotation[hidden, 0] = _turn_of_all(chain, points[hidden])
    apart = (points - place_fast(chain, guess).points).nanmean(1)
    return replace(guess, translation=torch.nan_to_num(apart))


def _turn_of_all(chain: Chain, points: Float[Tensor, "B K 3"]) -> Float[Tensor, "B 3 3"]:
    """Return how everything that is seen is turned as one."""
    rest = chain.template[chain.point_joint] + chain.point_offset
    turns = []
    for frame in points:
        known = torch.isfinite(frame).all(-1)
        turn = procrustes_rotation(rest[None, known], frame[None, known])[0]
        turns.append(turn if torch.isfinite(turn).all() else torch.eye(3))
    return torch.stack(turns)


def _solve(
    chain: Chain,
    data: ViewData,
    time: Float[np.ndarray, "T"],
    observed: Bool[np.ndarray, "T"],
    solved: Bool[np.ndarray, "T"],
    options: FitOptions,
    first: FirstPoses,
) -> Pose:
    prior, active = load_learned_prior(chain.joints), pose_columns(chain)
    anchor: PointAnchor | None = None

    def problem_of(frames: Tensor | slice) -> Problem:
        costs: tuple[PointCost, ...] = data.costs(frames)
        if anchor is not None:
            held = replace(anchor, target=anchor.target[frames], weight=anchor.weight[frames])
            costs = (*costs, held)
        return Problem(chain=chain, costs=costs, prior=prior, active=active)

    def solve_in_sequence() -> None:
        solve_windows(
            problem_of,
            poses,
            time,
            solved=solved,
            smoothness=_smoothness(chain, options),
            options=WindowOptions(size=options.window, ahead=options.ahead),
        )

    guess = first(chain, data.points)
    shape = _find_shape(problem_of, guess, data, observed)
    poses = allocate_poses(Scratch(), "poses", len(time), len(chain.joints), shape)
    poses.rotation[:], poses.translation[:] = guess.rotation, guess.translation
    solve_single(problem_of, poses, observed)
    _start_gaps(poses, observed, solved)
    solve_in_sequence()
    if options.hold_feet:
        level = _stands(poses, solved)
        stance = Stance(in_space=True, level=level, sigma=_PLANTED_SIGMA_M)
        anchor = plant_feet(chain, poses, _seen_feet(chain, data), time, stance=stance)
        if anchor is not None:
            solve_in_sequence()
    return poses


def _stands(poses: Pose, solved: Bool[np.ndarray, "T"]) -> bool:
    """Tell whether the body's own up, +Y, is the world's +Z on average."""
    up = poses.rotation[torch.from_numpy(solved), 0, 2, 1]
    return bool(len(up)) and float(up.mean()) > _UPRIGHT


def _seen_feet(chain: Chain, data: ViewData) -> Float[Tensor, "T K"]:
    """Return the weight of each point in the view that is surest of it.

    A foot without keypoints of its own stands where its ankle does.
    """
    weight = data.image_weight.amax(1)
    for name in FOOT_POINTS:
        ankle = f"{name.split('_')[0]}_ankle"
        if name in chain.points and ankle in chain.points:
            own, above = chain.points.index(name), chain.points.index(ankle)
            if not weight[:, own].any():
                weight[:, own] = weight[:, above]
    return weight


def _find_shape(
    problem_of: Callable[[Tensor | slice], Problem],
    guess: Pose,
    data: ViewData,
    observed: Bool[np.ndarray, "T"],
) -> Float[Tensor, "S"]:
    """Find one shape from frames that are well seen and spread over the recording."""
    seen = data.image_weight.flatten(1).sum(1).numpy() * observed
    parts = np.array_split(np.flatnonzero(observed), min(_SHAPE_FRAMES, int(observed.sum())))
    best = torch.tensor([int(part[np.argmax(seen[part])]) for part in parts])
    part = problem_of(best)
    start = guess[best]
    start = replace(start, shape=_shape_of_limbs(part.chain, data).expand(len(best), -1))
    first = solve_frames(part, start, LmOptions(iterations=15))
    views = float((data.image_weight[best] > 0).sum(1).float().mean())
    sigma = min(1.0, _INDEPENDENT_FRAMES / (len(best) * max(views, 1.0))) ** 0.5
    joint = replace(part, active=pose_columns(part.chain, shape=True), shape_sigma=sigma)
    return solve_shared_shape(joint, first.pose, iterations=12).pose.shape[0]


def _shape_of_limbs(chain: Chain, data: ViewData) -> Float[Tensor, "S"]:
    """Find the shape whose limbs are as long as the points say (Table 1, stage 2)."""
    lower = [f"{side}_{part}" for part in _LIMBS for side in ("left", "right")]
    lower = [name for name in lower if name in chain.points and name in chain.joints]
    upper = [chain.joints[chain.parents[chain.index(name)]] for name in lower]
    pairs = [(a, b) for a, b in zip(lower, upper, strict=True) if b in chain.points]
    index = [[chain.points.index(name) for name in side] for side in zip(*pairs, strict=True)]
    length = (data.points[:, index[0]] - data.points[:, index[1]]).norm(dim=-1).nanmedian(0).values
    weight = torch.where(torch.isfinite(length), 1 / _LIMB_SIGMA_M, 0.0)
    cost = make_limb_shape(
        chain,
        tuple(name for name, _ in pairs),
        torch.nan_to_num(length)[None],
        weight[None],
    )
    shape = torch.zeros(1, chain.shapedirs.shape[-1])
    nowhere = Pose(torch.eye(3).expand(1, len(chain.joints), 3, 3), torch.zeros(1, 3), shape)
    for _ in range(10):
        normal = cost.normal(replace(nowhere, shape=shape))
        assert normal.shape is not None and normal.shape_pull is not None
        hessian = normal.shape + torch.eye(shape.shape[1])
        shape = shape - torch.linalg.solve(hessian, normal.shape_pull + shape)
    return shape[0]


def _start_gaps(
    poses: Pose, observed: Bool[np.ndarray, "T"], solved: Bool[np.ndarray, "T"]
) -> None:
    """Let bridged frames start from the last observed one."""
    before = np.maximum.accumulate(np.where(observed, np.arange(len(observed)), 0))
    gap = np.flatnonzero(solved & ~observed)
    poses.rotation[gap] = poses.rotation[before[gap]]
    poses.translation[gap] = poses.translation[before[gap]]


def _smoothness(chain: Chain, options: FitOptions) -> Smoothness:
    trunk = (chain.joints[0], *_TRUNK)
    sigma = [
        options.trunk_acceleration if joint in trunk else options.joint_acceleration
        for joint in chain.joints
    ]
    return Smoothness(
        joint_sigma=torch.tensor(sigma, dtype=torch.float32), root_sigma=options.root_acceleration
    )


def _to_motion(  # noqa: PLR0913, PLR0917
    body: Body,
    chain: Chain,
    poses: Pose,
    hands: SolvedHands,
    person: ViewsOfPerson,
    name: str,
    observed: Bool[np.ndarray, "T"],
    solved: Bool[np.ndarray, "T"],
    data: ViewData,
) -> BodyMotion:
    num_frames, joints = len(poses), body.rig.joints
    rotation = np.zeros((num_frames, len(joints), 4), np.float32)
    rotation[..., 0] = 1.0
    quaternion = matrix_to_quaternion(poses.rotation).numpy()
    for row, joint in enumerate(chain.joints[1:], start=1):
        rotation[:, joints.index(joint)] = quaternion[:, row]
    for joint, turn in hands.items():
        rotation[:, joints.index(joint)] = matrix_to_quaternion(turn).numpy()
    rotation[~solved] = np.nan
    root = np.concatenate([quaternion[:, 0], poses.translation.numpy()], 1)
    # The share of core keypoints that two views or more agree on.
    core = [chain.points.index(name) for name in CORE if name in chain.points]
    agreed = ((data.image_weight[:, :, core] > 0).sum(1) >= 2).float().mean(1).numpy()
    certainty = np.where(observed, np.maximum(agreed, _BRIDGED_CONFIDENCE), _BRIDGED_CONFIDENCE)
    return BodyMotion(
        body=body.name,
        people=(name,),
        time=person.time,
        shape=poses.shape[:1].numpy().copy(),
        T_world_root=root.astype(np.float32)[None],
        R_parent_joint=rotation[None],
        confidence=np.where(solved, certainty, 0.0).astype(np.float32)[None],
    )


def _measure(chain: Chain, poses: Pose, person: ViewsOfPerson) -> Float[np.ndarray, "T K"]:
    residual = np.full(person.points.shape[:2], np.nan)
    names = person.skeleton.keypoints
    both = [row for row, name in enumerate(chain.points) if name in names]
    columns = [names.index(chain.points[row]) for row in both]
    placed = place_fast(chain, poses).points[:, both].numpy()
    residual[:, columns] = np.linalg.norm(placed - person.points[:, columns], axis=-1)
    return residual
