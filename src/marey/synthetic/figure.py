"""What a synthetic scene needs of a body: a rig at rest, and points rigidly carried by its joints.

A `Figure` is a body of one fixed shape. `stick_figure` builds one from a short table, so that
scenes need no file. Rest axes are those
of the SMPL family: Y up, facing +Z, the person's left is +X, the root at the origin.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from marey.core import Rig
from marey.core.skeleton import mirror_name

JOINT_PARENTS = {
    "left_hip": "pelvis",
    "right_hip": "pelvis",
    "spine1": "pelvis",
    "left_knee": "left_hip",
    "right_knee": "right_hip",
    "spine2": "spine1",
    "left_ankle": "left_knee",
    "right_ankle": "right_knee",
    "spine3": "spine2",
    "left_foot": "left_ankle",
    "right_foot": "right_ankle",
    "neck": "spine3",
    "left_collar": "spine3",
    "right_collar": "spine3",
    "head": "neck",
    "left_shoulder": "left_collar",
    "right_shoulder": "right_collar",
    "left_elbow": "left_shoulder",
    "right_elbow": "right_shoulder",
    "left_wrist": "left_elbow",
    "right_wrist": "right_elbow",
}
"""SMPL's body joints in SMPL's order, each with its parent."""

FINGERS = ("index", "middle", "pinky", "ring", "thumb")
"""In SMPL-H's order."""

