"""Capsules as coarse triangle meshes, for whoever draws them by the thousand."""

import numpy as np
from jaxtyping import Float, Int

NUM_SIDES = 8
_LATITUDES = np.array([np.pi / 4, 0.0])
"""Of the rings of one cap, from its pole; the second is its rim."""
_SWELL = float(np.sqrt(np.pi / (NUM_SIDES / 2 * np.sin(2 * np.pi / NUM_SIDES))))
"""An inscribed polygon of so many corners, larger by this, has the area of its circle."""
NUM_VERTICES = 2 + 2 * NUM_SIDES * len(_LATITUDES)


def mesh_capsules(
    ends: Float[np.ndarray, "*batch 2 3"], radius: Float[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch V 3"]:
    """Return the vertices of capsules; NaN where an end is.

    Args:
        ends: The segment, m; the same point twice makes a ball.
        radius: m
    """
    start, stop = ends[..., 0, :], ends[..., 1, :]
    axis, side, other = _axes(stop - start)
    angle = np.arange(NUM_SIDES) * (2 * np.pi / NUM_SIDES)
    around = (
        side[..., None, :] * np.cos(angle)[:, None] + other[..., None, :] * np.sin(angle)[:, None]
    )
    grown = (radius * _SWELL)[..., None]
    parts = []
    for center, outward in ((start, -axis), (stop, axis)):
        parts.append((center + grown * outward)[..., None, :])
        for latitude in _LATITUDES:
            out = np.sin(latitude) * outward[..., None, :] + np.cos(latitude) * around
            parts.append(center[..., None, :] + grown[..., None] * out)
    return np.concatenate(parts, -2)


def capsule_faces(count: int) -> Int[np.ndarray, "F 3"]:
    """Return the faces of `count` capsules whose vertices are concatenated."""
    near, far = _cap_faces(0), _cap_faces(NUM_VERTICES // 2)
    rim = NUM_VERTICES // 2
    walls = _ring_faces(rim - NUM_SIDES, NUM_VERTICES - NUM_SIDES)
    # Seen from outside the one cap turns against the other.
    one = np.concatenate([near[:, ::-1], far, walls[:, ::-1]])
    return (one + NUM_VERTICES * np.arange(count)[:, None, None]).reshape(-1, 3)


def _axes(along: Float[np.ndarray, "*batch 3"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return three unit vectors at right angles, the first along a capsule (or upwards)."""
    length = np.linalg.norm(along, axis=-1, keepdims=True)
    axis = np.where(length > 0, along / np.maximum(length, 1e-12), np.array([0.0, 0.0, 1.0]))
    axis = np.where(np.isfinite(length), axis, np.nan)
    # The coordinate axis that is furthest from it.
    helper = np.eye(3)[np.argmin(np.abs(np.nan_to_num(axis)), -1)]
    side = np.cross(axis, helper)
    side /= np.linalg.norm(side, axis=-1, keepdims=True)
    return axis, side, np.cross(axis, side)


def _cap_faces(pole: int) -> Int[np.ndarray, "F 3"]:
    first = pole + 1
    index = np.arange(NUM_SIDES)
    tip = np.stack([np.full(NUM_SIDES, pole), first + index, first + (index + 1) % NUM_SIDES], -1)
    return np.concatenate([tip, _ring_faces(first, first + NUM_SIDES)])


def _ring_faces(first: int, second: int) -> Int[np.ndarray, "F 3"]:
    index = np.arange(NUM_SIDES)
    after = (index + 1) % NUM_SIDES
    return np.concatenate(
        [
            np.stack([first + index, second + index, second + after], -1),
            np.stack([first + index, second + after, first + after], -1),
        ]
    )
