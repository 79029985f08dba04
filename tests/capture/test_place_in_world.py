"""From camera axes to one world: a known camera is found again, and feet that stand are told."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from marey.body import load_body
from marey.capture.place_in_world import find_shared_world, foot_points, to_world
from marey.core import BodyMotion
from marey.synthetic import SyntheticScene, synthetic_scene
from tests.body.files import random_body, write_npz

BODY = load_body()


def in_camera_axes(scene: SyntheticScene) -> BodyMotion:
    pose = scene.cameras.T_cam_world[0, 0]
    turn = Rotation.from_quat(pose[:4], scalar_first=True)
    root = scene.motion.T_world_root[0].astype(float)
    turned = turn * Rotation.from_quat(root[:, :4], scalar_first=True)
    place = turn.apply(root[:, 4:]) + pose[4:]
    moved = np.concatenate([turned.as_quat(canonical=True, scalar_first=True), place], 1)
    return replace(scene.motion, T_world_root=moved[None].astype(np.float32), contact=None)


@pytest.fixture(scope="module")
def scene() -> SyntheticScene:
    return synthetic_scene(BODY, "walk", num_frames=90, seed=3)


def test_the_floor_and_up_are_found(scene):
    motion = in_camera_axes(scene)
    world = find_shared_world(BODY, [motion])
    pose = scene.cameras.T_cam_world[0, 0]
    up = Rotation.from_quat(pose[:4], scalar_first=True).apply([0.0, 0.0, 1.0])
    # The camera looks down by 5.7 degrees; people are believed more, but not alone.
    assert np.degrees(np.arccos(world.R_world_cam[2] @ up)) < 4.0
    placed = to_world(BODY, motion, world)
    names = ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
    posed = BODY.pose(
        torch.from_numpy(placed.shape[0]).expand(90, -1),
        torch.from_numpy(placed.T_world_root[0]),
        torch.from_numpy(placed.R_parent_joint[0]),
    )
    lowest = BODY.landmark_positions(posed, names)[..., 2].min(1).values
    assert abs(float(lowest.median())) < 0.04


def test_contacts_are_those_of_the_truth(scene):
    motion = in_camera_axes(scene)
    placed = to_world(BODY, motion, find_shared_world(BODY, [motion]))
    assert placed.contact is not None
    assert scene.motion.contact is not None
    columns = [scene.motion.contact_names.index(name) for name in placed.contact_names]
    truth = scene.motion.contact[0][:, columns] > 0.5
    agree = (placed.contact[0] > 0.5) == truth
    assert 0.1 < truth.mean() < 0.9, "both kinds should occur"
    assert agree.mean() > 0.92


def test_missing_frames_stay_missing(scene):
    motion = in_camera_axes(scene)
    motion = replace(motion, R_parent_joint=motion.R_parent_joint.copy())
    motion.T_world_root[0, 20:30] = np.nan
    motion.R_parent_joint[0, 20:30] = np.nan
    placed = to_world(BODY, motion, find_shared_world(BODY, [motion]))
    assert np.isnan(placed.T_world_root[0, 20:30]).all()
    assert np.isfinite(np.delete(placed.T_world_root[0], np.s_[20:30], axis=0)).all()
    assert placed.contact is not None
    assert (placed.contact[0, 20:30] == 0).all()


def test_everyone_shares_one_world(scene):
    motion = in_camera_axes(scene)
    near = replace(motion, T_world_root=motion.T_world_root.copy())
    near.T_world_root[0, :, 4] += 1.0
    world = find_shared_world(BODY, [motion, near])
    one, other = (to_world(BODY, each, world).T_world_root[0] for each in (motion, near))
    shift = other[:, 4:] - one[:, 4:]
    np.testing.assert_allclose(shift, np.broadcast_to(shift[:1], shift.shape), atol=1e-5)
    assert np.linalg.norm(shift[0]) == pytest.approx(1.0, abs=1e-5)


def test_a_single_frame(scene):
    motion = in_camera_axes(scene)
    first = replace(
        motion,
        time=motion.time[:1],
        T_world_root=motion.T_world_root[:, :1],
        R_parent_joint=motion.R_parent_joint[:, :1],
        confidence=motion.confidence[:, :1],
    )
    placed = to_world(BODY, first, find_shared_world(BODY, [first]))
    assert np.isfinite(placed.T_world_root).all()


def test_bodies_without_skin_landmarks_stand_on_their_joints(tmp_path):
    body = load_body(write_npz(tmp_path / "body.npz", random_body("smpl")))
    assert set(foot_points(body)) <= set(body.joint_names)
    assert set(foot_points(BODY)) <= set(BODY.landmarks.names)
