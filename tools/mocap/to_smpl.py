"""Joint rotations of SMPL's layout from any of the sources' rigs.

With W the world rotation of a bone relative to its source's rest and T the rotation that takes the
bone from that rest to the common T-pose (arms along X, palms down, elbows folding about -+Y, legs
down, toes to the front), the bone's world rotation relative to the T-pose is S = W T^-1, and a
joint's rotation is S_parent^-1 S. T comes from

- the bone's direction at rest, by the smallest rotation (thighs of CMU are 20 degrees apart from the
  vertical, arms of some files hang);
- for upper arm and forearm, the axis about which the elbow of the clip really turns: CMU's is tilted
  by 30 degrees about the arm, so without it every elbow would bend sideways;
- nothing for hands and feet beyond what their limb needs: palms and soles are flat at rest already.
"""

# ruff: noqa: E501 - prose wrapped a little wider

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.recording import Recording

JOINTS = (
    *("left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2"),
    *("left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck"),
    *("left_collar", "right_collar", "head", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist"),
)
"""SMPL's body joints below the pelvis, in its order."""

PARENT = {
    **{"left_hip": "pelvis", "right_hip": "pelvis", "spine1": "pelvis", "spine2": "spine1"},
    **{"spine3": "spine2", "neck": "spine3", "head": "neck"},
    **{
        f"{side}_{joint}": parent if parent == "spine3" else f"{side}_{parent}"
        for side in ("left", "right")
        for joint, parent in [
            *(("knee", "hip"), ("ankle", "knee"), ("foot", "ankle"), ("collar", "spine3")),
            *(("shoulder", "collar"), ("elbow", "shoulder"), ("wrist", "elbow")),
        ]
    },
}

LEG = (0.05, -1.0, 0.0)
"""Direction of the left thigh and shin of marey-h at rest."""

Mix = tuple[str, str, float]
"""A bone between two of the source: the rotation from the first to the second, in parts."""


def _cmu(mid: tuple[str, ...], left: tuple[str, ...], right: tuple[str, ...]) -> dict[str, str]:
    names = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")
    middle = ("pelvis", "spine1", "spine2", "spine3", "neck", "neck_top", "head")
    return (
        dict(zip(middle, mid, strict=True))
        | {f"left_{n}": b for n, b in zip(names, left, strict=True)}
        | {f"right_{n}": b for n, b in zip(names, right, strict=True)}
    )


def _sided(words: str, mark: str) -> tuple[str, ...]:
    return tuple(word.replace("*", mark) for word in words.split())


_ACCLAIM = "*femur *tibia *foot *toes *clavicle *humerus *radius *hand"
_BUILDER = "*UpLeg *Leg *Foot *ToeBase *Shoulder *Arm *ForeArm *FingerBase"
_SECOND = "*Hip *Knee *Ankle *Toe *Collar *Shoulder *Elbow"
_TRUNK = ("lowerback", "upperback", "thorax", "lowerneck", "upperneck", "head")
_NEO = "*UpLeg *Leg *Foot *ToeBase *Shoulder *Arm *ForeArm *Hand"
_DAZ = "*Thigh *Shin *Foot *Foot *Collar *Shldr *ForeArm *Hand"
_MIMIC = "*_hip *_knee *_ankle *_ankle chest *_shoulder *_elbow *_wrist"


def bone_table(recording: Recording) -> dict[str, str | Mix]:
    """Return which bone of a recording carries each joint of SMPL's."""
    joints = set(recording.joints)
    if recording.rig == "neo":
        mid = ("Hips", "Spine", "Spine1", "Spine2", "Neck", "Neck", "Head")
        return _cmu(mid, _sided(_NEO, "Left"), _sided(_NEO, "Right"))
    if recording.rig == "daz":
        mid = ("hip", "hip", "abdomen", "chest", "neck", "neck", "head")
        table = _cmu(mid, _sided(_DAZ, "l"), _sided(_DAZ, "r"))
        return table | {"spine1": ("hip", "abdomen", 0.5)}
    if recording.rig == "deepmimic":
        mid = ("root", "root", "root", "chest", "chest", "chest", "neck")
        table = _cmu(mid, _sided(_MIMIC, "left"), _sided(_MIMIC, "right"))
        return table | {
            "spine1": ("root", "chest", 1 / 3),
            "spine2": ("root", "chest", 2 / 3),
            "neck": ("chest", "neck", 0.5),
        }
    if "lhumerus" in joints:
        root = recording.joints[0]
        return _cmu((root, *_TRUNK), _sided(_ACCLAIM, "l"), _sided(_ACCLAIM, "r"))
    if "LeftArm" in joints:
        mid = ("Hips", "LowerBack", "Spine", "Spine1", "Neck", "Neck1", "Head")
        return _cmu(mid, _sided(_BUILDER, "Left"), _sided(_BUILDER, "Right"))
    mid = ("Hips", "lowerback", "Chest", "Chest2", "lowerneck", "Neck", "Head")
    left, right = _sided(_SECOND, "Left"), _sided(_SECOND, "Right")
    return _cmu(mid, (*left, "lhand"), (*right, "rhand"))


MISSING = {
    "daz": ("spine1", "left_foot", "right_foot"),
    "deepmimic": (
        *("spine1", "spine2", "neck", "left_foot", "right_foot", "left_collar", "right_collar"),
        *("left_wrist", "right_wrist"),
    ),
}
"""Joints that a rig does not have; what they receive is a guess."""


def world_rotations(recording: Recording) -> dict[str, np.ndarray]:
    """Return (T, 3, 3) for each bone: its world rotation relative to the T-pose."""
    table, index = bone_table(recording), recording.joints.index
    rest = rest_rotations(recording)
    world = {}
    for joint, bone in table.items():
        if isinstance(bone, str):
            turn = recording.turn[:, index(bone)]
        else:
            first, second = (Rotation.from_matrix(recording.turn[:, index(b)]) for b in bone[:2])
            part = Rotation.from_rotvec((first.inv() * second).as_rotvec() * bone[2])
            turn = (first * part).as_matrix()
        world[joint] = turn @ rest.get(joint, np.eye(3)).T
    return world


def local_rotations(recording: Recording, *, neck: str = "neck") -> np.ndarray:
    """Return the (T, J, 3, 3) rotations of `JOINTS`.

    Args:
        recording: Any clip.
        neck: Which bone of CMU's three above the thorax ends the neck: `neck` (the lowest) or
            `neck_top` (the middle one). The other's rotation goes to SMPL's head.
    """
    world = world_rotations(recording)
    world["neck"] = world[neck]
    return np.stack([world[PARENT[j]].swapaxes(-1, -2) @ world[j] for j in JOINTS], 1)


def rest_rotations(recording: Recording) -> dict[str, np.ndarray]:
    """Return T, from the source's rest to the T-pose, where it is not the identity."""
    if recording.rig == "neo":
        return {}
    table = bone_table(recording)
    rest = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        knee, ankle = (table[f"{side}_{j}"] for j in ("knee", "ankle"))
        shoulder, elbow = (table[f"{side}_{j}"] for j in ("shoulder", "elbow"))
        wrist = _child(recording, elbow)
        leg = np.array(LEG) * [sign, 1, 1]
        rest[f"{side}_hip"] = align(_bone(recording, knee), leg)
        shin = align(_bone(recording, ankle), leg)
        rest |= {f"{side}_{joint}": shin for joint in ("knee", "ankle", "foot")}
        arm = np.array([sign, 0.0, 0.0])
        upper = align(_bone(recording, elbow), arm)
        fore = align(_bone(recording, wrist), arm)
        twist = _twist(upper @ hinge_axis(recording, shoulder, elbow), sign)
        rest[f"{side}_shoulder"] = twist @ upper
        rest[f"{side}_elbow"] = twist @ fore
        rest[f"{side}_wrist"] = fore
    return rest


def hinge_axis(recording: Recording, upper: str, lower: str) -> np.ndarray:
    """Return the axis (3) about which a hinge turns, in the rest axes; flexion is positive."""
    parent, child = recording.joints.index(upper), recording.joints.index(lower)
    turn = recording.turn[:, parent].swapaxes(-1, -2) @ recording.turn[:, child]
    vector = Rotation.from_matrix(turn).as_rotvec()
    axis = np.linalg.svd(vector, full_matrices=False)[2][0]
    return axis * np.sign(np.median(vector @ axis))


def align(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the smallest rotation that takes direction a to direction b."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    cross, cos = np.cross(a, b), float(a @ b)
    sin = np.linalg.norm(cross)
    if sin < 1e-9:
        return np.eye(3)
    return Rotation.from_rotvec(cross / sin * np.arctan2(sin, cos)).as_matrix()


def _twist(axis: np.ndarray, sign: float) -> np.ndarray:
    # About the arm, so that the left elbow's axis is -Y and the right one's +Y.
    angle = np.arctan2(axis[2], axis[1])
    wanted = np.pi if sign > 0 else 0.0
    return Rotation.from_rotvec([wanted - angle, 0, 0]).as_matrix()


def _bone(recording: Recording, joint: str) -> np.ndarray:
    return recording.offset[recording.joints.index(joint)]


def _child(recording: Recording, joint: str) -> str:
    number = recording.joints.index(joint)
    return recording.joints[recording.parents.index(number)]
