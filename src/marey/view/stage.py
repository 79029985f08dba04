"""A place to look at people from outside: a floor with a grid, soft shadows, a quiet background.

A stage is made once per camera; people are then drawn on it frame by frame.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from marey.geometry.projection import Viewpoint
from marey.geometry.raster import interpolate, rasterize
from marey.view.shading import People, Surface, blend, camera_light, draw_surface, shade_surface

FLOOR, WALL, LINE = (0.905, 0.91, 0.918), (0.965, 0.967, 0.972), (0.74, 0.755, 0.78)
GRID_M, FINE_GRID_M = 1.0, 0.25
TEXEL_M = 0.01
"""Size of a shadow map's pixel."""
SHADOW_DEPTH, CONTACT_DEPTH = 0.34, 0.45
"""How much darker the floor is in the key light's shadow, and right under a body."""
CONTACT_HEIGHT_M = 0.10
MAX_MAP = 1500
"""Largest shadow map, pixels along a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An empty floor seen by one camera."""

    viewpoint: Viewpoint
    light: Float[np.ndarray, "3"]
    """Unit vector towards the key light."""
    backdrop: Float32[np.ndarray, "H W 3"]
    """The picture without people, 0 to 1."""
    floor: Float32[np.ndarray, "H W 2"]
    """Where on the floor each pixel looks, m; far outside where it does not look at the floor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Map:
    """A picture of values on a plane of the world."""

    axes: Float[np.ndarray, "3 3"]
    """Rows: the map's x and y, and the direction in which its depth grows, in the world."""
    origin: Float[np.ndarray, "2"]
    texel: float
    values: Float32[np.ndarray, "h w"]
    """Depth along the third axis in m, infinite where there is nothing."""


def build_stage(viewpoint: Viewpoint, centre: Float[np.ndarray, "3"]) -> Stage:
    """Make a stage whose floor fades out around a centre.

    Args:
        viewpoint: A camera without distortion.
        centre: The middle of what happens, m.
    """
    width, height = viewpoint.size
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    K, camera = viewpoint.K, viewpoint.camera_position()
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones_like(u)], -1)
    rays = viewpoint.direction_to_world(rays)
    hits = rays[..., 2] * camera[2] < -1e-4 * abs(camera[2])
    steps = np.where(hits, -camera[2] / np.where(hits, rays[..., 2], 1), 0)
    floor = np.where(hits[..., None], camera[:2] + steps[..., None] * rays[..., :2], 1e4)
    # The lens looks along a few metres; the floor fades before its horizon is seen.
    span = max(3.0, 0.8 * float(np.linalg.norm(camera - centre)))
    distance = np.linalg.norm(floor - centre[:2], axis=-1)
    fade = np.clip((distance / span - 0.35) / 0.9, 0, 1)[..., None]
    fade = np.where(hits[..., None], fade * fade * (3 - 2 * fade), 1)
    lines = 0.9 * _grid(floor, GRID_M) + 0.28 * _grid(floor, FINE_GRID_M)
    ground = np.array(FLOOR) + np.clip(lines, 0, 1)[..., None] * (np.array(LINE) - np.array(FLOOR))
    backdrop = ground + fade * (np.array(WALL) - ground)
    return Stage(
        viewpoint=viewpoint,
        light=_lift(camera_light(viewpoint)),
        backdrop=backdrop.astype(np.float32),
        floor=floor.astype(np.float32),
    )


def render_on_stage(
    stage: Stage, people: People, *, supersample: int = 2, shadows: bool = True
) -> UInt8[np.ndarray, "H W 3"]:
    """Draw people on a stage.

    Args:
        stage: The floor and the camera.
        people: The meshes.
        supersample: Samples per pixel along each side.
        shadows: Whether people shade the floor, themselves and one another.
    """
    present = np.isfinite(people.vertices).all((1, 2))
    surface = draw_surface(people, stage.viewpoint, supersample=supersample)
    if not shadows or not present.any():
        image = (stage.backdrop * 255 + 0.5).astype(np.uint8)
        blend(image, surface, shade_surface(surface, stage.viewpoint, light=stage.light))
        return image
    points = people.vertices[present].reshape(-1, 3).astype(np.float64)
    count = people.vertices.shape[1]
    faces = np.concatenate([people.faces + k * count for k in range(int(present.sum()))])
    light = _draw_map(points, faces, _frame_of(-stage.light))
    floor = _shade_floor(stage, light, _draw_map(points, faces, _frame_of(np.array([0, 0, 1.0]))))
    image = (stage.backdrop * floor[..., None] * 255 + 0.5).astype(np.uint8)
    shadow = _shade_bodies(surface, light)
    color = shade_surface(surface, stage.viewpoint, light=stage.light, shadow=shadow)
    blend(image, surface, color)
    return image


