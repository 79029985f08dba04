"""Finding the world: people on a floor seen by a tilted camera."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.capture.world import find_world

CAMERA_AXES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def scene(pitch_deg: float, *, spread: float, lean: float = 0.0, frames: int = 200):
    """People stand at random places of a floor 1.5 m below a camera that looks down by `pitch`."""
    rng = np.random.default_rng(0)
    place = np.stack(
        [rng.uniform(-spread, spread, frames), 5 + rng.uniform(-spread, spread, frames)]
    )
    ground = np.stack([*place, np.full(frames, -1.5)], -1)
    head = ground + np.array([lean, 0.0, 1.6])
    pelvis = ground + np.array([0.0, 0.0, 0.9])
    feet = ground[:, None] + np.array([[-0.1, 0.0, 0.0], [0.1, 0.0, 0.0]])
    R_cam_world = Rotation.from_euler("x", pitch_deg, degrees=True).as_matrix() @ CAMERA_AXES
    return [points @ R_cam_world.T for points in (head, pelvis, feet)], R_cam_world


@pytest.mark.parametrize("pitch", [0.0, 10.0, 20.0])
def test_up_is_found_for_a_tilted_camera(pitch):
    (head, pelvis, feet), R_cam_world = scene(pitch, spread=2.0)
    world = find_world(head, pelvis, feet, np.ones(feet.shape[:2], bool))
    up = world.R_world_cam[2]
    expected = R_cam_world @ [0.0, 0.0, 1.0]
    # The camera's own up pulls a little, so a few degrees of a large tilt remain.
    assert np.degrees(np.arccos(up @ expected)) < 2.5
    assert world.floor_known


def test_the_floor_is_at_zero_and_heads_are_above_it():
    (head, pelvis, feet), _ = scene(10.0, spread=1.0)
    world = find_world(head, pelvis, feet, np.ones(feet.shape[:2], bool))
    assert np.abs(np.median(world.apply(feet)[..., 2])) < 0.08
    assert abs(np.median(world.apply(head)[..., 2]) - 1.6) < 0.1


def test_a_person_on_the_spot_does_not_tilt_the_world():
    (head, pelvis, feet), R_cam_world = scene(0.0, spread=0.02)
    noisy = feet + np.random.default_rng(1).normal(0, 0.03, feet.shape)
    world = find_world(head, pelvis, noisy, np.ones(feet.shape[:2], bool))
    assert np.degrees(np.arccos(world.R_world_cam[2] @ R_cam_world @ [0, 0, 1.0])) < 3


def test_without_resting_feet_the_lowest_point_is_the_floor():
    (head, pelvis, feet), _ = scene(0.0, spread=1.0)
    world = find_world(head, pelvis, feet, np.zeros(feet.shape[:2], bool))
    assert not world.floor_known
    assert world.apply(feet)[..., 2].min() == pytest.approx(0.0, abs=1e-9)


def test_pose_and_its_inverse_agree():
    (head, pelvis, feet), _ = scene(15.0, spread=1.0)
    world = find_world(head, pelvis, feet, np.ones(feet.shape[:2], bool))
    pose = world.T_cam_world().astype(float)
    back = Rotation.from_quat(pose[:4], scalar_first=True).apply(world.apply(head)) + pose[4:]
    np.testing.assert_allclose(back, head, atol=1e-5)


def test_the_answer_is_right_handed():
    (head, pelvis, feet), _ = scene(5.0, spread=1.0)
    world = find_world(head, pelvis, feet, np.ones(feet.shape[:2], bool))
    np.testing.assert_allclose(world.R_world_cam @ world.R_world_cam.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(world.R_world_cam) == pytest.approx(1.0)
