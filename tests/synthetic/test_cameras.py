"""Synthetic cameras look where they should, and agree with OpenCV."""

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from marey.synthetic import look_at, make_cameras, project_to_cameras, world_to_cameras


def test_the_target_lies_in_the_middle_of_every_picture():
    target = (0.3, -0.2, 1.1)
    cameras = make_cameras(6, target=target, distance=4.0, height=2.0)
    point = np.array(target).reshape(1, 1, 1, 3)
    middle = project_to_cameras(cameras, point)[:, 0, 0, 0]
    np.testing.assert_allclose(middle, cameras.size / 2, atol=1e-9)
    depth = world_to_cameras(cameras, point)[:, 0, 0, 0, 2]
    np.testing.assert_allclose(depth, np.hypot(4.0, 2.0 - 1.1), atol=1e-9)


def test_up_is_up_and_a_person_facing_the_camera_is_mirrored():
    # The first camera stands on the -Y side, which a person at rest faces: their left (+X) is seen
    # on the right-hand side of the picture.
    points = np.array([[0.0, 0.0, 0.9], [0.0, 0.0, 1.9], [0.4, 0.0, 0.9]]).reshape(1, 1, 3, 3)
    middle, head, left = project_to_cameras(make_cameras(), points)[0, 0, 0]
    assert head[1] < middle[1] - 100
    assert left[0] > middle[0] + 50


def test_agrees_with_opencv():
    cameras = make_cameras(3, focal_px=800.0)
    points = np.random.default_rng(0).uniform(-1, 1, (1, 1, 20, 3))
    ours = project_to_cameras(cameras, points)
    for view, pose in enumerate(cameras.T_cam_world[:, 0]):
        rotation = Rotation.from_quat(pose[:4], scalar_first=True).as_rotvec()
        oracle, _ = cv2.projectPoints(points[0, 0], rotation, pose[4:], cameras.K[view], None)
        np.testing.assert_allclose(ours[view, 0, 0], oracle[:, 0], atol=1e-6)


def test_nothing_behind_a_camera_is_seen():
    cameras = make_cameras(2, distance=3.0)
    behind = np.array([0.0, -4.0, 1.0]).reshape(1, 1, 1, 3)
    pixels = project_to_cameras(cameras, behind)
    assert np.isnan(pixels[0]).all()
    assert np.isfinite(pixels[1]).all()


def test_look_at_is_a_rotation():
    pose = look_at(np.array([3.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0]))
    matrix = Rotation.from_quat(pose[:4], scalar_first=True).as_matrix()
    # The camera's own centre maps to the origin, and its X axis stays level.
    np.testing.assert_allclose(matrix @ [3.0, 1.0, 2.0] + pose[4:], 0, atol=1e-12)
    np.testing.assert_allclose(matrix[0, 2], 0, atol=1e-12)
    assert matrix[1, 2] < 0
