"""Layers of depth against the z-buffer, and against spheres and boxes whose outline is known."""

import cv2
import numpy as np
import pytest

from marey.geometry.layers import draw_layers
from marey.geometry.raster import rasterize


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cull_back", [False, True])
def test_says_what_the_z_buffer_says(seed, cull_back):
    rng = np.random.default_rng(seed)
    points = rng.uniform((-10, -10, 1), (74, 58, 5), (2, 60, 3))
    faces = rng.integers(0, 60, (40, 3))
    points[1, 7] = np.nan
    (layers,) = draw_layers(
        points[None], faces, np.array([[64, 48]]), step=1.0, cull_back=cull_back
    )
    assert layers.amodal.any((1, 2)).all()
    for person in range(2):
        shifted = points[person] - (*layers.origin, 0)
        size = layers.depth.shape[:0:-1]
        plain = rasterize(shifted, faces, size, cull_back=cull_back, full=True)
        np.testing.assert_array_equal(layers.amodal[person], plain.mask)
        np.testing.assert_allclose(layers.depth[person], plain.depth, rtol=1e-6)


def test_long_thin_faces_lose_no_cell():
    """Slivers of a fan: the row-wise start and stop must not cut what the edges allow."""
    angle = np.linspace(0, 2 * np.pi, 181)[:-1]
    rim = np.stack([32 + 25 * np.cos(angle), 24 + 22 * np.sin(angle), np.ones(180)], -1)
    points = np.concatenate([[[31.7, 24.2, 1.0]], rim])
    index = np.arange(180)
    faces = np.stack([np.zeros(180, int), 1 + index, 1 + (index + 1) % 180], -1)
    (layers,) = draw_layers(points[None, None], faces, np.array([[64, 48]]), step=1.0)
    height, width = layers.depth.shape[1:]
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x, y = x + layers.origin[0], y + layers.origin[1]
    radius = np.hypot((x - 32) / 25, (y - 24) / 22)
    clear = np.abs(radius - 1) > 0.01
    np.testing.assert_array_equal(layers.amodal[0][clear], (radius < 1)[clear])


def box(low, high):
    corner = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    vertices = np.array(low) + corner * (np.array(high) - low)
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return vertices, np.array([[s[0], s[i], s[i + 1]] for s in sides for i in (1, 2)])


def test_two_boxes_by_hand():
    """A box at 2 m before one at 4 m, focal length 100 px, centre (50, 40): rectangles."""
    near, faces = box((-0.4, -0.2, 2.0), (0.2, 0.6, 2.5))
    far, _ = box((-0.2, -0.8, 4.0), (1.0, 0.4, 4.5))
    points = np.stack([near, far])
    pixels = 100 * points[..., :2] / points[..., 2:] + (50, 40)
    projected = np.concatenate([pixels, points[..., 2:]], -1)
    (layers,) = draw_layers(projected[None], faces, np.array([[100, 80]]), step=1.0)
    expected = np.zeros((2, 80, 100), bool)
    # The front faces hold the outlines of both: x 30 to 60, y 30 to 70; x 45 to 75, y 20 to 50.
    expected[0, 30:70, 30:60] = True
    expected[1, 20:50, 45:75] = True
    x, y = np.round(layers.origin).astype(int)
    height, width = layers.owner.shape
    window = (slice(None), slice(y, y + height), slice(x, x + width))
    np.testing.assert_array_equal(layers.amodal, expected[window])
    np.testing.assert_array_equal(layers.visible[0], expected[window][0])
    np.testing.assert_array_equal(layers.visible[1], expected[window][1] & ~expected[window][0])
    np.testing.assert_allclose(layers.depth[0][layers.amodal[0]], 2.0, rtol=1e-6)
    np.testing.assert_allclose(layers.depth[1][layers.amodal[1]], 4.0, rtol=1e-6)


def icosphere() -> tuple[np.ndarray, np.ndarray]:
    """Return a finely divided unit sphere."""
    rows, columns = 120, 240
    theta, phi = np.meshgrid(
        np.linspace(0, np.pi, rows), np.arange(columns) * 2 * np.pi / columns, indexing="ij"
    )
    points = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1], np.roll(index, -1, 1)[:-1]
    c, d = index[1:], np.roll(index, -1, 1)[1:]
    faces = np.concatenate([np.stack([a, c, d], -1), np.stack([a, d, b], -1)]).reshape(-1, 3)
    return points.reshape(-1, 3), faces


