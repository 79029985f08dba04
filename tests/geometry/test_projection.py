"""Cameras against OpenCV, transforms against SciPy, gradients against finite differences."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from marey.core import Cameras
from marey.core.errors import ShapeError
from marey.geometry.projection import (
    Viewpoint,
    compose_transforms,
    distort,
    find_distortion_limit,
    invert_transform,
    project_points,
    select_viewpoint,
    transform_points,
    undistort,
    unproject_pixels,
)

EIGHT = np.array([-0.28, 0.11, 0.0012, -0.0009, -0.02, 0.03, -0.01, 0.004])
CENTRE_SHIFT = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
FISHEYE = np.array([0.02, -0.011, 0.006, -0.002])
K = np.array([[900.0, 0, 640.5], [0, 910.0, 360.5], [0, 0, 1]])


def random_points(seed: int = 0, num: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform((-1.5, -1, 2), (1.5, 1, 6), (num, 3))


def random_transform(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.r_[Rotation.random(rng=rng).as_quat(scalar_first=True), rng.normal(size=3)]


def scipy_transform(T: np.ndarray) -> RigidTransform:
    return RigidTransform.from_components(T[4:], Rotation.from_quat(T[:4], scalar_first=True))


@pytest.mark.parametrize("count", [0, 4, 5, 8])
def test_pinhole_agrees_with_opencv(count):
    """With OpenCV's principal point shifted by half a pixel, pixels shift by half a pixel."""
    T, points = random_transform(3), random_points()
    T[4:] = (0.1, -0.2, 4)
    points = points - (0, 0, 4)
    camera_of_opencv = K - CENTRE_SHIFT
    rotation = Rotation.from_quat(T[:4], scalar_first=True).as_rotvec()
    oracle, _ = cv2.projectPoints(points, rotation, T[4:], camera_of_opencv, EIGHT[:count])
    viewpoint = Viewpoint(
        model="pinhole", K=K, distortion=EIGHT[:count], T_cam_world=T, size=(1280, 720)
    )
    ours = viewpoint.project(viewpoint.transform(points))
    np.testing.assert_allclose(ours, oracle.reshape(-1, 2) + 0.5, atol=1e-8)


@pytest.mark.parametrize("coefficients", [FISHEYE, np.zeros(4)])
def test_fisheye_agrees_with_opencv(coefficients):
    points = random_points(1) * (2, 2, 0.5)
    oracle, _ = cv2.fisheye.projectPoints(
        points[:, None],
        np.zeros(3),
        np.zeros(3),
        K - CENTRE_SHIFT,
        coefficients,
    )
    ours = project_points(*map(torch.tensor, (points, K, coefficients)), model="fisheye")
    np.testing.assert_allclose(ours, oracle.reshape(-1, 2) + 0.5, atol=1e-8)


@pytest.mark.parametrize(("model", "coefficients"), [("pinhole", EIGHT), ("fisheye", FISHEYE)])
def test_unprojection_undoes_projection(model, coefficients):
    points = torch.tensor(random_points(2))
    camera, lens = torch.tensor(K), torch.tensor(coefficients)
    pixels = project_points(points, camera, lens, model=model)
    plane = unproject_pixels(pixels, camera, lens, model=model)
    torch.testing.assert_close(plane, points[:, :2] / points[:, 2:], atol=1e-10, rtol=0)


