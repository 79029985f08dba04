"""Takes as poses to be measured: what marey solved or imported, beside other people's files."""

import numpy as np

from marey.body.trajectories import joint_trajectories
from marey.core import Keypoints2D, Keypoints3D, Take, convert_keypoints, load_skeleton
from marey.core.errors import InputError
from marey.evaluate.poses import PoseSequence, PoseSet

_RIG_JOINTS = "smpl-45"
FAMILY = ("smpl", "smplh", "smplx")
"""Bodies that are named in files, but whose own file is licensed and not given."""


def poses_of_take(take: Take, *, unit: str, name: str) -> PoseSet:
    """Return a take's people as poses: joints in the world (`m`) or keypoints of a view (`px`).

    Frames are counted on the take's clock, from 0. Where people have no motion, or one of a body
    that is not at hand (other programs' results without their licensed body), their points in space
    are measured as they are, in their own axes.

    Args:
        take: The take.
        unit: What is wanted.
        name: What the sequence is called.

    Raises:
        NothingFoundError: If the take has no motion or no keypoints.
        InputError: If its joints have no counterpart among SMPL's.
    """
    if unit != "px" and not _can_be_posed(take):
        position, confidence, skeleton = _stated_joints(take, name)
    else:
        points = take.keypoints2d() if unit == "px" else joint_trajectories(take.motion)
        position, confidence, skeleton = _named(points, name)
    step = np.diff(take.time)
    sequence = PoseSequence(
        name=name,
        frame=np.arange(len(take.time)),
        position=position,
        confidence=confidence,
        frame_rate=float(1 / np.median(step)) if len(step) else None,
    )
    return PoseSet(skeleton=skeleton, unit=unit, sequences=(sequence,), origin=f"take {name}")


def _can_be_posed(take: Take) -> bool:
    """Tell whether the take's motion has a body, or there is nothing else to measure."""
    bodies = [person.motion.body for person in take.people if person.motion is not None]
    known = all(body not in FAMILY for body in bodies)
    return (known and bool(bodies)) or all(person.keypoints3d is None for person in take.people)


def _stated_joints(take: Take, name: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Lay the points in space of all people out on the take's clock."""
    blocks = [(person, person.keypoints3d) for person in take.people if person.keypoints3d]
    kinds = {(block.skeleton.name, block.frame) for _, block in blocks}
    if len(kinds) > 1:
        raise InputError(f"take {name}: its people have different kinds of points in space")
    skeleton = blocks[0][1].skeleton
    shape = (len(blocks), len(take.time), len(skeleton))
    position, confidence = np.full((*shape, 3), np.nan, np.float32), np.zeros(shape, np.float32)
    for row, (person, block) in enumerate(blocks):
        position[row, person.start : person.stop] = block.position[0]
        confidence[row, person.start : person.stop] = block.confidence[0]
    return position, confidence, skeleton.name


def _named(points: Keypoints2D | Keypoints3D, name: str) -> tuple[np.ndarray, np.ndarray, str]:
    if isinstance(points, Keypoints2D):
        return points.position, points.confidence, points.skeleton.name
    target = load_skeleton(_RIG_JOINTS)
    if "pelvis" not in points.skeleton.keypoints:
        raise InputError(
            f"take {name}: its rig {points.skeleton.name} has no pelvis, so its joints are not "
            "SMPL's; put it on a body with marey convert, or save the joints you mean with "
            "marey.evaluate.write_poses"
        )
    position = convert_keypoints(points.position, points.skeleton, target)
    confidence = convert_keypoints(points.confidence, points.skeleton, target, axis=-1, missing=0.0)
    return position, confidence, target.name
