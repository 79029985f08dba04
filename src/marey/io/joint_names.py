"""Names of joints in files: marey's own or Mixamo's."""

import re
from collections.abc import Sequence
from typing import Literal

from marey.core import Rig
from marey.core.errors import InputError

JointNames = Literal["marey", "mixamo"]

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

_MIXAMO = _MIDLINE | {
    f"{side}_{part}": f"{side.capitalize()}{name}"
    for side in ("left", "right")
    for part, name in _SIDED.items()
}

_TIPS = {"HeadTop_End": "head_end"} | {
    f"{side.capitalize()}{name}": f"{side}_{part}_end"
    for side in ("left", "right")
    for name, part in [
        ("Toe_End", "foot"),
        *(
            (f"Hand{f.capitalize()}4", f"{f}3")
            for f in ("thumb", "index", "middle", "ring", "pinky")
        ),
    ]
}
"""Ends of limbs, which Mixamo's own files have as joints."""

_MAREY = {name: joint for joint, name in _MIXAMO.items()} | _TIPS

_PREFIX = re.compile(r"mixamorig\d*[:_]")
"""What Mixamo puts before its names; importers that refuse colons turn it into an underscore."""


def name_joints(rig: Rig, names: JointNames, *, character: int = 0) -> tuple[str, ...]:
    """Return the names of the root and the joints as the rig or as Mixamo calls them.

    Args:
        rig: The joints.
        names: Whose names.
        character: Which character of a file it is; Mixamo numbers its prefix from the second on.

    Raises:
        InputError: If Mixamo's names are wanted for a rig that is not of the SMPL family.
    """
    joints = (rig.root, *rig.joints)
    if names == "marey":
        return joints
    prefix = f"mixamorig{character or ''}:"
    return tuple(prefix + _mixamo_name(joint) for joint in joints)


def from_mixamo(names: Sequence[str]) -> tuple[str, ...] | None:
    """Return marey's names for Mixamo's, or None if any of them has no counterpart."""
    known = [_MAREY.get(_PREFIX.sub("", name)) for name in names if _PREFIX.match(name)]
    found = tuple(name for name in known if name is not None)
    return found if len(found) == len(names) == len(set(found)) else None


def _mixamo_name(joint: str) -> str:
    if joint not in _MIXAMO:
        raise InputError(
            f"Mixamo has no name for the joint '{joint}'; use names='marey' for rigs outside the "
            "SMPL family"
        )
    return _MIXAMO[joint]