def test_unprojection_agrees_with_opencv():
    pixels = np.random.default_rng(5).uniform((100, 80), (1180, 640), (50, 2))
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-12)
    oracle = cv2.undistortPoints(pixels[:, None], K, EIGHT, None, None, None, criteria)
    ours = unproject_pixels(*map(torch.tensor, (pixels, K, EIGHT)))
    np.testing.assert_allclose(ours, oracle[:, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("model", "coefficients"), [("pinhole", EIGHT), ("pinhole", EIGHT[:0]), ("fisheye", FISHEYE)]
)
def test_gradients_of_projection(model, coefficients):
    points = torch.tensor(random_points(num=4), requires_grad=True)
    camera = torch.tensor(K, requires_grad=True)
    lens = torch.tensor(coefficients, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda p, k, d: project_points(p, k, d, model=model), (points, camera, lens), atol=1e-4
    )


def test_points_behind_the_camera_are_missing_and_pull_nowhere():
    points = torch.tensor([[0.1, 0.2, 2.0], [0.1, 0.2, -2.0], [0.0, 0.0, 0.0]], requires_grad=True)
    camera = torch.tensor(K, dtype=torch.float32)
    pixels = project_points(points, camera, torch.tensor(EIGHT, dtype=torch.float32))
    assert torch.isfinite(pixels).all(-1).tolist() == [True, False, False]
    pixels.nansum().backward()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()
    assert points.grad[1:].abs().max() == 0 < points.grad[0].abs().min()


def test_the_optical_axis_of_a_fisheye_is_smooth():
    plane = torch.zeros(1, 2, requires_grad=True)
    image = distort(plane, torch.tensor(FISHEYE, dtype=torch.float32), model="fisheye")
    image.sum().backward()
    torch.testing.assert_close(image, torch.zeros(1, 2))
    torch.testing.assert_close(plane.grad, torch.ones(1, 2), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        undistort(torch.zeros(1, 2), torch.zeros(4), model="fisheye"), torch.zeros(1, 2)
    )


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_transforms_agree_with_scipy(first, second):
    T_b_a, T_c_b = random_transform(first), random_transform(second)
    points = random_points(first, 5)
    ours = compose_transforms(torch.tensor(T_c_b), torch.tensor(T_b_a))
    oracle = scipy_transform(T_c_b) * scipy_transform(T_b_a)
    np.testing.assert_allclose(
        transform_points(ours, torch.tensor(points)), oracle.apply(points), atol=1e-12
    )
    back = transform_points(invert_transform(ours), torch.tensor(oracle.apply(points)))
    np.testing.assert_allclose(back, points, atol=1e-12)


def test_leading_axes_broadcast():
    """Three cameras, five frames, seven points: the axes meet as in any torch expression."""
    T = torch.tensor(np.stack([random_transform(i) for i in range(3)]))
    points = torch.tensor(random_points(num=35)).reshape(5, 7, 3)
    moved = transform_points(T[:, None, None], points)
    assert moved.shape == (3, 5, 7, 3)
    torch.testing.assert_close(moved[2, 4, 6], transform_points(T[2], points[4, 6]))
    cameras = torch.tensor(K).expand(3, 3, 3)[:, None, None]
    lens = torch.tensor(EIGHT).expand(3, 8)[:, None, None]
    assert project_points(moved + torch.tensor([0, 0, 20.0]), cameras, lens).shape == (3, 5, 7, 2)


def test_a_lens_that_folds_shows_nothing_beyond_the_fold():
    """With k1 = -0.3 the image radius r (1 - 0.3 r^2) stops growing at r = 1 / sqrt(0.9)."""
    lens = np.array([-0.3, 0, 0, 0])
    limit = find_distortion_limit(lens, model="pinhole")
    assert limit == pytest.approx(1 / np.sqrt(0.9), rel=0.03)  # half a degree of the search
    viewpoint = Viewpoint(
        model="pinhole", K=K, distortion=lens, T_cam_world=np.r_[1, np.zeros(6)], size=(1280, 720)
    )
    seen = viewpoint.project(np.array([[0.9, 0.0, 1.0], [1.7, 0.0, 1.0]]))
    assert np.isfinite(seen).all(-1).tolist() == [True, False]
    assert find_distortion_limit(np.zeros(5), model="pinhole") == np.inf


def test_unknown_numbers_of_coefficients_are_refused():
    points = torch.tensor(random_points())
    with pytest.raises(ShapeError, match="0, 4, 5 or 8"):
        project_points(points, torch.tensor(K), torch.zeros(12))
    with pytest.raises(ShapeError, match="0 or 4"):
        project_points(points, torch.tensor(K), torch.zeros(5), model="fisheye")


def test_a_moving_camera_is_taken_at_its_frame():
    poses = np.stack([random_transform(i) for i in range(4)])
    cameras = Cameras(
        names=("a",),
        model="pinhole",
        K=K[None],
        distortion=np.zeros((1, 0)),
        T_cam_world=poses[None],
        size=np.array([[1280, 720]]),
        time_offset=np.zeros(1),
    )
    np.testing.assert_array_equal(select_viewpoint(cameras, frame=2).T_cam_world, poses[2])
    assert select_viewpoint(cameras).size == (1280, 720)
