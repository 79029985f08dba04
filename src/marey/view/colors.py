"""Colours that mean something."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from marey.core import Skeleton
from marey.io.gltf import PERSON_COLORS

LEFT, RIGHT, MIDLINE = (255, 150, 60), (70, 190, 255), (245, 245, 245)
"""RGB of the person's own left, right and middle."""


def person_colors(num_people: int) -> Float[np.ndarray, "N 3"]:
    """Return the colours by which people are told apart, the same as in exported files."""
    colors = [PERSON_COLORS[row % len(PERSON_COLORS)] for row in range(num_people)]
    return np.array(colors, np.float64).reshape(-1, 3)


def to_rgb8(color: Float[np.ndarray, "3"] | Sequence[float]) -> tuple[int, int, int]:
    """Return a colour as whole numbers up to 255."""
    red, green, blue = (round(255 * float(value)) for value in color)
    return red, green, blue


def side_colors(skeleton: Skeleton) -> UInt8[np.ndarray, "K 3"]:
    """Return each keypoint's colour by its side of the body."""
    sides = {"left_": LEFT, "right_": RIGHT}
    rows = [
        next((color for side, color in sides.items() if name.startswith(side)), MIDLINE)
        for name in skeleton.keypoints
    ]
    return np.array(rows, np.uint8)
