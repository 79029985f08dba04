"""Which points of a body belong together."""

import re

import numpy as np
from jaxtyping import Float, Int

from marey.core import Skeleton

CONFIDENT = 0.3
"""Confidence from which a keypoint counts as seen."""

_FINGER = re.compile(r"(left|right)_(hand_wrist|hand|(thumb|index|middle|ring|pinky)\d(_end)?)")
_FOOT = re.compile(r"(left|right)_(heel|big_toe|small_toe|foot_index|foot)")
_BODY = re.compile(r"(left|right)_(shoulder|elbow|wrist|hip|knee|ankle)")

_HEAD = re.compile(r"nose|(left|right)_(eye|ear)")

_LIMBS = (
    ("upper_arm", "shoulder", "elbow"),
    ("forearm", "elbow", "wrist"),
    ("thigh", "hip", "knee"),
    ("shin", "knee", "ankle"),
)
_WIDTHS = (("shoulders", "left_shoulder", "right_shoulder"), ("hips", "left_hip", "right_hip"))
PAIRS = {"arms": ("elbow", "wrist"), "legs": ("knee", "ankle")}
"""Points by which confused sides are noticed."""


def part_of(name: str) -> str:
    """Return the part of the body that a keypoint belongs to, such as `left hand`.

    What is none of body, head, hands and feet is `other`: in most sets the details of the face.
    """
    for pattern, part in ((_FINGER, "hand"), (_FOOT, "foot")):
        match = pattern.fullmatch(name)
        if match:
            return f"{match[1]} {part}"
    if _HEAD.fullmatch(name):
        return "head"
    return "body" if _BODY.fullmatch(name) else "other"


def parts_of(skeleton: Skeleton) -> dict[str, Int[np.ndarray, "D"]]:
    """Return the parts that a skeleton has, with the indices of their keypoints."""
    parts = [part_of(name) for name in skeleton.keypoints]
    order = ("body", "head", "left hand", "right hand", "left foot", "right foot")
    found = {
        part: np.array([k for k, other in enumerate(parts) if other == part]) for part in order
    }
    return {part: indices for part, indices in found.items() if len(indices)}


def is_finger(name: str) -> bool:
    """Return whether a joint belongs to a hand beyond the wrist."""
    return _FINGER.fullmatch(name) is not None


def limbs_of(skeleton: Skeleton) -> dict[str, tuple[int, int]]:
    """Return the rigid limbs that a skeleton has, as pairs of keypoints."""
    limbs = {
        f"{side}_{limb}": (f"{side}_{upper}", f"{side}_{lower}")
        for limb, upper, lower in _LIMBS
        for side in ("left", "right")
    }
    limbs |= {name: (a, b) for name, a, b in _WIDTHS}
    known = set(skeleton.keypoints)
    return {
        name: (skeleton.index(a), skeleton.index(b))
        for name, (a, b) in limbs.items()
        if a in known and b in known
    }


def select_pairs(
    points: Float[np.ndarray, "T K 2"], names: tuple[str, ...], pair: tuple[str, ...]
) -> Float[np.ndarray, "T P 2 2"]:
    """Return pairs of (left, right) points by name, NaN for what is not among the names."""
    blank = np.full((*points.shape[:1], 2), np.nan)
    rows = [
        [
            points[:, names.index(f"{side}_{part}")] if f"{side}_{part}" in names else blank
            for side in ("left", "right")
        ]
        for part in pair
    ]
    return np.moveaxis(np.array(rows, np.float64), 2, 0)
