"""Names of joint nodes in glTF files."""

from typing import Literal

from marey.core import Rig
from marey.core.errors import InputError

JointNames = Literal["rig", "mixamo"]

_MIDLINE = {
    "pelvis": "Hips",
    "spine1": "Spine",
    "spine2": "Spine1",
    "spine3": "Spine2",
    "neck": "Neck",
    "head": "Head",
}
_SIDED = {
    "hip": "UpLeg",
    "knee": "Leg",
    "ankle": "Foot",
    "foot": "ToeBase",
    "collar": "Shoulder",
    "shoulder": "Arm",
    "elbow": "ForeArm",
    "wrist": "Hand",
    **{
        f"{finger}{k}": f"Hand{finger.capitalize()}{k}"
        for finger in ("thumb", "index", "middle", "ring", "pinky")
        for k in (1, 2, 3)
    },
}


def name_joints(rig: Rig, names: JointNames) -> tuple[str, ...]:
    """Return the names of the root and the joints as the rig or as Mixamo calls them.

    Raises:
        InputError: If Mixamo's names are wanted for a rig that is not of the SMPL family.
    """
    joints = (rig.root, *rig.joints)
    return joints if names == "rig" else tuple(_mixamo_name(joint) for joint in joints)


def _mixamo_name(joint: str) -> str:
    if joint in _MIDLINE:
        return f"mixamorig:{_MIDLINE[joint]}"
    side, _, part = joint.partition("_")
    if side not in ("left", "right") or part not in _SIDED:
        raise InputError(
            f"Mixamo has no name for the joint '{joint}'; use names='rig' for rigs outside the "
            "SMPL family"
        )
    return f"mixamorig:{side.capitalize()}{_SIDED[part]}"
