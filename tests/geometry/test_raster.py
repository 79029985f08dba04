"""The z-buffer against its plain reference, against OpenCV's polygons and against geometry."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from marey.geometry._raster_reference import interpolate_reference, rasterize_reference
from marey.geometry.raster import clip_near, interpolate, rasterize

SIZE = (64, 48)
ONE_FACE = np.array([[0, 1, 2]])


def random_mesh(seed: int, num_faces: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    points = rng.uniform((-10, -10, 1), (74, 58, 5), (60, 3))
    return points, rng.integers(0, 60, (num_faces, 3))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cull_back", [False, True])
def test_kernel_says_what_the_reference_says(seed, cull_back):
    points, faces = random_mesh(seed)
    points[7] = np.nan
    fast = rasterize(points, faces, SIZE, cull_back=cull_back, full=True)
    plain = rasterize_reference(points, faces, SIZE, cull_back=cull_back)
    assert plain.mask.any()
    np.testing.assert_array_equal(fast.face, plain.face)
    # The two divide in another order: float32 rounding only.
    np.testing.assert_allclose(fast.depth, plain.depth, rtol=1e-6)
    np.testing.assert_allclose(fast.weights, plain.weights, atol=1e-6)
    values = np.random.default_rng(seed).normal(size=(60, 4)).astype(np.float32)
    everywhere = interpolate_reference(plain, faces, values)
    np.testing.assert_allclose(interpolate(fast, faces, values), everywhere, atol=1e-5)
    blocks = everywhere.reshape(24, 2, 32, 2, 4).mean((1, 3))
    np.testing.assert_allclose(interpolate(fast, faces, values, block=2), blocks, atol=1e-5)


def test_window_holds_the_same_pixels_as_the_full_image():
    points, faces = random_mesh(1)
    points[:, :2] = points[:, :2] / 4 + (20, 15)
    small, full = rasterize(points, faces, SIZE), rasterize(points, faces, SIZE, full=True)
    assert small.face.size < full.face.size / 3
    np.testing.assert_array_equal(full.face[small.window], small.face)
    assert full.mask.sum() == small.mask.sum() > 0


def test_pixel_centre_decides():
    """A triangle that ends between two pixel centres covers exactly the centres inside."""
    points = np.array([[2.25, 3.25, 1.0], [6.75, 3.25, 1.0], [2.25, 7.75, 1.0]])
    mask = rasterize(points, ONE_FACE, SIZE, full=True).mask
    expected = [
        (x + 0.5 >= 2.25) and (y + 0.5 >= 3.25) and (x + y + 1 <= 10.0)
        for y, x in np.ndindex(48, 64)
    ]
    np.testing.assert_array_equal(mask.ravel(), expected)


def test_area_agrees_with_opencv():
    """OpenCV fills polygons by its own rule, so only the border may differ."""
    polygon = np.array([[5, 4], [58, 12], [30, 44]])
    mask = rasterize(np.c_[polygon + 0.5, np.ones(3)], ONE_FACE, SIZE, full=True).mask
    oracle = cv2.fillPoly(np.zeros((48, 64), np.uint8), [polygon.astype(np.int32)], 1) > 0
    border = cv2.polylines(np.zeros((48, 64), np.uint8), [polygon.astype(np.int32)], True, 1) > 0
    assert not ((mask != oracle) & ~border).any()


def test_shared_edges_have_no_cracks():
    """A fan of slivers around one centre covers its disc with no hole and no pixel twice."""
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 200))
    rim = np.stack([32 + 200 * np.cos(angles), 24 + 200 * np.sin(angles), np.ones(200)], -1)
    points = np.concatenate([[[32.1, 24.3, 1.0]], rim])
    index = np.arange(200)
    faces = np.stack([np.zeros(200, int), 1 + index, 1 + (index + 1) % 200], -1)
    assert rasterize(points, faces, SIZE).mask.all()


def test_depth_and_weights_are_perspective_correct():
    """On a slanted plane the depth at a pixel is where the pixel's ray meets the plane."""
    corners = np.array([[-1.0, -1.0, 2.0], [3.0, -0.5, 6.0], [-0.5, 1.5, 3.0]])
    focal, centre = 40.0, np.array([32.0, 24.0])
    points = np.c_[corners[:, :2] / corners[:, 2:] * focal + centre, corners[:, 2]]
    raster = rasterize(points, ONE_FACE, SIZE, full=True)
    rows, columns = np.nonzero(raster.mask)
    assert len(rows) > 200
    rays = np.c_[
        (columns + 0.5 - centre[0]) / focal, (rows + 0.5 - centre[1]) / focal, np.ones(len(rows))
    ]
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    depth = normal @ corners[0] / (rays @ normal)
    np.testing.assert_allclose(raster.depth[raster.mask], depth, rtol=1e-5)
    where = interpolate(raster, ONE_FACE, corners)[raster.mask]
    np.testing.assert_allclose(where, rays * depth[:, None], atol=1e-4)


