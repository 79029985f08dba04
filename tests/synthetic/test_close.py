"""People in contact: who hides whom agrees with rays through meshes, and the noise is as stated."""

from dataclasses import replace

import numpy as np
import pytest

from marey.body import load_body
from marey.geometry.projection import select_viewpoint
from marey.synthetic import make_cameras, synthetic_scene
from marey.synthetic.close import LIMB_POINTS, CloseNoise, close_scene, pose_motion, take_views

VIEWS, FRAMES = 4, 10
QUIET = CloseNoise(sigma=0.0, swap=0.0, misses=False)


@pytest.fixture(scope="module")
def body():
    return load_body(mesh="light")


@pytest.fixture(scope="module")
def motion(body):
    apart = synthetic_scene(body, "dance", num_frames=FRAMES, num_people=2, seed=5).motion
    root = apart.T_world_root.copy()
    root[..., 4] *= 0.4  # A metre apart in the scene, 40 cm here.
    return replace(apart, T_world_root=root)


@pytest.fixture(scope="module")
def scene(body, motion):
    return close_scene(body, motion, make_cameras(VIEWS), seed=1)


def test_a_detector_that_never_errs_sees_the_projection(body, motion):
    quiet = close_scene(body, motion, make_cameras(VIEWS), noise=QUIET)
    assert quiet.keypoints2d.valid.all()
    np.testing.assert_array_equal(quiet.keypoints2d.position, quiet.truth2d.position)


def test_hidden_points_are_those_whose_ray_meets_the_other_first(body, motion, scene):
    meshes = body.vertices(pose_motion(body, motion)).numpy().astype(np.float64)
    faces = body.faces.numpy()
    agree, hidden = [], 0
    for view in range(VIEWS):
        camera = select_viewpoint(scene.cameras, view=view)
        for frame in (0, FRAMES - 1):
            local = camera.transform(meshes[:, frame])
            for person in range(2):
                points = camera.transform(scene.keypoints3d.position[person, frame])
                for k, point in enumerate(points):
                    ray = point / point[2]
                    first = [_nearest_hit(ray, mesh[faces]) for mesh in local]
                    expected = first[1 - person] < first[person]
                    hidden += expected
                    agree.append(expected == scene.hidden[view, person, frame, k])
    # Pixels of two centimetres differ from rays at edges alone.
    assert hidden > 10
    assert np.mean(agree) > 0.97


def _nearest_hit(ray, triangles):
    """Depth at which a ray from the origin first meets a triangle (Moeller and Trumbore)."""
    a, u, v = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    p = np.cross(ray, v)
    det = (u * p).sum(1)
    det = np.where(np.abs(det) < 1e-12, np.nan, det)
    s = (-a * p).sum(1) / det
    q = np.cross(-a, u)
    t = (q @ ray) / det
    depth = (v * q).sum(1) / det
    hit = (s >= 0) & (t >= 0) & (s + t <= 1) & (depth > 0)
    return depth[hit].min() if hit.any() else np.inf


def test_hidden_points_are_missed_unless_taken_from_the_other(scene):
    missed = scene.hidden & ~scene.swapped
    assert missed.any()
    assert not scene.keypoints2d.valid[missed].any()
    assert np.isnan(scene.keypoints2d.position[missed]).all()
    assert scene.keypoints2d.valid[~scene.hidden].mean() > 0.99


def test_noise_is_a_share_of_the_box(body, motion):
    noisy = close_scene(body, motion, make_cameras(VIEWS), noise=replace(QUIET, sigma=0.01))
    apart = noisy.keypoints2d.position - noisy.truth2d.position
    # A standing person five metres away is some 350 px high.
    high = noisy.truth2d.position[..., 1]
    box = (high.max(-1) - high.min(-1))[..., None, None]
    assert 0.01 <= np.nanstd(apart / box) <= 0.013  # Boxes reach beyond eyes and ankles.


def test_swapped_points_lie_on_the_other_where_masks_overlap(body, motion):
    often = close_scene(body, motion, make_cameras(VIEWS), noise=replace(QUIET, swap=0.5), seed=3)
    limb = np.isin(often.keypoints2d.skeleton.keypoints, LIMB_POINTS)
    assert not often.swapped[..., ~limb].any()
    assert not often.swapped[~often.overlap].any()
    open_to_it = often.overlap[..., None] & limb & ~often.hidden[:, ::-1]
    assert 0.4 < often.swapped[open_to_it].mean() < 0.6
    others = often.truth2d.position[:, ::-1]
    np.testing.assert_array_equal(often.keypoints2d.position[often.swapped], others[often.swapped])


def test_people_far_apart_neither_hide_nor_swap(body, motion):
    far = motion.T_world_root.copy()
    far[:, :, 4] *= 6.0
    scene = close_scene(
        body, replace(motion, T_world_root=far), make_cameras(1, distance=6.0), seed=0
    )
    assert not scene.hidden.any() and not scene.swapped.any() and not scene.overlap.any()


def test_the_first_views_alone(scene):
    keypoints, cameras = take_views(scene.keypoints2d, scene.cameras, 2)
    assert keypoints.position.shape[0] == len(cameras.names) == len(cameras.K) == 2
    np.testing.assert_array_equal(keypoints.position, scene.keypoints2d.position[:2])
