"""A camera whose calibration is wrong is found out by the others."""

from dataclasses import replace

import numpy as np
import pytest

from marey.body import Body, load_body
from marey.capture.views.triangulate import triangulate_keypoints
from marey.capture.views.view_quality import judge_views, measure_reprojection
from marey.core import Cameras
from marey.synthetic import PERFECT, SyntheticScene, make_cameras, synthetic_scene


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def scene(body: Body) -> SyntheticScene:
    # Off the middle of the ring, from where all its cameras see the same.
    cameras = make_cameras(5, target=(1.0, 0.6, 0.9))
    return synthetic_scene(body, "walk", num_frames=10, cameras=cameras, seed=1)


def _complaints(scene: SyntheticScene, cameras: Cameras) -> list[str | None]:
    found = triangulate_keypoints(scene.keypoints2d, cameras)
    return [view.complaint for view in judge_views(scene.keypoints2d, found, cameras)]


def test_sound_cameras_have_no_complaint(scene: SyntheticScene):
    assert _complaints(scene, scene.cameras) == [None] * 5


def test_a_wrong_camera_is_named(scene: SyntheticScene):
    pose = scene.cameras.T_cam_world.copy()
    pose[2] = make_cameras(7).T_cam_world[4]
    said = _complaints(scene, replace(scene.cameras, T_cam_world=pose))
    assert [sentence is None for sentence in said] == [True, True, False, True, True]
    assert said[2] is not None and said[2].startswith("camera3 agrees with the other cameras on ")


def test_swapped_cameras_are_named(scene: SyntheticScene):
    pose = scene.cameras.T_cam_world[[0, 2, 1, 3, 4]]
    said = _complaints(scene, replace(scene.cameras, T_cam_world=pose))
    assert [sentence is None for sentence in said] == [True, False, False, True, True]


def test_a_dark_camera_is_named(scene: SyntheticScene):
    confidence = scene.keypoints2d.confidence.copy()
    confidence[3] = 0.0
    dark = replace(scene, keypoints2d=replace(scene.keypoints2d, confidence=confidence))
    said = _complaints(dark, scene.cameras)
    assert said[3] is not None and "dark" in said[3]


def test_distances_are_those_of_the_pictures(body: Body):
    scene = synthetic_scene(body, "walk", num_frames=2, cameras=make_cameras(3), noise=PERFECT)
    shifted = replace(
        scene.keypoints2d, position=scene.keypoints2d.position + np.array([3, 4], np.float32)
    )
    distance = measure_reprojection(
        shifted, scene.keypoints3d.position.astype(float), scene.cameras
    )
    np.testing.assert_allclose(distance[scene.keypoints2d.valid], 5.0, atol=1e-3)
