"""The parts of a body that can touch, told by which joint moves the skin most."""

import numpy as np
from jaxtyping import Int

from marey.body import Body

_OF_JOINT = {
    "pelvis": "hips",
    "spine1": "hips",
    "spine2": "chest",
    "spine3": "chest",
    "left_collar": "chest",
    "right_collar": "chest",
    "neck": "head",
    "head": "head",
    "jaw": "head",
    "left_eye": "head",
    "right_eye": "head",
    **{
        f"{side}_{joint}": f"{side}_{part}"
        for side in ("left", "right")
        for joint, part in (
            ("shoulder", "upper_arm"),
            ("elbow", "forearm"),
            ("wrist", "hand"),
            ("hand", "hand"),
            ("hip", "thigh"),
            ("knee", "shin"),
            ("ankle", "foot"),
            ("foot", "foot"),
            *(
                (f"{digit}{bone}", "hand")
                for digit in ("thumb", "index", "middle", "ring", "pinky")
                for bone in (1, 2, 3)
            ),
        )
    },
}

BODY_PARTS = tuple(dict.fromkeys(_OF_JOINT.values()))
"""Hips, chest, head, and per side upper arm, forearm, hand, thigh, shin, foot: names of the parts
of every body of the SMPL family."""


def vertex_parts(body: Body) -> tuple[tuple[str, ...], Int[np.ndarray, "V"]]:
    """Return the names of a body's parts, and which of them each vertex belongs to.

    A vertex belongs to the part whose joints weigh most in it; a joint with a name of its own is a
    part of its own.
    """
    names = name_parts(body)
    own = [_OF_JOINT.get(name, name) for name in body.joint_names]
    weights = body.weights.numpy()
    total = np.zeros((len(weights), len(names)), weights.dtype)
    for joint, name in enumerate(own):
        total[:, names.index(name)] += weights[:, joint]
    return names, total.argmax(1)


def name_parts(body: Body) -> tuple[str, ...]:
    """Name a body's parts."""
    own = [_OF_JOINT.get(name, name) for name in body.joint_names]
    return (*BODY_PARTS, *(name for name in dict.fromkeys(own) if name not in BODY_PARTS))
