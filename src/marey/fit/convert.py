"""Body to body: a motion on one parametric body as the same motion on another.

Once per person the target is laid on the source at rest (`match_bodies`), which gives its shape and
attaches its points to the source's skin. In a frame, the first guess turns every joint of the
target with its counterpart, in closed form: R_target = R_source R_rest, where R_rest is how the
joint stood when the source rested. Bones of other lengths then miss by a centimetre or so; the
batched solver moves joints and skin onto the places that the source carries them to, and the skin
decides the twists.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.body import Body, PosedBody
from marey.core import BodyMotion, Rig
from marey.core.errors import InputError, ShapeError
from marey.fit.chain import Pose
from marey.fit.costs import PointAnchor, RotationPrior
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.match_bodies import Match, match_bodies
from marey.fit.problem import Problem, pose_columns
from marey.fit.threads import one_thread_each, side_by_side
from marey.fit.tree import place_fast
from marey.geometry.rotation import matrix_to_quaternion

CHUNK = 512
"""Frames solved at a time; memory does not grow with the motion."""

_OPTIONS = LmOptions(iterations=4, damping=1e-2, tolerance=2e-2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """A motion on another body, and how far it lies from the original.

    Residuals are root mean squares in metres over the points that count, NaN where a person is
    absent. Joints sit elsewhere in different bodies, so that of the joints is a difference of the
    bodies as well; the skin's is what the conversion can be judged by.
    """

    motion: BodyMotion
    skin: Float[np.ndarray, "N T"]
    """Between points of the target's skin and where the source's skin carries them."""
    joints: Float[np.ndarray, "N T"]
    """Between joints of the same name."""
    landmarks: Float[np.ndarray, "N T"]
    """Between landmarks of the same name; NaN if there are none."""
    rest: Float[np.ndarray, "N"]
    """Between the two skins at rest: what the target's shapes cannot express."""


def convert_motion(
    motion: BodyMotion, source: Body, target: Body, *, workers: int = 2
) -> Conversion:
    """Convert a motion from one parametric body to another.

    Contacts, confidence and times stay. What the target cannot do (fingers or the jaw on a body
    without them) is left out; what the source does not say stays at rest.

    Args:
        motion: N people over T frames on the source.
        source: The body of the motion.
        target: The body wanted.
        workers: Threads.

    Returns:
        The motion on the target, and residuals for every frame. A frame that is not finite comes
        out as NaN with confidence 0.

    Raises:
        InputError: If the motion is on a bare rig, or a shape coefficient is not finite.
        ShapeError: If it has other numbers of joints or shape coefficients than the source.
    """
    _check(motion, source)
    num_people, num_frames = motion.confidence.shape
    root = np.full((num_people, num_frames, 7), np.nan, np.float32)
    pose = np.full((num_people, num_frames, target.num_joints, 4), np.nan, np.float32)
    residual = np.full((3, num_people, num_frames), np.nan, np.float32)
    shape = np.zeros((num_people, target.num_shape), np.float32)
    rest = np.full(num_people, np.nan, np.float32)
    present = find_present(motion)
    with one_thread_each():
        for person in range(num_people):
            if not present[person].any():
                continue
            with torch.inference_mode():
                own = torch.from_numpy(motion.shape[person].astype(np.float32))
                match = match_bodies(source, target, own)
            shape[person], rest[person] = match.shape.numpy(), match.distance
            rows = np.flatnonzero(present[person])
            chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
            work = _worker(motion, person, match, source, own)
            for part, done in zip(chunks, side_by_side(work, chunks, workers=workers), strict=True):
                root[person, part], pose[person, part], residual[:, person, part] = done
    found = present & np.isfinite(root).all(-1)
    return Conversion(
        motion=BodyMotion(
            body=target.name,
            people=motion.people,
            time=motion.time,
            shape=shape,
            T_world_root=root,
            R_parent_joint=pose,
            confidence=np.where(found, motion.confidence, 0).astype(motion.confidence.dtype),
            contact=motion.contact,
            contact_names=motion.contact_names,
        ),
        skin=residual[0],
        joints=residual[1],
        landmarks=residual[2],
        rest=rest,
    )


def find_present(motion: BodyMotion) -> Bool[np.ndarray, "N T"]:
    """Tell where people have a pose: confident, finite and made of rotations."""
    rotations = np.concatenate([motion.T_world_root[:, :, None, :4], motion.R_parent_joint], 2)
    with np.errstate(over="ignore", invalid="ignore"):
        length = (rotations.astype(np.float64) ** 2).sum(-1)
    sound = (np.isfinite(length) & (length > 1e-12)).all(-1)
    sound &= np.isfinite(motion.T_world_root[..., 4:]).all(-1)
    return sound & (motion.confidence > 0)


