"""People as shaded pixels: one z-buffer for all, so that they hide one another rightly.

The mesh is drawn at a multiple of the picture's resolution, normals and colours are averaged down,
and light is computed once per pixel of the picture: smooth edges at little more than the price of
jagged ones. Light is computed in linear intensities: a sky above and a ground below (hemisphere),
one key light, a faint gloss and a rim.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from marey.geometry.projection import Viewpoint
from marey.geometry.raster import clip_near, find_window, interpolate, rasterize
from marey.geometry.surface import compute_normals

GAMMA = 2.2
SKY = np.array([0.56, 0.60, 0.66], np.float32)
GROUND = np.array([0.28, 0.26, 0.25], np.float32)
KEY = np.array([0.84, 0.80, 0.75], np.float32)
GLOSS, SHININESS, RIM = 0.10, 24.0, 0.22
WRAP = 0.25
"""How far the key light reaches around a body, softening the edge between light and shade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Meshes of all people in one frame."""

    vertices: Float[np.ndarray, "N V 3"]
    """World, m; NaN for people who are absent."""
    faces: Int[np.ndarray, "F 3"]
    colors: Float[np.ndarray, "N 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What is visible of the people: the M covered pixels of a picture."""

    row: Int[np.ndarray, "M"]
    column: Int[np.ndarray, "M"]
    coverage: Float32[np.ndarray, "M"]
    """Share of the pixel that shows a person."""
    normal: Float32[np.ndarray, "M 3"]
    """World axes, unit length."""
    color: Float32[np.ndarray, "M 3"]
    position: Float32[np.ndarray, "M 3"]
    """World, m."""


def draw_surface(people: People, viewpoint: Viewpoint, *, supersample: int = 2) -> Surface:
    """Draw people into one z-buffer.

    Args:
        people: The meshes.
        viewpoint: The camera.
        supersample: Samples per pixel along each side; 1 leaves edges jagged.

    Returns:
        The visible surface.
    """
    values, faces = _gather(people)
    points_cam = viewpoint.transform(values[:, :3])
    clipped = clip_near(points_cam, faces)
    points_cam, values = clipped.extend(points_cam), clipped.extend(values)
    pixels = np.concatenate([viewpoint.project(points_cam), points_cam[:, 2:]], -1)
    x0, y0, x1, y1 = find_window(pixels, viewpoint.size)
    scaled = (pixels - (x0, y0, 0)) * (supersample, supersample, 1)
    size = ((x1 - x0) * supersample, (y1 - y0) * supersample)
    raster = rasterize(scaled, clipped.faces, size, cull_back=True, full=True)
    averaged = interpolate(raster, clipped.faces, values, block=supersample)
    row, column = np.nonzero(averaged[..., -1] > 0.5 / 256)
    seen = averaged[row, column]
    coverage = seen[:, -1].copy()
    seen /= coverage[:, None]
    return Surface(
        row=row + y0,
        column=column + x0,
        coverage=coverage,
        normal=_normalize(seen[:, 3:6]),
        color=seen[:, 6:9],
        position=seen[:, :3],
    )


def shade_surface(
    surface: Surface,
    viewpoint: Viewpoint,
    *,
    light: Float[np.ndarray, "3"],
    shadow: Float32[np.ndarray, "M"] | None = None,
) -> Float32[np.ndarray, "M 3"]:
    """Light a surface.

    Args:
        surface: The surface.
        viewpoint: The camera that sees it.
        light: Unit vector towards the key light, world axes.
        shadow: How much of the key light is blocked, 0 to 1; nothing if not given.

    Returns:
        sRGB colours from 0 to 1.
    """
    normal, light = surface.normal, light.astype(np.float32)
    view = _normalize(viewpoint.camera_position().astype(np.float32) - surface.position)
    lit = np.float32(1) if shadow is None else 1 - shadow
    up = 0.5 + 0.5 * normal[:, 2]
    key = np.clip((normal @ light + WRAP) / (1 + WRAP), 0, 1) * lit
    ambient = GROUND + up[:, None] * (SKY - GROUND)
    half = _normalize(view + light)
    gloss = GLOSS * np.maximum((normal * half).sum(-1), 0) ** SHININESS * lit
    rim = RIM * (1 - np.clip((normal * view).sum(-1), 0, 1)) ** 3 * up
    linear = surface.color**GAMMA * (ambient + key[:, None] * KEY)
    return np.clip(linear + (gloss + rim)[:, None], 0, 1) ** np.float32(1 / GAMMA)


def blend(
    image: UInt8[np.ndarray, "H W 3"],
    surface: Surface,
    color: Float32[np.ndarray, "M 3"],
    *,
    opacity: float = 1.0,
) -> None:
    """Lay shaded pixels over a picture, in place."""
    below = image[surface.row, surface.column]
    alpha = (opacity * surface.coverage)[:, None]
    mixed = below + alpha * (255 * color - below)
    image[surface.row, surface.column] = (mixed + 0.5).astype(np.uint8)


def camera_light(viewpoint: Viewpoint) -> Float[np.ndarray, "3"]:
    """Return the direction (world axes) of a key light above the camera's left shoulder."""
    return viewpoint.direction_to_world(np.array([-0.45, -0.75, -0.65]))


def _gather(people: People) -> tuple[Float32[np.ndarray, "W 10"], Int[np.ndarray, "G 3"]]:
    """Return those present as one mesh: position, normal, colour and 1 for each vertex."""
    present = np.flatnonzero(np.isfinite(people.vertices).all((1, 2)))
    count, faces = people.vertices.shape[1], people.faces
    values = np.ones((len(present), count, 10), np.float32)
    for block, person in zip(values, present, strict=True):
        block[:, :3] = people.vertices[person]
        block[:, 3:6] = compute_normals(people.vertices[person], faces)
        block[:, 6:9] = people.colors[person]
    offset = np.repeat(np.arange(len(present)) * count, len(faces))[:, None]
    return values.reshape(-1, 10), np.tile(faces, (len(present), 1)) + offset


def _normalize(vectors: Float32[np.ndarray, "M 3"]) -> Float32[np.ndarray, "M 3"]:
    length = np.sqrt(np.einsum("mi,mi->m", vectors, vectors))
    return vectors / np.maximum(length, 1e-9)[:, None]
