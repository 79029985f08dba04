"""What a person's clothes look like: a colour histogram of the torso, to know them again.

Hue and saturation of pixels between shoulders and hips, softened by value so that shade matters
little. Two histograms are compared by their overlap (1 for equal, 0 for disjoint).
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_HUES, _SATURATIONS, _VALUES = 12, 4, 3
_SIDE = 24


def describe_torso(
    image: UInt8[np.ndarray, "H W 3"], corners: Float[np.ndarray, "4 2"]
) -> Float[np.ndarray, "B"] | None:
    """Describe the colours of a torso.

    Args:
        image: RGB frame.
        corners: Left shoulder, right shoulder, right hip, left hip, px.

    Returns:
        A histogram that sums to 1, or None if the torso is not wholly in the image.
    """
    height, width = image.shape[:2]
    if not np.isfinite(corners).all():
        return None
    inside = (
        (corners >= 0).all() and (corners[:, 0] < width).all() and (corners[:, 1] < height).all()
    )
    if not inside:
        return None
    grid = np.linspace(0.1, 0.9, _SIDE)
    across, down = np.meshgrid(grid, grid)
    left = corners[0] + down[..., None] * (corners[3] - corners[0])
    right = corners[1] + down[..., None] * (corners[2] - corners[1])
    points = (left + across[..., None] * (right - left)).astype(np.int32)
    patch = np.ascontiguousarray(image[points[..., 1], points[..., 0]])
    hue, saturation, value = np.moveaxis(cv2.cvtColor(patch, cv2.COLOR_RGB2HSV).astype(int), -1, 0)
    bins = (
        (hue * _HUES // 180) * _SATURATIONS + saturation * _SATURATIONS // 256
    ) * _VALUES + value * _VALUES // 256
    # Grey pixels have no hue: all of them share the first hue's bins.
    grey = saturation < 40
    bins[grey] = value[grey] * _VALUES // 256
    counts = np.bincount(bins.ravel(), minlength=_HUES * _SATURATIONS * _VALUES)
    return (counts / counts.sum()).astype(np.float32)


def similarity(a: Float[np.ndarray, "B"] | None, b: Float[np.ndarray, "B"] | None) -> float | None:
    """Return the overlap of two histograms, or None if either is unknown."""
    if a is None or b is None:
        return None
    return float(np.minimum(a, b).sum())


def blend(
    old: Float[np.ndarray, "B"] | None, new: Float[np.ndarray, "B"] | None, *, share: float = 0.1
) -> Float[np.ndarray, "B"] | None:
    """Move a remembered histogram a little towards what is seen now."""
    if old is None or new is None:
        return new if old is None else old
    return (1 - share) * old + share * new
