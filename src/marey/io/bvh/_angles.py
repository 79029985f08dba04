"""Angles of a joint's rotation channels and quaternions."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

_LOCKED = 1e-7
"""Cosine of the middle angle below which the outer two turn about one axis."""


def compose_rotation(
    channels: Sequence[str], values: Float[np.ndarray, "T C"]
) -> Float[np.ndarray, "T 4"]:
    """Return quaternions (wxyz) of one joint, whose rotations act in the order they are listed.

    Args:
        channels: Names of the joint's channels, of which at most three are rotations; positions
            are skipped.
        values: Their values; rotations in degrees.
    """
    axes, columns = "", []
    for channel, column in zip(channels, values.T, strict=True):
        if channel.endswith("rotation") and channel[0] == axes[-1:]:
            # Two turns about one axis after each other are one, and the only way scipy takes them.
            columns[-1] = columns[-1] + column
        elif channel.endswith("rotation"):
            axes, columns = axes + channel[0], [*columns, column]
    if not axes:
        return np.tile([1.0, 0.0, 0.0, 0.0], (len(values), 1))
    turn = Rotation.from_euler(axes, np.stack(columns, 1), degrees=True)
    return turn.as_quat(scalar_first=True)


def split_rotation(quaternions: Float[np.ndarray, "T 4"]) -> Float[np.ndarray, "T 3"]:
    """Return the angles about Z, X and Y in degrees, free of jumps as far as that is possible.

    R = Rz Rx Ry. Every rotation has two such triples (a, b, c) and (a + 180, 180 - b, c + 180),
    each up to whole turns; the one nearest to the frame before is taken, so that a knee that bends
    beyond 90 degrees stays a turn about X, and curves between frames stay true.
    """
    w, x, y, z = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    r00, r02 = 1 - 2 * (y * y + z * z), 2 * (x * z + w * y)
    r10, r12 = 2 * (x * y + w * z), 2 * (y * z - w * x)
    r01, r11, r21 = 2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)
    first = np.where(np.hypot(r01, r11) < _LOCKED, 0.0, np.arctan2(-r01, r11))
    cos, sin = np.cos(first), np.sin(first)
    # Rows of Rz^T R = Rx Ry: right for any first angle, also where it is free.
    middle = np.arctan2(r21, cos * r11 - sin * r01)
    last = np.arctan2(cos * r02 + sin * r12, cos * r00 + sin * r10)
    return _follow(np.degrees(np.stack([first, middle, last], 1)))


def _follow(angles: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, "T 3"]:
    other = angles * (1, -1, 1) + 180
    stay = np.abs(_wrap(np.diff(angles, axis=0))).sum(1)
    change = np.abs(_wrap(other[1:] - angles[:-1])).sum(1)
    # From the second triple to the first is as far as from the first to the second.
    is_other = np.cumsum(np.concatenate([[False], change < stay])) % 2 == 1
    return np.unwrap(np.where(is_other[:, None], other, angles), period=360, axis=0)


def _wrap(degrees: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, "T 3"]:
    return (degrees + 180) % 360 - 180
