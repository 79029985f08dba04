"""Cameras that move: poses between frames, and moments without one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.capture.rig.camera_paths import fill_poses, follow_paths
from marey.core.errors import InputError
from marey.geometry.projection import select_viewpoint
from marey.synthetic import make_cameras

RING = make_cameras(3)


def turn_about(angles: np.ndarray) -> np.ndarray:
    """Return the path of a camera that is carried around the scene."""
    return np.stack([make_cameras(1, first_angle=angle).T_cam_world[0, 0] for angle in angles])


def test_between_frames_centres_go_straight_and_rotations_the_short_way():
    time = np.arange(6) / 30
    path = turn_about(0.1 * np.arange(6))
    # The moving camera films half-way between the frames of the others.
    late = replace(RING, time_offset=np.array([0.0, 0.0, -0.5 / 30]))
    found = follow_paths(late, [None, None, path], [time] * 3)
    assert found.T_cam_world.shape == (3, 6, 7)
    np.testing.assert_array_equal(found.T_cam_world[0], np.repeat(RING.T_cam_world[0], 6, 0))
    centre = [select_viewpoint(found, view=2, frame=f).camera_position() for f in range(5)]
    ends = replace(RING, T_cam_world=np.stack([path] * 3))
    own = np.array([select_viewpoint(ends, view=2, frame=f).camera_position() for f in range(6)])
    np.testing.assert_allclose(centre, (own[1:] + own[:-1]) / 2, atol=1e-9)
    turn = Rotation.from_quat(found.T_cam_world[2, :5, :4], scalar_first=True)
    halves = Rotation.from_quat(turn_about(0.1 * np.arange(5) + 0.05)[:, :4], scalar_first=True)
    assert (turn.inv() * halves).magnitude().max() < 1e-3
    # Its last frame lies before the last moment of the others.
    assert np.isnan(found.T_cam_world[2, 5]).all()


def test_where_a_pose_is_missing_so_are_moments_between_it_and_its_neighbours():
    time, path = np.arange(6) / 30, turn_about(0.1 * np.arange(6))
    path[2] = np.nan
    whole = follow_paths(RING, [None, path, None], [time] * 3)
    assert np.isnan(whole.T_cam_world[1, :, 0]).tolist() == [False, False, True] + 3 * [False]
    late = replace(RING, time_offset=np.array([0.0, -0.5 / 30, 0.0]))
    between = follow_paths(late, [None, path, None], [time] * 3)
    assert np.isnan(between.T_cam_world[1, :, 0]).tolist() == [
        False,
        True,
        True,
        False,
        False,
        True,
    ]
    filled, known = fill_poses(whole)
    assert known[1].tolist() == [True, True, False, True, True, True] and known[0].all()
    np.testing.assert_allclose(filled.T_cam_world[1, 2], path[1], atol=1e-12)
    nowhere = replace(whole, T_cam_world=np.full_like(whole.T_cam_world, np.nan))
    assert np.isfinite(fill_poses(nowhere)[0].T_cam_world).all()


def test_cameras_without_paths_stay_as_they_are():
    time = np.arange(6) / 30
    assert follow_paths(RING, [None] * 3, [time] * 3) is RING
    with pytest.raises(InputError, match="5 poses for 6 frames"):
        follow_paths(RING, [turn_about(0.1 * np.arange(5)), None, None], [time] * 3)


def test_a_missing_pose_is_the_nearest_known_one():
    """The earlier of two that are as near; the same for many frames as for a few."""
    path = np.full((1, 9, 7), np.nan)
    path[0, [2, 6, 7], :] = np.array([2.0, 6.0, 7.0])[:, None]
    cameras = replace(make_cameras(1), T_cam_world=path)
    filled, known = fill_poses(cameras)
    np.testing.assert_array_equal(filled.T_cam_world[0, :, 0], [2, 2, 2, 2, 2, 6, 6, 7, 7])
    assert known[0].nonzero()[0].tolist() == [2, 6, 7]
