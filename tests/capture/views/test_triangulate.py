"""Keypoints of several views become points in the world with honest sigmas."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from marey.body import Body, load_body
from marey.capture.views.triangulate import find_rays, make_extrinsics, triangulate_keypoints
from marey.core import Cameras, Keypoints2D
from marey.core.errors import InputError
from marey.geometry.projection import project_points
from marey.synthetic import PERFECT, DetectorNoise, make_cameras, synthetic_scene
from tests.capture.rings import mahalanobis


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


def test_perfect_keypoints_give_the_truth(body: Body):
    scene = synthetic_scene(
        body, "kick", num_frames=5, num_people=2, cameras=make_cameras(4), noise=PERFECT
    )
    found = triangulate_keypoints(scene.keypoints2d, scene.cameras)
    known = found.keypoints.valid
    # Image points are stored in single precision.
    off = found.keypoints.position[known] - scene.keypoints3d.position[known]
    assert np.abs(off).max() < 1e-3
    assert known.mean() > 0.9
    assert (found.inlier.sum(0)[known] >= 2).all()
    assert (found.keypoints.confidence[~known] == 0).all()


@pytest.mark.parametrize("model", ["pinhole", "fisheye"])
def test_rays_undo_the_lens(model):
    cameras = make_cameras(2)
    lens = np.array([[0.05, -0.02, 0.01, 0.002], [-0.1, 0.03, -0.002, 0.001]])
    cameras = replace(cameras, model=model, distortion=lens)
    plane = np.random.default_rng(0).uniform(-0.4, 0.4, (2, 5, 2))
    ahead = torch.as_tensor(np.concatenate([plane, np.ones((2, 5, 1))], -1))
    pixels = project_points(
        ahead,
        torch.as_tensor(cameras.K)[:, None],
        torch.as_tensor(lens)[:, None],
        model=model,
    ).numpy()
    rays, per_pixel = find_rays(cameras, pixels)
    np.testing.assert_allclose(rays, plane, atol=1e-9)
    np.testing.assert_allclose(per_pixel, [1e-3, 1e-3])


def test_stated_sigmas_are_corrected_by_the_residuals(body: Body):
    scene = synthetic_scene(
        body, "walk", num_frames=60, cameras=make_cameras(8), noise=PERFECT, seed=3
    )
    rng = np.random.default_rng(0)
    # Every keypoint has its own precision; the detector states 1 px for all.
    true_sigma = rng.uniform(0.5, 3.0, len(scene.keypoints2d.skeleton))
    noise = rng.normal(size=scene.keypoints2d.position.shape) * true_sigma[:, None]
    stated = Keypoints2D(
        skeleton=scene.keypoints2d.skeleton,
        people=scene.keypoints2d.people,
        time=scene.keypoints2d.time,
        position=(scene.keypoints2d.position + noise).astype(np.float32),
        confidence=scene.keypoints2d.confidence,
        sigma=np.ones_like(scene.keypoints2d.confidence),
    )
    for keypoints in (stated, replace(stated, sigma=None)):
        found = triangulate_keypoints(keypoints, scene.cameras)
        known = found.keypoints.valid
        off = found.keypoints.position[known] - scene.keypoints3d.position[known]
        squared = mahalanobis(off.astype(float), found.covariance[known])
        assert np.mean(squared < 9) == pytest.approx(chi2(3).cdf(9), abs=0.01)
        judged = found.pixel_sigma[0, 0, 0]
        shown = known[0].mean(0) > 0.9
        np.testing.assert_allclose(judged[shown], true_sigma[shown], rtol=0.1)


def test_a_detectors_errors_stay_near_the_stated_rate(body: Body):
    scene = synthetic_scene(
        body,
        "dance",
        num_frames=60,
        num_people=2,
        cameras=make_cameras(8),
        noise=DetectorNoise(level=0.2),
        seed=1,
    )
    found = triangulate_keypoints(scene.keypoints2d, scene.cameras)
    known = found.keypoints.valid
    off = found.keypoints.position[known] - scene.keypoints3d.position[known]
    # Bursts and hidden limbs are no Gaussian noise: a few more than 3 % lie beyond.
    assert np.mean(mahalanobis(off.astype(float), found.covariance[known]) < 9) > 0.93


def test_moving_cameras_and_wrong_shapes(body: Body):
    scene = synthetic_scene(body, "walk", num_frames=4, cameras=make_cameras(3), noise=PERFECT)
    turning = np.concatenate(
        [make_cameras(3, first_angle=0.1 * frame).T_cam_world for frame in range(4)], 1
    )
    cameras = replace(scene.cameras, T_cam_world=turning)
    position = np.stack(
        [_project(cameras, scene.keypoints3d.position, frame) for frame in range(4)], 2
    )
    keypoints = replace(scene.keypoints2d, position=position.astype(np.float32))
    found = triangulate_keypoints(keypoints, cameras)
    known = found.keypoints.valid
    off = found.keypoints.position[known] - scene.keypoints3d.position[known]
    assert np.abs(off).max() < 1e-3
    with pytest.raises(InputError, match="one pose per frame"):
        triangulate_keypoints(keypoints, replace(cameras, T_cam_world=turning[:, :3]))
    with pytest.raises(InputError, match="leading axis of 2 views"):
        triangulate_keypoints(keypoints, make_cameras(2))


def _project(cameras: Cameras, points: np.ndarray, frame: int) -> np.ndarray:
    extrinsics = make_extrinsics(cameras)[:, frame]
    seen = np.einsum("cij,nkj->cnki", extrinsics[..., :3], points[:, frame])
    seen = seen + extrinsics[:, None, None, :, 3]
    ahead = torch.as_tensor(seen)
    K = torch.as_tensor(cameras.K)[:, None, None]
    return project_points(ahead, K, torch.zeros(3, 1, 1, 0)).numpy()
