"""Refine a motion on whole-body keypoints: body, then feet and hands, each with the rest held.

What a regressor or a fit to body keypoints leaves undecided (which way a foot points, whether a
hand is open) is decided by feet and hands themselves. `parts` says what each stage moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.body import Body
from marey.core import BodyMotion, Cameras, Keypoints2D
from marey.core.errors import InputError, ShapeError
from marey.core.scratch import chunks
from marey.fit.border import check_clock
from marey.fit.chain import Chain, Pose, place
from marey.fit.chains import body_chain
from marey.fit.convert import check_finite
from marey.fit.parts import (
    HANDS,
    HARD_CASES,
    Part,
    Stage,
    draw_to_typical,
    make_part,
    part_problem,
    rest_rotations,
    solve_part,
)
from marey.fit.seen_points import PointCosts, SeenPoints
from marey.fit.threads import one_thread_each
from marey.fit.uncertainty import joint_sigmas
from marey.fit.windows import WindowOptions
from marey.geometry.rotation import matrix_to_quaternion, quaternion_to_matrix

_LEAST_LENGTH = 1e-6
"""A quaternion shorter than this is no rotation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """A motion after some stages."""

    motion: BodyMotion
    """The same people and times; NaN with confidence 0 where they came without a pose."""
    sigma: Float[np.ndarray, "N T J 3"]
    """Standard deviation of every joint of the rig about its own axes, rad, given what the last
    stage that moved it held; NaN where none did."""
    seen: dict[str, Bool[np.ndarray, "N T"]]
    """Stage name to the frames in which enough of its points were seen to solve it."""


def refine_motion(
    body: Body,
    motion: BodyMotion,
    keypoints: Keypoints2D,
    cameras: Cameras,
    *,
    stages: Sequence[Stage] = HARD_CASES,
    in_sequence: bool = True,
    options: WindowOptions | None = None,
) -> Refined:
    """Refine poses on the keypoints of calibrated views, stage by stage; shapes stay.

    Args:
        body: The motion's body.
        motion: First poses in the world; NaN where a person is absent, who stays absent.
        keypoints: Of the same people and times in C views, or in one without the axis of views;
            points with names of COCO-WholeBody count. Without sigma they are trusted to 4 px;
            where their sigma is NaN or infinite they say nothing.
        cameras: The views; still, or with a pose for every frame.
        stages: What to do, in order. A stage that the body lacks (a rig without feet) is left out.
        in_sequence: Whether frames are neighbours in time and accelerations are small; else every
            frame is solved on its own.
        options: How a long sequence is cut.

    Raises:
        ShapeError: If people, frames, views or joints do not agree.
        InputError: If a stage comes twice, times go back, or a camera, a shape or the sigma of a
            known keypoint is no usable number.
    """
    names = [stage.name for stage in stages]
    if len(set(names)) < len(names):
        raise InputError(f"a stage comes twice in {', '.join(names)}; run refine_motion again")
    check_seen_motion(body, motion, keypoints, cameras)
    views = SeenPoints(keypoints, cameras)
    solved = find_poses(motion)
    root = np.where(solved[..., None], motion.T_world_root, np.float32(np.nan))
    joints = np.where(solved[..., None, None], motion.R_parent_joint, np.float32(np.nan))
    sigma = np.full((*joints.shape[:3], 3), np.nan, np.float32)
    parts = [part for part in (make_part(body, stage) for stage in stages) if part is not None]
    seen = {part.stage.name: np.zeros(solved.shape, bool) for part in parts}
    time = motion.time if in_sequence and len(motion.time) > 1 else None
    with one_thread_each(), torch.inference_mode():
        for person in range(len(motion.people)):
            state = _State(body, motion.shape[person], root[person], joints[person], sigma[person])
            for part in parts:
                costs = views.of(person, part.chain)
                enough = views.judge(person, part) & solved[person]
                seen[part.stage.name][person] = enough
                _run(part, state, costs, time, solved[person], enough, options)
    confidence = np.where(solved, motion.confidence, 0).astype(motion.confidence.dtype)
    changed = replace(motion, T_world_root=root, R_parent_joint=joints, confidence=confidence)
    return Refined(motion=changed, sigma=sigma, seen=seen)


