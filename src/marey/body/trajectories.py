"""From a motion to what marker formats and tables hold: points in the world, angles at joints.

Both functions work through a motion in blocks of frames, so beside the result they need a few
megabytes whatever its length.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from marey.body.kinematics import compose_tree
from marey.body.load import load_body
from marey.body.model import Body
from marey.core import BodyMotion, Keypoints3D, Rig, Skeleton
from marey.core.errors import ShapeError
from marey.core.skeleton import mirror_name
from marey.geometry.rotation import quaternion_to_matrix, quaternion_to_rotvec

CHUNK = 1024
"""Frames posed at a time."""

_SIDES = ("left", "right")
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")

MARKERS = (
    "head_top",
    "nose",
    *(f"{side}_{place}" for place in ("eye", "ear") for side in _SIDES),
    *(f"{side}_{place}" for place in ("heel", "big_toe", "small_toe") for side in _SIDES),
    *(f"{side}_{finger}4" for side in _SIDES for finger in _FINGERS),
)
"""Points on the skin that people who work with markers look for; those a body has are given."""


def joint_trajectories(motion: BodyMotion, *, body: Body | None = None) -> Keypoints3D:
    """Return where the root, every joint and, on parametric bodies, some skin points are.

    Args:
        motion: N people over T frames, on a parametric body or a bare rig.
        body: The body of the motion; loaded by its name if not given.

    Returns:
        Points in the world, m: the root, the rig's joints in order, then those of `MARKERS` that
        the body has. Confidence is the motion's own, NaN and 0 where a person is absent. The
        skeleton bears the rig's name; its edges are the rig's bones.

    Raises:
        InputError: If the body is not given and no body has the motion's name.
        ShapeError: If the motion has another number of joints than its body.
    """
    if body is None and isinstance(motion.body, str):
        body = load_body(motion.body, mesh="light" if motion.body == "marey-h" else "full")
    rig = motion.body if isinstance(motion.body, Rig) else _rig_of(body)
    _check_joints(motion, rig)
    skeleton = make_skeleton(rig, markers=() if body is None else body.landmarks.names)
    num_people, num_frames = motion.confidence.shape
    position = np.full((num_people, num_frames, len(skeleton), 3), np.nan, np.float32)
    for person, rows in _iterate_present(motion):
        root, pose = motion.T_world_root[person, rows], motion.R_parent_joint[person, rows]
        placed = (_tensor(root), _tensor(pose))
        with torch.no_grad():
            if body is None:
                points = _pose_rig(rig, *placed)
            else:
                shape = _tensor(motion.shape[person])
                posed = body.pose(shape, *placed)
                points = body.landmark_positions(posed, skeleton.keypoints)
        position[person, rows] = points.numpy()
    missing = ~np.isfinite(position[..., 0])
    confidence = np.where(missing, 0, motion.confidence[..., None]).astype(np.float32)
    return Keypoints3D(
        skeleton=skeleton,
        people=motion.people,
        time=motion.time,
        position=position,
        frame="world",
        confidence=confidence,
    )


def joint_angles(motion: BodyMotion) -> Float32[np.ndarray, "N T K 3"]:
    """Return the rotation of the root and every joint as rotation vectors in degrees.

    A rotation vector is axis times angle (at most 180 degrees), in the frame of the parent, whose
    axes at rest are +X to the person's left, +Y up, +Z forward; the root's is in the world. At a
    joint that turns about one axis, its component there is the angle of flexion: x at the knees
    (bending is positive) and y at the elbows (the left is negative, the right positive). Euler
    angles would lock at an elbow bent by 90 degrees; rotation vectors lock nowhere. They are no
    clinical (ISB) angles.

    Args:
        motion: N people over T frames.

    Returns:
        Degrees for the K = J + 1 rotations, the root first; NaN where a person is absent.
    """
    num_people, num_frames, num_joints = motion.R_parent_joint.shape[:3]
    angles = np.full((num_people, num_frames, num_joints + 1, 3), np.nan, np.float32)
    for person, rows in _iterate_present(motion):
        root = motion.T_world_root[person, rows, None, :4]
        rotations = np.concatenate([root, motion.R_parent_joint[person, rows]], 1)
        vectors = quaternion_to_rotvec(torch.from_numpy(rotations.astype(np.float64)))
        angles[person, rows] = np.degrees(vectors.numpy())
    return angles


def make_skeleton(rig: Rig, *, markers: tuple[str, ...] = ()) -> Skeleton:
    """Return a rig's root and joints, and the markers wanted of those given, as a skeleton."""
    joints = (rig.root, *rig.joints)
    names = (*joints, *(name for name in MARKERS if name in markers and name not in joints))
    mirror = (mirror_name(name) for name in names)
    return Skeleton(
        name=rig.name,
        keypoints=names,
        edges=tuple((parent + 1, joint) for joint, parent in enumerate(rig.parents, start=1)),
        mirror=tuple(
            names.index(other) if other in names else own for own, other in enumerate(mirror)
        ),
    )


def _rig_of(body: Body | None) -> Rig:
    assert body is not None
    return body.rig


def _check_joints(motion: BodyMotion, rig: Rig) -> None:
    found = motion.R_parent_joint.shape[2]
    if found != len(rig.joints):
        raise ShapeError(
            f"the motion has {found} joints below its root, its body {rig.name} has "
            f"{len(rig.joints)}; give the body it was made with"
        )


def _iterate_present(motion: BodyMotion) -> Iterator[tuple[int, Int[np.ndarray, "rows"]]]:
    """Yield a person and the frames of one block in which they are present."""
    num_people, num_frames = motion.confidence.shape
    for person in range(num_people):
        for start in range(0, num_frames, CHUNK):
            block = slice(start, start + CHUNK)
            present = np.isfinite(motion.T_world_root[person, block]).all(-1)
            present &= np.isfinite(motion.R_parent_joint[person, block]).all((-1, -2))
            rows = start + np.flatnonzero(present)
            if len(rows):
                yield person, rows


def _pose_rig(
    rig: Rig, root: Float[Tensor, "L 7"], pose: Float[Tensor, "L J 4"]
) -> Float[Tensor, "L K 3"]:
    """Place a bare rig; joints come after their parents, so one pass adds up the rest pose."""
    parents = (-1, *(parent + 1 for parent in rig.parents))
    rest = torch.zeros(len(parents), 3)
    for joint, parent in enumerate(parents[1:], start=1):
        rest[joint] = rest[parent] + _tensor(rig.offset[joint - 1])
    rotations = quaternion_to_matrix(torch.cat([root[:, None, :4], pose], 1))
    return compose_tree(rest, rotations, root[:, 4:], parents=parents)[1]


def _tensor(array: Float[np.ndarray, "..."]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))
