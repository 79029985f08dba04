"""The z-buffer of `marey.geometry.raster` in plain numpy, which the kernel must agree with."""

import numpy as np
from jaxtyping import Float, Int

from marey.geometry.raster import Raster


def rasterize_reference(
    points: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    size: tuple[int, int],
    *,
    cull_back: bool = False,
) -> Raster:
    """Draw triangles into the full image by testing every pixel against every face."""
    width, height = size
    centre = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)
    face = np.full((height, width), -1, np.int32)
    depth = np.full((height, width), np.inf, np.float32)
    weights = np.zeros((height, width, 3), np.float32)
    for index, corners in enumerate(points[faces].astype(np.float64)):
        area = _cross(corners[1, :2] - corners[0, :2], corners[2, :2] - corners[0, :2])
        if not np.isfinite(corners).all() or area == 0 or (cull_back and area > 0):
            continue
        to_corner = corners[:, None, None, :2] - centre
        screen = np.stack(
            [_cross(to_corner[(i + 1) % 3], to_corner[(i + 2) % 3]) / area for i in range(3)], -1
        )
        over_depth = screen / corners[:, 2]
        here = 1 / over_depth.sum(-1)
        nearer = (screen >= 0).all(-1) & (here.astype(np.float32) < depth)
        face[nearer], depth[nearer] = index, here[nearer]
        weights[nearer] = (over_depth * here[..., None])[nearer]
    return Raster(origin=(0, 0), face=face, depth=depth, weights=weights)


def interpolate_reference(
    raster: Raster, faces: Int[np.ndarray, "F 3"], values: Float[np.ndarray, "V A"]
) -> Float[np.ndarray, "H W A"]:
    """Interpolate per-vertex values over the pixels of a raster; 0 where there is no face."""
    corners = values[faces[np.maximum(raster.face, 0)]]
    mixed = (raster.weights[..., None] * corners).sum(-2)
    return np.where(raster.mask[..., None], mixed, 0).astype(np.float32)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray | np.float64:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