def test_two_spheres_seen_from_two_cameras():
    """A ray meets a sphere if it passes nearer than the radius: outline, depth and who is first."""
    unit, faces = icosphere()
    centers = np.array([[[-0.2, 0.1, 3.0], [0.3, 0.0, 3.6]], [[-0.2, 0.1, 4.6], [0.3, 0.0, 4.0]]])
    radii = np.array([0.5, 0.7])
    points = centers[:, :, None] + radii[:, None, None] * unit
    pixels = 300 * points[..., :2] / points[..., 2:] + 160
    projected = np.concatenate([pixels, points[..., 2:]], -1)
    views = draw_layers(projected, faces, np.full((2, 2), 320), cells=100)
    for view, layers in enumerate(views):
        assert max(layers.depth.shape) <= 101
        truth, near = trace(layers, centers[view], radii)
        edge = near < 0.01
        np.testing.assert_array_equal(layers.amodal[~edge], np.isfinite(truth)[~edge])
        both = np.isfinite(truth) & layers.amodal & ~edge
        np.testing.assert_allclose(layers.depth[both], truth[both], atol=0.01)
        first = np.where(np.isfinite(truth).any(0), truth.argmin(0), -1)
        # Cells in which the two lie almost equally deep may go to either.
        apart = np.abs(np.subtract(*np.where(np.isfinite(truth), truth, (([[9.0]], [[99.0]])))))
        sure = ~edge.any(0) & (apart > 0.02)
        np.testing.assert_array_equal(layers.owner[sure], first[sure])
        assert sure.mean() > 0.8
        assert {-1, 0, 1} == set(layers.owner[sure].tolist())


def trace(layers, centers, radii):
    """Return the depth at which each cell's ray meets each sphere, and how near it passes to the
    outline, as a share of the radius.
    """
    height, width = layers.depth.shape[1:]
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    pixels = layers.origin + layers.step * np.stack([x, y], -1)
    ray = np.concatenate([(pixels - 160) / 300, np.ones((height, width, 1))], -1)
    unit = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
    along = np.einsum("hwi,ni->nhw", unit, centers)
    distance = np.sqrt((centers**2).sum(-1)[:, None, None] - along**2)
    radius = radii[:, None, None]
    with np.errstate(invalid="ignore"):
        depth = (along - np.sqrt(radius**2 - distance**2)) * unit[..., 2]
    return np.where(distance < radius, depth, np.inf), np.abs(distance / radius - 1)


def test_nobody_in_view_is_an_empty_grid():
    points = np.full((2, 1, 4, 3), np.nan)
    points[1, 0] = [[-5, 2, 1], [-9, 2, 1], [-9, 9, 1], [-5, 9, 1]]
    for layers in draw_layers(points, np.array([[0, 1, 2]]), np.array([[20, 20], [20, 20]])):
        assert layers.depth.shape == (1, 0, 0)
        assert layers.owner.shape == (0, 0)


def test_grid_stays_small_and_inside_the_picture():
    """A body that reaches far beyond the picture costs no more than one inside."""
    points = np.array([[-1e7, -1e7, 1.0], [1e7, -1e7, 1], [0, 1e7, 1]])
    (layers,) = draw_layers(
        points[None, None], np.array([[0, 1, 2]]), np.array([[3840, 2160]]), cells=64
    )
    assert max(layers.depth.shape) <= 65
    assert layers.amodal.mean() > 0.85


def test_area_agrees_with_opencv():
    polygon = np.array([[50, 40], [580, 120], [300, 440]])
    points = np.concatenate([polygon + 0.5, np.ones((3, 1))], -1)
    (layers,) = draw_layers(points[None, None], np.array([[0, 1, 2]]), np.array([[640, 480]]))
    area = layers.amodal.sum() * layers.step**2
    assert area == pytest.approx(cv2.contourArea(polygon), rel=0.01)
