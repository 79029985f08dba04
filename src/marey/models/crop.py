"""Rotated square crops: the window through which a landmark network looks at the image.

Coordinates are continuous: the centre of the first pixel is (0.5, 0.5) in the image and in the
crop alike, so a crop of `size` px spans 0 to `size`. The angle turns the crop clockwise on screen
(y points down), in radians; 0 leaves it upright.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

_MAX_STEP = 4.0
"""Image pixels from one sample to the next, at most."""


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
    of 10). Only beyond four image pixels per crop pixel are several samples averaged.
    """
    samples = max(1, int(np.ceil(crop.side / size / _MAX_STEP)))
    fine = size * samples
    # Crop to image is u = axes (c - fine/2) step + centre, where a pixel's centre lies at its index
    # plus a half; OpenCV counts centres from 0 on both sides.
    linear = crop.axes * (crop.side / fine)
    offset = crop.center + linear @ np.full(2, 0.5 - fine / 2) - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(image, np.column_stack([linear, offset]), (fine, fine), flags=flags)
    if samples > 1:
        picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return picture


def paste_crop(
    values: Float32[np.ndarray, "S S"], crop: SquareCrop, *, size: tuple[int, int]
) -> Float32[np.ndarray, "H W"]:
    """Lay values of a crop's pixels out over an image of `size` (width, height) px; 0 elsewhere."""
    step = crop.side / len(values)
    linear = crop.axes * step
    # From indices of the crop to indices of the image; centres lie at an index plus a half.
    offset = crop.center + linear @ np.full(2, 0.5 - len(values) / 2) - 0.5
    return cv2.warpAffine(values, np.column_stack([linear, offset]), size, flags=cv2.INTER_LINEAR)


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
