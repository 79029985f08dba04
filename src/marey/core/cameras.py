"""Cameras: how the world becomes pixels."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

CameraModel = Literal["pinhole", "fisheye"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cameras:
    """C calibrated views on one clock.

    Axes as OpenCV (+X right, +Y down, +Z forward); pixels as COLMAP (the centre of the first pixel
    is (0.5, 0.5)), so an OpenCV principal point gains 0.5 when it enters.
    """

    names: tuple[str, ...]
    model: CameraModel
    K: Float[np.ndarray, "C 3 3"]
    """Intrinsic matrices, px."""
    distortion: Float[np.ndarray, "C P"]
    """Coefficients in OpenCV's order; P may be 0."""
    T_cam_world: Float[np.ndarray, "C M 7"]
    """Pose: quaternion wxyz and translation in m; M = 1 for static cameras, else T."""
    size: Int[np.ndarray, "C 2"]
    """Width and height, px."""
    time_offset: Float[np.ndarray, "C"]
    """s to add to a view's own clock to get the common one."""
