"""Who is in front of whom: meshes of several people drawn with depth, read at their keypoints."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.core import Cameras
from marey.geometry.projection import select_viewpoint
from marey.geometry.raster import Raster, rasterize

_SCALE = 0.25
"""Pictures are drawn at a quarter of their size: a pixel is then some two centimetres."""
_NEAR_M = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What drawing everyone in every view and frame says."""

    hidden: Bool[np.ndarray, "C N T K"]
    """The pixel of a keypoint shows somebody else, who is in front."""
    overlap: Bool[np.ndarray, "C N N T"]
    """Two people's masks, each drawn alone, share pixels."""
    height: Float[np.ndarray, "C N T"]
    """Height of a person's box, px; 0 where nothing is in the picture."""


def draw_people(
    vertices: Float[np.ndarray, "N T V 3"],
    faces: Int[np.ndarray, "F 3"],
    cameras: Cameras,
    image: Float[np.ndarray, "C N T K 2"],
    *,
    workers: int = 2,
) -> Drawn:
    """Draw everyone in every view and frame.

    Args:
        vertices: Meshes in the world, m.
        faces: Of either.
        cameras: Static cameras.
        image: Where keypoints are, px; NaN where a camera cannot see them.
        workers: Threads.
    """
    num_views, num_people, num_frames, num_keypoints = image.shape[:4]
    hidden = np.zeros((num_views, num_people, num_frames, num_keypoints), bool)
    overlap = np.zeros((num_views, num_people, num_people, num_frames), bool)
    height = np.zeros((num_views, num_people, num_frames))

    def draw(view: int) -> None:
        camera = select_viewpoint(cameras, view=view)
        size = tuple(int(np.ceil(side * _SCALE)) for side in camera.size)
        for frame in range(num_frames):
            local = camera.transform(vertices[:, frame])
            flat = camera.project(local)
            depth = np.where(local[..., 2] > _NEAR_M, local[..., 2], np.nan)
            height[view, :, frame] = _heights(flat, camera.size)
            points = np.concatenate([flat * _SCALE, depth[..., None]], -1)
            rasters = [rasterize(each, faces, (size[0], size[1])) for each in points]
            pixels = np.floor(image[view, :, frame] * _SCALE)
            hidden[view, :, frame], overlap[view, :, :, frame] = _compare(rasters, pixels)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(draw, range(num_views)))
    return Drawn(hidden=hidden, overlap=overlap, height=height)


def _heights(flat: Float[np.ndarray, "N V 2"], size: tuple[int, int]) -> Float[np.ndarray, "N"]:
    rows = flat[..., 1]
    known = np.isfinite(rows)
    high = np.where(known, np.clip(rows, 0, size[1]), 0.0).max(1)
    low = np.where(known, np.clip(rows, 0, size[1]), size[1]).min(1)
    return np.maximum(high - low, 0.0)


def _compare(
    rasters: list[Raster], pixels: Float[np.ndarray, "N K 2"]
) -> tuple[Bool[np.ndarray, "N K"], Bool[np.ndarray, "N N"]]:
    count = len(rasters)
    # Depth of every person's surface at every keypoint's pixel.
    depth = np.stack([_read(raster, pixels) for raster in rasters])
    front = depth.argmin(0)
    own = np.arange(count)[:, None]
    hidden = np.isfinite(depth.min(0)) & (front != own)
    overlap = np.zeros((count, count), bool)
    for one in range(count):
        for two in range(one):
            overlap[one, two] = overlap[two, one] = _share_pixels(rasters[one], rasters[two])
    return hidden, overlap


def _read(raster: Raster, pixels: Float[np.ndarray, "N K 2"]) -> Float[np.ndarray, "N K"]:
    known = np.isfinite(pixels).all(-1)
    column, row = (np.where(known, pixels[..., axis], -1).astype(int) for axis in (0, 1))
    column, row = column - raster.origin[0], row - raster.origin[1]
    high, wide = raster.face.shape
    inside = known & (column >= 0) & (row >= 0) & (column < wide) & (row < high)
    result = np.full(inside.shape, np.inf)
    result[inside] = raster.depth[row[inside], column[inside]]
    return result


def _share_pixels(first: Raster, second: Raster) -> bool:
    corner = np.maximum(first.origin, second.origin)
    ends = [np.array(r.origin) + r.face.shape[::-1] for r in (first, second)]
    end = np.minimum(*ends)
    if (end <= corner).any():
        return False
    parts = []
    for raster in (first, second):
        x0, y0 = corner - raster.origin
        x1, y1 = end - raster.origin
        parts.append(raster.mask[y0:y1, x0:x1])
    return bool((parts[0] & parts[1]).any())
