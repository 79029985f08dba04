"""Refine the motion of people who touch: on their keypoints, with no body inside another."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float

from marey.body import Body
from marey.core import BodyMotion, Cameras, Keypoints2D
from marey.fit.chain import Pose
from marey.fit.contact.body_capsules import add_capsules
from marey.fit.contact.penetration import BodyContact
from marey.fit.hard_cases import check_seen_motion, find_poses
from marey.fit.parts import BODY, Part, make_part
from marey.fit.problem import Problem
from marey.fit.seen_points import SeenPoints
from marey.fit.threads import one_thread_each
from marey.fit.together import PersonSequence, solve_people
from marey.geometry.rotation import matrix_to_quaternion, quaternion_to_matrix


def refine_contact(
    body: Body,
    motion: BodyMotion,
    keypoints: Keypoints2D,
    cameras: Cameras,
    *,
    contact: BodyContact | None = None,
    workers: int = 2,
) -> BodyMotion:
    """Refine everyone together on the keypoints of calibrated views; shapes and fingers stay.

    All frames are solved at once, so give some hundred at a time.

    Args:
        body: The motion's body.
        motion: Poses that fit each person on their own (`refine_motion`); NaN where absent.
        keypoints: Of the same people and times in C views, or in one without the axis of views.
        cameras: The views; still, or with a pose for every frame.
        contact: How hard bodies are kept apart.
        workers: Threads.

    Returns:
        The motion; NaN with confidence 0 where it came without a pose.

    Raises:
        ShapeError: If people, frames, views or joints do not agree.
        InputError: If times go back, the body has too few limbs, or a camera, a shape or the sigma
            of a known keypoint is no usable number.
    """
    check_seen_motion(body, motion, keypoints, cameras)
    solved, part = find_poses(motion), make_part(body, BODY)
    assert part is not None  # Only parts that a carrier holds may be lacking.
    root = np.where(solved[..., None], motion.T_world_root, np.float32(np.nan))
    joints = np.where(solved[..., None, None], motion.R_parent_joint, np.float32(np.nan))
    present = np.flatnonzero(solved.any(1))
    views = SeenPoints(keypoints, cameras)
    columns = [body.joint_names.index(name) - 1 for name in part.chain.joints[1:]]
    with one_thread_each(), torch.inference_mode():
        people = [
            _lay_out(body, part, views, motion, int(person), solved[person], columns)
            for person in present
        ]
        for person, found in zip(
            present, solve_people(people, contact=contact, workers=workers), strict=True
        ):
            turns = matrix_to_quaternion(found.pose.rotation).numpy()
            rows = np.flatnonzero(solved[person])
            root[person, rows, :4] = turns[:, 0]
            root[person, rows, 4:] = found.pose.translation.numpy()
            joints[person, rows[:, None], columns] = turns[:, 1:]
    confidence = np.where(solved, motion.confidence, 0).astype(motion.confidence.dtype)
    return replace(motion, T_world_root=root, R_parent_joint=joints, confidence=confidence)


def _lay_out(
    body: Body,
    part: Part,
    views: SeenPoints,
    motion: BodyMotion,
    person: int,
    solved: Bool[np.ndarray, "T"],
    columns: list[int],
) -> PersonSequence:
    frames = torch.from_numpy(np.flatnonzero(solved))
    root = motion.T_world_root[person, solved].astype(np.float32)
    turns = np.concatenate(
        [root[:, None, :4], motion.R_parent_joint[person, solved][:, columns]], 1, dtype=np.float32
    )
    shape = torch.from_numpy(_single(motion.shape[person]))
    chain, capsules = add_capsules(body, part.chain, shape=shape)
    problem = Problem(
        chain=chain,
        costs=views.of(person, chain)(frames),
        prior=part.prior,
        active=part.active,
    )
    return PersonSequence(
        problem=problem,
        start=Pose(
            quaternion_to_matrix(torch.from_numpy(turns)),
            torch.from_numpy(root[:, 4:].copy()),
            shape.expand(len(frames), -1),
        ),
        frame=frames,
        time=torch.from_numpy(motion.time[solved]),
        smoothness=part.smoothness,
        capsules=capsules,
    )


def _single(values: Float[np.ndarray, "S"]) -> Float[np.ndarray, "S"]:
    return np.ascontiguousarray(values, np.float32)