def _check(motion: BodyMotion, source: Body) -> None:
    if isinstance(motion.body, Rig):
        raise InputError(
            f"the motion is on the bare rig {motion.body.name}, which has no skin; use "
            "retarget_motion"
        )
    joints, shapes = motion.R_parent_joint.shape[2], motion.shape.shape[1]
    if joints != source.num_joints or shapes > source.num_shape:
        raise ShapeError(
            f"the motion has {joints} joints and {shapes} shape coefficients, the body "
            f"{source.name} has {source.num_joints} and {source.num_shape}; give the body that the "
            "motion was made with"
        )
    check_finite(motion.shape, "shape coefficient")


def check_finite(values: Float[np.ndarray, "..."], what: str) -> None:
    """Stop at numbers that would spoil every frame.

    Raises:
        InputError: If one is NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise InputError(f"a {what} is not finite; give numbers, 0 for what is not known")


_Done = tuple[np.ndarray, np.ndarray, np.ndarray]


def _worker(
    motion: BodyMotion, person: int, match: Match, source: Body, shape: Tensor
) -> Callable[[np.ndarray], _Done]:
    def work(rows: np.ndarray) -> _Done:
        root = motion.T_world_root[person, rows].astype(np.float64)
        # Relative to the root, so that single precision is enough for long ways.
        near = np.concatenate([root[:, :4], np.zeros_like(root[:, 4:])], 1)
        local = motion.R_parent_joint[person, rows]
        tensors = (
            torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in (near, local)
        )
        posed = match.carrier.pose(shape, *tensors)
        solved, residual = _convert(match, source, posed)
        quaternions = matrix_to_quaternion(solved.rotation).numpy()
        position = root[:, 4:] + solved.translation.numpy()
        placed = np.concatenate([quaternions[:, 0], position], 1).astype(np.float32)
        return placed, quaternions[:, 1:], residual.numpy()

    return work


def _convert(match: Match, source: Body, posed: PosedBody) -> tuple[Pose, Float[Tensor, "3 B"]]:
    goal = match.carrier.landmark_positions(posed)
    pose = first_guess(match, posed, goal)
    for _ in range(1 if match.target.rigid else 2):
        problem = _pose_problem(match, goal - _excess(match, pose))
        pose = solve_frames(problem, pose, _OPTIONS).pose
    points = place_fast(match.chain, pose).points + _excess(match, pose)
    return pose, _residuals(match, source, posed, points, goal)


def _excess(match: Match, pose: Pose) -> Float[Tensor, "B P 3"]:
    return match.target.excess(place_fast(match.chain, pose), pose.rotation, match.shape)


def first_guess(match: Match, posed: PosedBody, goal: Float[Tensor, "B P 3"]) -> Pose:
    """Turn every joint of the target with its counterpart of the source."""
    world = posed.R_world_joint[:, match.counterpart] @ match.R_source_target
    parents = torch.tensor(match.chain.parents[1:])
    rotation = torch.cat([world[:, :1], world[:, parents].mT @ world[:, 1:]], 1)
    return Pose(rotation, goal[:, 0].clone(), goal.new_zeros(len(goal), 0))


def _pose_problem(match: Match, goal: Float[Tensor, "B P 3"]) -> Problem:
    chain = match.chain
    free = torch.zeros(len(chain.joints), 3)
    far = torch.full_like(free, 10.0)
    used = match.weight.nonzero().squeeze(-1)
    anchor = PointAnchor(
        point=used,
        target=goal[:, used],
        weight=match.weight[used][None, :, None].expand(len(goal), -1, 3),
    )
    return Problem(
        chain=chain,
        costs=(anchor,),
        prior=RotationPrior(mean=free, sigma=torch.full_like(free, torch.inf), low=-far, high=far),
        active=pose_columns(chain, match.moving),
    )


def _residuals(
    match: Match,
    source: Body,
    posed: PosedBody,
    points: Float[Tensor, "B P 3"],
    goal: Float[Tensor, "B P 3"],
) -> Float[Tensor, "3 B"]:
    names, first = match.target.names, match.target.first_vertex
    skin = [k for k in range(first, len(names)) if match.weight[k] > 0]
    joints = [k for k in range(match.target.num_joints) if names[k] in source.joint_names]
    marks = [k for k in range(match.target.num_joints, first) if match.counted[k]]
    seen = source.landmark_positions(posed, [names[k] for k in (*joints, *marks)])
    return torch.stack(
        [
            _root_mean_square(points[:, skin] - goal[:, skin]),
            _root_mean_square(points[:, joints] - seen[:, : len(joints)]),
            _root_mean_square(points[:, marks] - seen[:, len(joints) :]),
        ]
    )


def _root_mean_square(apart: Float[Tensor, "B A 3"]) -> Float[Tensor, "B"]:
    return apart.square().sum(-1).mean(-1).sqrt()