def _lift(light: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Keep a light at least some 50 degrees above the floor, so that shadows stay short."""
    flat = light[:2] * min(1.0, 0.62 / max(float(np.linalg.norm(light[:2])), 1e-9))
    return np.array([*flat, np.sqrt(1 - flat @ flat)])


def _grid(floor: Float[np.ndarray, "H W 2"], spacing: float) -> Float[np.ndarray, "H W"]:
    """Return the coverage of grid lines about a pixel wide, fading where they crowd."""
    strength = np.zeros(floor.shape[:2])
    for axis in range(2):
        value = floor[..., axis] / spacing
        step = sum(np.abs(d) for d in np.gradient(value)) + 1e-9
        line = np.clip(1.1 - np.abs(value - np.round(value)) / step, 0, 1)
        strength = np.maximum(strength, line * np.clip(1.4 - 4 * step, 0, 1))
    return strength


def _frame_of(direction: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Return two axes across a direction, and the direction."""
    across = np.cross(direction, np.eye(3)[np.abs(direction).argmin()])
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(direction, across), direction])


def _draw_map(
    points: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], axes: Float[np.ndarray, "3 3"]
) -> _Map:
    local = points @ axes.T
    low, high = local[:, :2].min(0) - 0.3, local[:, :2].max(0) + 0.3
    texel = max(TEXEL_M, float((high - low).max()) / MAX_MAP)
    size = (int((high[0] - low[0]) / texel) + 1, int((high[1] - low[1]) / texel) + 1)
    # The z-buffer sees with perspective; from very far away that is a parallel view.
    far = local[:, 2:] - local[:, 2].min() + 1000
    flat = np.concatenate([(local[:, :2] - low) / texel, far], -1)
    raster = rasterize(flat, faces, size, full=True)
    depth = interpolate(raster, faces, local[:, 2:])[..., 0]
    values = np.where(raster.mask, depth, np.float32(np.inf))
    return _Map(axes=axes, origin=low, texel=texel, values=values)


def _shade_floor(stage: Stage, light: _Map, below: _Map) -> Float32[np.ndarray, "H W"]:
    covered = np.isfinite(light.values).astype(np.float32)
    covered = cv2.GaussianBlur(covered, (0, 0), 0.025 / light.texel)
    height = np.where(np.isfinite(below.values), below.values, 1e3)
    contact = np.exp(-np.maximum(height, 0) / CONTACT_HEIGHT_M).astype(np.float32)
    contact = cv2.GaussianBlur(contact, (0, 0), 0.03 / below.texel)
    darkness = SHADOW_DEPTH * _sample_floor(stage, light, covered)
    return (1 - darkness) * (1 - CONTACT_DEPTH * _sample_floor(stage, below, contact))


def _sample_floor(
    stage: Stage, where: _Map, values: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "H W"]:
    maps = stage.floor @ where.axes[:2, :2].T.astype(np.float32)
    maps = (maps - where.origin.astype(np.float32)) / np.float32(where.texel) - np.float32(0.5)
    return cv2.remap(values, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderValue=0)


def _shade_bodies(surface: Surface, light: _Map) -> Float32[np.ndarray, "M"]:
    """Return how much of the key light is blocked, averaged over neighbours in the shadow map."""
    # A point a little off the surface keeps a body from shading itself by rounding.
    local = (surface.position + 0.012 * surface.normal) @ light.axes.T.astype(np.float32)
    spot = (local[:, :2] - light.origin.astype(np.float32)) / np.float32(light.texel)
    shadow = np.zeros(len(local), np.float32)
    steps = np.array([-1.6, -0.5, 0.5, 1.6], np.float32)
    rows, columns = light.values.shape
    for dx in steps:
        for dy in steps:
            x = np.clip((spot[:, 0] + dx).astype(np.int32), 0, columns - 1)
            y = np.clip((spot[:, 1] + dy).astype(np.int32), 0, rows - 1)
            shadow += light.values[y, x] < local[:, 2] - 0.015
    return shadow / len(steps) ** 2
