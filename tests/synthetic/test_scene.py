"""Scenes: truth and observations agree with each other and follow from the seed alone."""

import numpy as np
import pytest
import torch

from marey.body import load_body
from marey.synthetic import PERFECT, make_cameras, synthetic_scene


@pytest.fixture(scope="module")
def scene():
    return synthetic_scene(
        load_body(), "dance", num_frames=40, num_people=2, cameras=make_cameras(3), noise=PERFECT
    )


def test_shapes(scene):
    assert scene.motion.T_world_root.shape == (2, 40, 7)
    assert scene.motion.R_parent_joint.shape == (2, 40, 51, 4)
    assert scene.keypoints3d.position.shape == (2, 40, 133, 3)
    assert scene.keypoints2d.position.shape == (3, 2, 40, 133, 2)
    assert len(scene.landmarks) == 3
    assert scene.motion.contact is not None
    assert scene.motion.contact.shape == (2, 40, len(scene.motion.contact_names))


def test_the_motion_played_on_the_body_gives_the_keypoints(scene):
    body, motion = load_body(), scene.motion
    posed = body.pose(
        torch.as_tensor(motion.shape)[:, None],
        torch.as_tensor(motion.T_world_root),
        torch.as_tensor(motion.R_parent_joint),
    )
    names = scene.keypoints3d.skeleton.keypoints
    played = body.landmark_positions(posed, names).numpy()
    # Motion and keypoints are stored in float32: 1e-7 rad over a metre, and metres themselves.
    np.testing.assert_allclose(played, scene.keypoints3d.position, atol=5e-6)


def test_a_perfect_detector_sees_the_projection(scene):
    seen = scene.keypoints2d.valid
    assert seen.mean() > 0.9
    np.testing.assert_array_equal(scene.keypoints2d.position[seen], scene.truth2d.position[seen])


def test_landmarks_are_the_body_turned_into_camera_axes(scene):
    truth, skeleton = scene.keypoints3d.position, scene.keypoints3d.skeleton
    hips = [skeleton.index("left_hip"), skeleton.index("right_hip")]
    for view in scene.landmarks:
        assert view.frame == "root"
        np.testing.assert_allclose(view.position[..., hips, :].mean(-2), 0, atol=1e-6)
        between = np.linalg.norm(view.position[..., 0, :] - view.position[..., 15, :], axis=-1)
        expected = np.linalg.norm(truth[..., 0, :] - truth[..., 15, :], axis=-1)
        np.testing.assert_allclose(between, expected, atol=1e-5)
        wrist = skeleton.index("right_hand_wrist")
        np.testing.assert_allclose(view.position[..., wrist, :], 0, atol=1e-6)


def test_people_stand_apart(scene):
    root = scene.motion.T_world_root[..., 4:]
    assert root[1, :, 0].mean() - root[0, :, 0].mean() > 0.5
    assert scene.motion.people == ("person1", "person2")
    assert not np.allclose(scene.motion.shape[0], scene.motion.shape[1])


def test_contact_means_low_and_slow(scene):
    names = scene.motion.contact_names
    skeleton = scene.keypoints3d.skeleton
    sole = scene.keypoints3d.position[:, :, [skeleton.index(name) for name in names]]
    touching = scene.motion.contact > 0.5
    assert 0.05 < touching.mean() < 0.95
    assert sole[touching][:, 2].max() < 0.03


def test_the_seed_decides_everything():
    first, again, other = (
        synthetic_scene(load_body(), "kick", num_frames=15, seed=seed) for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first.keypoints2d.position, again.keypoints2d.position)
    np.testing.assert_array_equal(first.motion.R_parent_joint, again.motion.R_parent_joint)
    assert not np.array_equal(first.motion.R_parent_joint, other.motion.R_parent_joint)


def test_the_clock_follows_the_frame_rate():
    scene = synthetic_scene(load_body(), num_frames=7, frame_rate=50.0)
    np.testing.assert_allclose(scene.motion.time, np.arange(7) / 50)
    assert scene.motion.time.dtype == np.float64
