"""Rotated square crops: the window through which a landmark network looks at the image.

Coordinates are continuous: the centre of the first pixel is (0.5, 0.5) in the image and in the
crop alike, so a crop of `size` px spans 0 to `size`. The angle turns the crop clockwise on screen
(y points down), in radians; 0 leaves it upright.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_MAX_STEP = 4.0
"""Image pixels per crop pixel up to which sampling is plain bilinear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SquareCrop:
    """A square window of the image."""

    center: Float[np.ndarray, "2"]
    """px"""
    side: float
    """px of the image"""
    angle: float = 0.0
    """rad; the direction that is up in the crop is (sin, -cos) of it in the image."""

    @property
    def axes(self) -> Float[np.ndarray, "2 2"]:
        """Rotation from crop axes to image axes; its columns are the crop's x and y."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    def is_sound(self) -> bool:
        """Whether the crop has a place and a size."""
        return bool(np.isfinite(self.center).all() and np.isfinite(self.side) and self.side >= 2)


def cut_crop(
    image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop, *, size: int
) -> UInt8[np.ndarray, "S S 3"]:
    """Sample a crop at `size` times `size` pixels; what lies outside of the image is black.

    Sampling is plain bilinear, as the networks were trained: area averaging instead cost accuracy
    on real footage (median error 3.8 instead of 3.7 px of a 256 px crop, 90th percentile 12 instead
    of 10). Only beyond four image pixels per crop pixel is the image averaged down first.
    """
    step = crop.side / size
    origin, patch = _take_patch(image, crop, margin=2 * step + 2)
    shrink = np.ones(2)
    if step > _MAX_STEP:
        old = np.array([patch.shape[1], patch.shape[0]])
        new = np.maximum(1, (old / step).round().astype(int))
        patch = cv2.resize(patch, (int(new[0]), int(new[1])), interpolation=cv2.INTER_AREA)
        shrink = new / old
    # Crop to patch: u = shrink (axes (c - size/2) step + centre - origin), where a pixel's centre
    # lies at its index plus a half; OpenCV counts centres from 0 on both sides.
    linear = shrink[:, None] * crop.axes * step
    offset = shrink * (crop.center - origin) + linear @ np.full(2, 0.5 - size / 2) - 0.5
    matrix = np.column_stack([linear, offset])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(patch, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT)


def crop_to_image(
    points: Float[np.ndarray, "*batch 2"], crop: SquareCrop, *, size: int
) -> Float[np.ndarray, "*batch 2"]:
    """Map points from crop pixels to image pixels."""
    return (points - size / 2) @ (crop.axes.T * (crop.side / size)) + crop.center


def image_to_crop(
    points: Float[np.ndarray, "*batch 2"], crop: SquareCrop, *, size: int
) -> Float[np.ndarray, "*batch 2"]:
    """Map points from image pixels to crop pixels."""
    return (points - crop.center) @ (crop.axes * (size / crop.side)) + size / 2


def point_up(start: Float[np.ndarray, "2"], stop: Float[np.ndarray, "2"]) -> float:
    """Return the crop angle that makes the direction from `start` to `stop` point up, in rad."""
    x, y = stop - start
    return float(np.arctan2(x, -y))


def _take_patch(
    image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop, *, margin: float
) -> tuple[Float[np.ndarray, "2"], UInt8[np.ndarray, "h w 3"]]:
    """Cut the upright bounds of a crop out of the image, without copying."""
    half = np.abs(crop.axes).sum(1) * crop.side / 2 + margin
    size = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.floor(crop.center - half), 0, size - 1).astype(int)
    high = np.clip(np.ceil(crop.center + half), low + 1, size).astype(int)
    return low.astype(float), image[low[1] : high[1], low[0] : high[0]]