def test_nearest_face_wins_whatever_the_order():
    square = np.array([[10, 10], [40, 10], [10, 40]], float)
    points = np.concatenate([np.c_[square, np.full(3, 3.0)], np.c_[square, np.full(3, 2.0)]])
    for faces in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        raster = rasterize(points, np.array(faces), SIZE)
        assert np.unique(raster.depth[raster.mask]) == [2.0]


def test_back_faces_can_be_left_out():
    """Seen by a camera (y down), counter-clockwise from outside means clockwise in pixel axes."""
    towards = np.array([[10, 10, 1], [10, 40, 1], [40, 10, 1]], float)
    assert rasterize(towards, ONE_FACE, SIZE, cull_back=True).mask.any()
    assert not rasterize(towards[[0, 2, 1]], ONE_FACE, SIZE, cull_back=True).mask.any()


def test_clipping_keeps_exactly_what_is_in_front():
    rng = np.random.default_rng(3)
    points, faces = rng.normal(size=(50, 3)), rng.integers(0, 50, (80, 3))
    faces = faces[(np.diff(np.sort(faces, -1), axis=-1) > 0).all(-1)]
    clipped = clip_near(points, faces, 0.1)
    after = clipped.extend(points)
    assert after[clipped.faces][..., 2].min() > 0.1 - 1e-9
    # Areas in front, by brute force: the share of random points of each face that lie in front.
    share = rng.dirichlet(np.ones(3), (len(faces), 20000))
    inside = ((share @ points[faces][..., 2:])[..., 0] > 0.1).mean(-1)
    area = _area(points[faces])
    kept = np.bincount(clipped.source, _area(after[clipped.faces]), len(faces))
    np.testing.assert_allclose(kept / area, inside, atol=0.02)  # 4 sigma of 20000 draws is 0.014
    # Orientation survives.
    normal = np.cross(*np.moveaxis(after[clipped.faces][:, 1:] - after[clipped.faces][:, :1], 1, 0))
    source = points[faces[clipped.source]]
    before = np.cross(source[:, 1] - source[:, 0], source[:, 2] - source[:, 0])
    assert ((normal * before).sum(-1) >= -1e-9).all()


def test_clipping_drops_faces_with_missing_vertices():
    points = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [np.nan] * 3], float)
    clipped = clip_near(points, np.array([[0, 1, 2], [0, 1, 3]]))
    np.testing.assert_array_equal(clipped.source, [0])


def test_empty_and_outside_meshes_give_empty_windows():
    nowhere = np.full((3, 3), np.nan)
    outside = np.array([[-30, 5, 1], [-20, 5, 1], [-25, 9, 1]], float)
    for points in (nowhere, outside):
        assert rasterize(points, ONE_FACE, SIZE).face.size == 0
        assert not rasterize(points, ONE_FACE, SIZE, full=True).mask.any()


def test_compiles_where_no_folder_can_hold_the_cache(tmp_path):
    """A read-only installation with no home compiles without a cache instead of failing."""
    program = (
        "import numba.core.caching as caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "import numpy as np\n"
        "from marey.geometry.raster import rasterize\n"
        "p = np.array([[0, 0, 1], [9, 0, 1], [0, 9, 1]], float)\n"
        "assert rasterize(p, np.array([[0, 1, 2]]), (9, 9)).mask.any()\n"
    )
    source = Path(__file__).resolve().parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=tmp_path)


def _area(triangles: np.ndarray) -> np.ndarray:
    edges = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return np.linalg.norm(edges, axis=-1) / 2