@dataclass(frozen=True, slots=True)
class _State:
    """One person's motion, changed in place by every stage."""

    body: Body
    shape: Float[np.ndarray, "S"]
    root: Float[np.ndarray, "T 7"]
    joints: Float[np.ndarray, "T J 4"]
    sigma: Float[np.ndarray, "T J 3"]

    def locals(self, chain: Chain, frames: slice | None = None) -> Float[Tensor, "T C 3 3"]:
        """Local rotations of a chain's joints; of the root, in the world."""
        frames = frames or slice(None)
        whole = np.concatenate([self.root[frames, None, :4], self.joints[frames]], 1)
        columns = [self.body.joint_names.index(name) for name in chain.joints]
        return quaternion_to_matrix(torch.from_numpy(whole[:, columns]))

    def start(self, part: Part) -> Pose:
        """Return first poses of a part, its root where the body has it."""
        rotation = self.locals(part.chain)
        translation = torch.from_numpy(self.root[:, 4:].copy())
        shape = torch.from_numpy(self.shape).expand(len(rotation), -1)
        if part.stage.carrier is None:
            return Pose(rotation, translation, shape)
        trunk = body_chain(self.body)
        carrier = trunk.index(part.stage.carrier)
        for frames in chunks(len(rotation)):
            pose = Pose(self.locals(trunk, frames), translation[frames], shape[frames])
            placed = place(trunk, pose)
            rotation[frames, 0] = placed.rotation[:, carrier]
            translation[frames] = placed.joints[:, carrier]
        if part.stage in HANDS:
            # Fingers that nobody has looked at yet are flat; half curled is nearer to all hands.
            rotation[:, 2:] = rest_rotations(part)[2:]
        return Pose(rotation, translation, shape)

    def keep(self, part: Part, poses: Pose, chosen: Bool[np.ndarray, "T"]) -> None:
        """Take over what a part has found."""
        found = matrix_to_quaternion(poses.rotation[chosen]).numpy()
        if part.stage.carrier is None:
            self.root[chosen, :4] = found[:, 0]
            self.root[chosen, 4:] = poses.translation[chosen].numpy()
        for row, name in enumerate(part.chain.joints[1:], start=1):
            column = self.body.joint_names.index(name) - 1
            self.joints[chosen, column] = found[:, row]

    def keep_sigma(self, part: Part, frames: np.ndarray, sigma: Float[Tensor, "B C 3"]) -> None:
        """Take over how well a part's joints are known."""
        for row, name in enumerate(part.chain.joints[1:], start=1):
            column = self.body.joint_names.index(name) - 1
            self.sigma[frames, column] = sigma[:, row].numpy()


def _run(
    part: Part,
    state: _State,
    costs: PointCosts,
    time: Float[np.ndarray, "T"] | None,
    solved: Bool[np.ndarray, "T"],
    seen: Bool[np.ndarray, "T"],
    options: WindowOptions | None,
) -> None:
    if not seen.any():
        return
    poses = state.start(part)
    if part.stage in HANDS:
        part = draw_to_typical(part, poses.rotation[:, 1])
    solve_part(part, costs, poses, time=time, solved=solved, seen=seen, options=options)
    # In a sequence the neighbours say something of a frame in which nothing was seen.
    chosen = seen if time is None else solved
    state.keep(part, poses, chosen)
    for rows in torch.from_numpy(np.flatnonzero(chosen)).split(256):
        sigma = joint_sigmas(part_problem(part, costs(rows)), poses[rows])
        state.keep_sigma(part, rows.numpy(), sigma)


def find_poses(motion: BodyMotion) -> Bool[np.ndarray, "N T"]:
    """Tell where a person has a pose: finite, and made of rotations."""
    rotations = np.concatenate([motion.T_world_root[..., None, :4], motion.R_parent_joint], 2)
    length = np.linalg.norm(rotations, axis=-1)
    sound = (length > _LEAST_LENGTH).all(-1) & np.isfinite(length).all(-1)
    return (motion.confidence > 0) & sound & np.isfinite(motion.T_world_root).all(-1)


def check_seen_motion(
    body: Body, motion: BodyMotion, keypoints: Keypoints2D, cameras: Cameras
) -> None:
    """Refuse a motion, keypoints and cameras that do not go together.

    Raises:
        ShapeError: If people, frames, views or joints do not agree.
        InputError: If times go back, or a camera, a shape or the sigma of a known keypoint is no
            usable number.
    """
    shape = keypoints.position.shape[:-2]
    wanted = (len(cameras.names), len(motion.people), len(motion.time))
    if shape not in (wanted, wanted[1:]) or (len(shape) == 2 and wanted[0] != 1):
        raise ShapeError(
            f"keypoints of (views, people, frames) {shape} do not go with {wanted[0]} cameras and "
            f"a motion of {wanted[1]} people over {wanted[2]} frames"
        )
    if motion.R_parent_joint.shape[2] != body.num_joints:
        raise ShapeError(
            f"the motion has {motion.R_parent_joint.shape[2]} joints, {body.name} has "
            f"{body.num_joints}; give the body the motion was made for"
        )
    _check_numbers(motion, keypoints, cameras)


def _check_numbers(motion: BodyMotion, keypoints: Keypoints2D, cameras: Cameras) -> None:
    check_clock(motion.time)
    check_finite(motion.shape, "shape coefficient")
    for row, name in enumerate(cameras.names):
        parts = (cameras.K[row], cameras.distortion[row], cameras.T_cam_world[row])
        if not all(np.isfinite(part).all() for part in parts):
            raise InputError(
                f"camera {name} has numbers that are not finite; calibrate it, or leave out the "
                "view or the frames"
            )
    if keypoints.sigma is not None:
        known = np.isfinite(keypoints.position).all(-1) & (keypoints.confidence > 0)
        wrong = keypoints.sigma[known & (keypoints.sigma <= 0)]
        if len(wrong):
            raise InputError(
                f"the sigma of a keypoint is {wrong[0]:g} px; it must be positive, and NaN or "
                "infinite where nothing was measured"
            )