# Rest positions in m of an adult of 1.75 m whose soles are at y = -0.95; the left half, mirrored.
_MIDLINE_JOINTS = {
    "spine1": (0.0, 0.11, -0.02),
    "spine2": (0.0, 0.24, 0.0),
    "spine3": (0.0, 0.30, 0.02),
    "neck": (0.0, 0.51, -0.02),
    "head": (0.0, 0.59, 0.03),
}
_LEFT_JOINTS = {
    "left_hip": (0.07, -0.09, 0.0),
    "left_knee": (0.10, -0.47, 0.0),
    "left_ankle": (0.09, -0.87, -0.03),
    "left_foot": (0.11, -0.93, 0.09),
    "left_collar": (0.08, 0.42, 0.0),
    "left_shoulder": (0.18, 0.45, -0.01),
    "left_elbow": (0.44, 0.45, -0.03),
    "left_wrist": (0.69, 0.45, -0.03),
}
# Knuckle, and the steps from there to the next joints and the tip.
_LEFT_FINGERS = {
    "index": ((0.785, 0.45, 0.0), (0.036, 0.024, 0.022)),
    "middle": ((0.790, 0.45, -0.022), (0.040, 0.027, 0.024)),
    "ring": ((0.782, 0.45, -0.042), (0.036, 0.025, 0.023)),
    "pinky": ((0.770, 0.45, -0.060), (0.028, 0.019, 0.020)),
}
_LEFT_THUMB = ((0.715, 0.44, 0.0), (0.750, 0.43, 0.02), (0.780, 0.425, 0.035), (0.805, 0.42, 0.045))
_MIDLINE_POINTS = {
    "nose": (0.0, 0.66, 0.145),
    "head_top": (0.0, 0.80, 0.02),
    "chin": (0.0, 0.575, 0.115),
    "nose_bridge1": (0.0, 0.70, 0.115),
    "nose_bridge2": (0.0, 0.687, 0.125),
    "nose_bridge3": (0.0, 0.673, 0.137),
    "nose_tip": (0.0, 0.66, 0.145),
    "nose_base": (0.0, 0.647, 0.128),
    "upper_lip_outer": (0.0, 0.631, 0.127),
    "upper_lip_inner": (0.0, 0.624, 0.124),
    "lower_lip_inner": (0.0, 0.622, 0.124),
    "lower_lip_outer": (0.0, 0.612, 0.123),
}
_LEFT_POINTS = {
    "left_eye": (0.032, 0.695, 0.108),
    "left_ear": (0.075, 0.67, 0.02),
    "left_jaw1": (0.072, 0.69, 0.035),
    "left_jaw2": (0.071, 0.668, 0.038),
    "left_jaw3": (0.069, 0.647, 0.043),
    "left_jaw4": (0.065, 0.626, 0.05),
    "left_jaw5": (0.058, 0.606, 0.062),
    "left_jaw6": (0.047, 0.592, 0.08),
    "left_jaw7": (0.032, 0.582, 0.1),
    "left_jaw8": (0.016, 0.577, 0.111),
    "left_brow1": (0.058, 0.708, 0.085),
    "left_brow2": (0.049, 0.717, 0.098),
    "left_brow3": (0.038, 0.72, 0.107),
    "left_brow4": (0.026, 0.717, 0.113),
    "left_brow5": (0.014, 0.711, 0.116),
    "left_nostril_outer": (0.014, 0.651, 0.121),
    "left_nostril_inner": (0.007, 0.648, 0.126),
    "left_eye_inner": (0.018, 0.694, 0.104),
    "left_eye_upper_inner": (0.027, 0.699, 0.108),
    "left_eye_upper_outer": (0.037, 0.699, 0.106),
    "left_eye_outer": (0.046, 0.694, 0.098),
    "left_eye_lower_outer": (0.037, 0.690, 0.105),
    "left_eye_lower_inner": (0.027, 0.690, 0.107),
    "left_mouth_corner": (0.025, 0.623, 0.112),
    "left_upper_lip_outer1": (0.016, 0.629, 0.121),
    "left_upper_lip_outer2": (0.006, 0.633, 0.126),
    "left_lower_lip_outer1": (0.017, 0.615, 0.118),
    "left_lower_lip_outer2": (0.008, 0.612, 0.122),
    "left_mouth_inner": (0.021, 0.623, 0.114),
    "left_upper_lip_inner": (0.008, 0.625, 0.123),
    "left_lower_lip_inner": (0.008, 0.621, 0.123),
}
_LEFT_FOOT_POINTS = {
    "left_big_toe": ("left_foot", (0.09, -0.945, 0.19)),
    "left_small_toe": ("left_foot", (0.15, -0.945, 0.14)),
    "left_heel": ("left_ankle", (0.09, -0.945, -0.075)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A body of fixed shape: its rig and the points its joints carry."""

    rig: Rig
    points: tuple[str, ...]
    """Names of the K points that are not joints."""
    point_joint: Int[np.ndarray, "K"]
    """Joint that carries each point, as an index into the rig's joints; -1 is the root."""
    point_offset: Float[np.ndarray, "K 3"]
    """Rest position of each point relative to its joint, m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFigure:
    """A figure in T poses."""

    names: tuple[str, ...]
    """The root, the joints, then the points."""
    position: Float[np.ndarray, "T P 3"]
    """m, in the axes of the root transform's target."""

    def select(self, names: tuple[str, ...]) -> Float[np.ndarray, "T K 3"]:
        """Return the named places, NaN for a name the figure lacks."""
        result = np.full((len(self.position), len(names), 3), np.nan)
        for column, name in enumerate(names):
            if name in self.names:
                result[:, column] = self.position[:, self.names.index(name)]
        return result


def place_figure(
    figure: Figure,
    R_world_root: Float[np.ndarray, "T 3 3"],
    R_parent_joint: Float[np.ndarray, "T J 3 3"],
) -> PlacedFigure:
    """Run forward kinematics with the root at the origin.

    Args:
        figure: The body.
        R_world_root: Rotation of the rest pose.
        R_parent_joint: Local rotation of each joint.
    """
    rig, num_frames = figure.rig, len(R_world_root)
    rotation, position = [R_world_root], [np.zeros((num_frames, 3))]
    for joint, parent in enumerate(rig.parents):
        position.append(position[parent + 1] + rotation[parent + 1] @ rig.offset[joint])
        rotation.append(rotation[parent + 1] @ R_parent_joint[:, joint])
    for joint, offset in zip(figure.point_joint, figure.point_offset, strict=True):
        position.append(position[joint + 1] + rotation[joint + 1] @ offset)
    names = (rig.root, *rig.joints, *figure.points)
    return PlacedFigure(names=names, position=np.stack(position, 1))


def stick_figure() -> Figure:
    """Build an adult with SMPL-H's 51 joints and the points of COCO-WholeBody.

    Returns:
        A figure whose proportions are plausible and whose left and right mirror each other.
    """
    parents, joints = dict(JOINT_PARENTS), {**_MIDLINE_JOINTS, **_LEFT_JOINTS}
    points = {name: ("head", place) for name, place in {**_MIDLINE_POINTS, **_LEFT_POINTS}.items()}
    points |= _LEFT_FOOT_POINTS | {"left_hand_wrist": ("left_wrist", joints["left_wrist"])}
    for side in ("left", "right"):
        for finger in FINGERS:
            chain = [f"{side}_wrist", *(f"{side}_{finger}{number}" for number in (1, 2, 3))]
            parents |= dict(zip(chain[1:], chain[:-1], strict=True))
    for finger in FINGERS:
        places = _finger_places(finger)
        joints |= {f"left_{finger}{number}": places[number - 1] for number in (1, 2, 3)}
        points[f"left_{finger}4"] = (f"left_{finger}3", places[3])
    joints |= {mirror_name(name): _reflect(place) for name, place in joints.items()}
    points |= {
        mirror_name(name): (mirror_name(joint), _reflect(place))
        for name, (joint, place) in points.items()
    }
    return _assemble(parents, joints, points)


def _finger_places(finger: str) -> list[tuple[float, float, float]]:
    if finger == "thumb":
        return list(_LEFT_THUMB)
    (x, y, z), steps = _LEFT_FINGERS[finger]
    return [(x + sum(steps[:number]), y, z) for number in range(4)]


def _reflect(place: tuple[float, float, float]) -> tuple[float, float, float]:
    return (-place[0], place[1], place[2])


def _assemble(
    parents: dict[str, str],
    joints: dict[str, tuple[float, float, float]],
    points: dict[str, tuple[str, tuple[float, float, float]]],
) -> Figure:
    names = tuple(parents)
    place = {"pelvis": np.zeros(3)} | {name: np.array(joints[name]) for name in names}
    rig = Rig(
        name="stick",
        root="pelvis",
        joints=names,
        parents=tuple(-1 if p == "pelvis" else names.index(p) for p in parents.values()),
        offset=np.stack([place[name] - place[parent] for name, parent in parents.items()]),
    )
    return Figure(
        rig=rig,
        points=tuple(points),
        point_joint=np.array([names.index(joint) for joint, _ in points.values()]),
        point_offset=np.stack([np.array(rest) - place[joint] for joint, rest in points.values()]),
    )
