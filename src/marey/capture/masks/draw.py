"""Whose each place of every view is: bodies that were predicted, drawn over one another.

A body is given by its vertices, or by keypoints in space between which capsules run
(`marey.capture.masks.bodies`). Every view has a grid over the people in it, coarse by default (128
cells along its longer side: about 1.5 cm of a person), so that twenty views of two people take a
few milliseconds whatever the size of their pictures.

Amodal is where a body would be seen if it were alone, visible where it is the nearest one.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Shaped

from marey.core import Cameras
from marey.geometry.layers import Layers, draw_layers
from marey.geometry.projection import (
    find_distortion_limit,
    project_points,
    transform_points,
)

NEAREST_M = 0.05
POINT_RADIUS_M = 0.04
"""Of the disc around a keypoint over which its visibility is averaged."""
_IN_FRONT_M = 0.05
"""A surface hides a point only if it is nearer by this: a point lies inside its own limb."""
_RINGS = np.array([0.0, 0.5, 1.0])
_SPOKES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PointVisibility:
    """How much of each keypoint is seen, and by which share someone else covers it."""

    pixel: Float[np.ndarray, "C N K 2"]
    """px; NaN where a view cannot see the point."""
    depth: Float[np.ndarray, "C N K"]
    """m"""
    visible: Float[np.ndarray, "C N K"]
    """Share of a small disc around the point that nobody else hides; 0 outside of the picture, NaN
    where the point is."""
    shared: Float[np.ndarray, "C N K"]
    """Share of the disc that lies within somebody else's amodal mask, in front or behind: where a
    detector may take one person's limb for another's."""


def render_masks(
    cameras: Cameras,
    vertices: Float[np.ndarray, "N V 3"],
    faces: Int[np.ndarray, "F 3"],
    *,
    frame: int = 0,
    cells: int = 128,
    step: float | None = None,
) -> tuple[Layers, ...]:
    """Draw everybody of one moment into every view.

    Args:
        cameras: The C views.
        vertices: In the world, m; NaN for who is absent.
        faces: Of one body, counter-clockwise seen from outside.
        frame: Which pose of moving cameras.
        cells: Along the longer side of the part of a view in which there are people.
        step: px per cell, the same in all views, instead of `cells`; 4 is a quarter resolution.

    Returns:
        What each person covers, view by view.
    """
    pixel, depth = project_to_views(cameras, vertices, frame=frame)
    points = np.concatenate([pixel, depth[..., None]], -1)
    return draw_layers(points, faces, cameras.size, cells=cells, step=step, cull_back=True)


def fill_grid(layers: Layers, size: tuple[int, int]) -> Float32[np.ndarray, "N H W"]:
    """Lay the depths of rendered people out over a whole picture of `size` (width, height) px."""
    return lay_out(layers, layers.depth, size, np.inf)


def amodal_boxes(layers: Layers, size: tuple[int, int]) -> Float[np.ndarray, "N 4"]:
    """Return the boxes around rendered people, each alone, x0 y0 x1 y1 in px; NaN if outside."""
    boxes = np.full((len(layers.depth), 4), np.nan)
    for row, mask in enumerate(layers.amodal):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if len(rows):
            corners = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
            boxes[row] = corners * layers.step + np.tile(layers.origin, 2)
            boxes[row] = boxes[row].clip(0, np.tile(np.array(size, float), 2))
    return boxes


def lay_out(
    layers: Layers,
    cells: Shaped[np.ndarray, "N h w"],
    size: tuple[int, int],
    empty: float | bool = False,
) -> Shaped[np.ndarray, "N H W"]:
    """Give every px of a picture what its cell holds.

    Args:
        layers: Whose grid it is.
        cells: Any values on it.
        size: Width and height of the picture, px.
        empty: What px outside of the grid hold.
    """
    centres = (np.arange(side) + 0.5 for side in size)
    column, row = (
        np.floor((centre - origin) / layers.step).astype(int)
        for centre, origin in zip(centres, layers.origin, strict=True)
    )
    across = np.flatnonzero((column >= 0) & (column < cells.shape[2]))
    down = np.flatnonzero((row >= 0) & (row < cells.shape[1]))
    out = np.full((len(cells), size[1], size[0]), empty, cells.dtype)
    if len(across) and len(down):
        part = cells[:, :, column[across]][:, row[down]]
        out[:, down[0] : down[-1] + 1, across[0] : across[-1] + 1] = part
    return out


def project_to_views(
    cameras: Cameras, points: Float[np.ndarray, "*batch 3"], *, frame: int = 0
) -> tuple[Float[np.ndarray, "C *batch 2"], Float[np.ndarray, "C *batch"]]:
    """Project points in the world (m) into every view.

    Returns:
        px, NaN where a view cannot see the point, and depth in m.
    """
    poses = cameras.T_cam_world
    pose = torch.as_tensor(poses[:, 0 if poses.shape[1] == 1 else frame], dtype=torch.float64)
    flat = torch.as_tensor(points, dtype=torch.float64).reshape(-1, 3)
    near = transform_points(pose[:, None], flat[None])
    near = torch.where(near[..., 2:] > NEAREST_M, near, torch.nan)
    pixel = project_points(
        near,
        torch.as_tensor(cameras.K, dtype=torch.float64)[:, None],
        torch.as_tensor(cameras.distortion, dtype=torch.float64)[:, None],
        model=cameras.model,
    ).numpy()
    plane = torch.hypot(near[..., 0], near[..., 1]) / near[..., 2]
    for view, lens in enumerate(cameras.distortion):
        pixel[view][plane[view].numpy() > find_distortion_limit(lens, model=cameras.model)] = np.nan
    shape = (len(pose), *points.shape[:-1])
    return pixel.reshape(*shape, 2), near[..., 2].numpy().reshape(shape)


def see_points(
    cameras: Cameras,
    layers: tuple[Layers, ...],
    points: Float[np.ndarray, "N K 3"],
    *,
    frame: int = 0,
    radius: float = POINT_RADIUS_M,
) -> PointVisibility:
    """Tell how much of each person's keypoints the others leave to be seen.

    Args:
        cameras: The views.
        layers: Who covers what in each (`render_masks`), the same people in the same order.
        points: Keypoints in the world, m; NaN where missing.
        frame: Which pose of moving cameras.
        radius: Of a disc around each point, m.
    """
    pixel, depth = project_to_views(cameras, points, frame=frame)
    focal = np.sqrt(np.abs(cameras.K[:, 0, 0] * cameras.K[:, 1, 1]))[:, None, None]
    reach = radius * focal / depth
    seen, shared = np.full(depth.shape, np.nan), np.full(depth.shape, np.nan)
    for view, layer in enumerate(layers):
        samples = pixel[view][..., None, :] + reach[view][..., None, None] * _disc()
        nearest = _sample_others(layer, samples)
        limit = depth[view][..., None] - _IN_FRONT_M
        missing = np.isnan(depth[view]) | np.isnan(pixel[view]).any(-1)
        outside = np.any((pixel[view] < 0) | (pixel[view] >= cameras.size[view]), axis=-1)
        seen[view] = np.where(missing, np.nan, np.where(outside, 0, (nearest >= limit).mean(-1)))
        shared[view] = np.where(missing, np.nan, np.isfinite(nearest).mean(-1))
    return PointVisibility(pixel=pixel, depth=depth, visible=seen, shared=shared)


def _disc() -> Float[np.ndarray, "S 2"]:
    """Return places spread evenly over the unit disc: the middle and two rings."""
    angle = np.arange(_SPOKES) * (2 * np.pi / _SPOKES)
    ring = np.stack([np.cos(angle), np.sin(angle)], -1)
    return np.concatenate([np.zeros((1, 2)), *(radius * ring for radius in _RINGS[1:])])


def _sample_others(
    layer: Layers, pixels: Float[np.ndarray, "N K S 2"]
) -> Float32[np.ndarray, "N K S"]:
    """Return the depth of the nearest other person in each place; infinite where there is none."""
    count, height, width = layer.depth.shape
    cell = np.floor(layer.cells(pixels))
    inside = np.all((cell >= 0) & (cell < (width, height)), axis=-1)
    column, row = np.moveaxis(np.where(inside[..., None], cell, 0).astype(int), -1, 0)
    out = np.full(inside.shape, np.inf, np.float32)
    for person in range(count):
        others = np.delete(layer.depth, person, axis=0)
        if not others.size:
            continue
        nearest = others.min(0)[row[person], column[person]]
        out[person] = np.where(inside[person], nearest, np.inf)
    return out
