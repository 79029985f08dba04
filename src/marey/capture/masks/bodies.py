"""Bodies of capsules between keypoints in space, to be drawn where no mesh was fitted yet.

Thicknesses are an adult's, in metres, and grow with the length of the trunk (a child's are
smaller). The points that every skeleton of ours has suffice: nose or ears, shoulders, elbows,
wrists, hips, knees, ankles; heels and toes are used if they are there.
"""

import numpy as np
from jaxtyping import Float, Int

from marey.core import Skeleton
from marey.geometry.capsule_mesh import capsule_faces, mesh_capsules

_SIDES = ("left", "right")
_LIMBS = (
    ("shoulder", "elbow", 0.05),
    ("elbow", "wrist", 0.042),
    ("hip", "knee", 0.075),
    ("knee", "ankle", 0.052),
    ("heel", "big_toe", 0.035),
)
"""Ends and radius, m."""
_HAND, _HAND_LENGTH = 0.04, 0.11
"""Radius of a hand and its length beyond the wrist, m."""
_FOOT, _FOOT_DEPTH = 0.055, 0.04
"""The same of what is below the ankle, in the shin's direction."""
_TRUNK, _SHOULDERS, _HIPS, _NECK, _HEAD = 0.115, 0.07, 0.1, 0.06, 0.1
"""Radii, m."""
_TRUNK_LENGTH = 0.5
"""m; of the person whose thicknesses these are."""
_SCALES = (0.5, 1.3)
NUM_CAPSULES = len(_SIDES) * (len(_LIMBS) + 2) + 7


def body_from_points(
    position: Float[np.ndarray, "*batch K 3"], skeleton: Skeleton
) -> Float[np.ndarray, "*batch V 3"]:
    """Return the vertices of people made of capsules; NaN where a capsule has no ends.

    Args:
        position: Keypoints in space, m; NaN where missing.
        skeleton: Their names.
    """
    ends, radius = body_capsules(position, skeleton)
    vertices = mesh_capsules(ends, radius)
    return vertices.reshape(*position.shape[:-2], -1, 3)


def body_faces() -> Int[np.ndarray, "F 3"]:
    """Return the faces of `body_from_points`."""
    return capsule_faces(NUM_CAPSULES)


def body_capsules(
    position: Float[np.ndarray, "*batch K 3"], skeleton: Skeleton
) -> tuple[Float[np.ndarray, "*batch C 2 3"], Float[np.ndarray, "*batch C"]]:
    """Return the ends and radii of everybody's capsules, m; NaN where an end is unknown."""
    missing = np.full((*position.shape[:-2], 3), np.nan)

    def point(name: str) -> np.ndarray:
        return position[..., skeleton.index(name), :] if name in skeleton.keypoints else missing

    found: list[tuple[np.ndarray, np.ndarray, float]] = []
    for side in _SIDES:
        for start, stop, radius in _LIMBS:
            found.append((point(f"{side}_{start}"), point(f"{side}_{stop}"), radius))
        elbow, wrist = point(f"{side}_elbow"), point(f"{side}_wrist")
        found.append((wrist, wrist + _HAND_LENGTH * _unit(wrist - elbow), _HAND))
        knee, ankle = point(f"{side}_knee"), point(f"{side}_ankle")
        found.append((ankle, ankle + _FOOT_DEPTH * _unit(ankle - knee), _FOOT))
    shoulders, hips = ([point(f"{side}_{name}") for side in _SIDES] for name in ("shoulder", "hip"))
    chest, pelvis = (shoulders[0] + shoulders[1]) / 2, (hips[0] + hips[1]) / 2
    found.append((shoulders[0], shoulders[1], _SHOULDERS))
    found.append((hips[0], hips[1], _HIPS))
    inward = 0.35
    for shoulder, hip in zip(shoulders, hips, strict=True):
        top, bottom = shoulder + inward * (chest - shoulder), hip + inward * (pelvis - hip)
        found.append((top + 0.1 * (bottom - top), bottom, _TRUNK))
    found.append((chest, pelvis, _TRUNK))
    head = _head([point(name) for name in ("left_ear", "right_ear", "nose")])
    up = _unit(head - chest)
    found.append((chest, head, _NECK))
    found.append((head - 0.02 * up, head + 0.04 * up, _HEAD))
    ends = np.stack([np.stack(pair[:2], -2) for pair in found], -3)
    scale = np.linalg.norm(chest - pelvis, axis=-1) / _TRUNK_LENGTH
    scale = np.clip(np.where(np.isfinite(scale), scale, 1.0), *_SCALES)
    return ends, scale[..., None] * np.array([radius for *_, radius in found])


def _head(points: list[np.ndarray]) -> np.ndarray:
    """Return the middle of the ears, or what there is of them and the nose."""
    left, right, nose = points
    ears = (left + right) / 2
    for other in (left, right, nose):
        ears = np.where(np.isfinite(ears), ears, other)
    return ears


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
