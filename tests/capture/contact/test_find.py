"""Contact is found where bodies are near: analytic gaps, similarity in a view, meshes."""

from dataclasses import replace

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.contact.find import ContactOptions, find_contact, find_mesh_contact
from marey.core import Keypoints3D, load_skeleton
from marey.synthetic import synthetic_scene
from tests.capture.crowds import drop, make_crowd

SKELETON = load_skeleton("coco-17")


def points_of(position):
    return Keypoints3D(
        skeleton=SKELETON,
        people=tuple(f"p{row}" for row in range(len(position))),
        time=np.arange(position.shape[1]) / 20.0,
        position=position.astype(np.float32),
        frame="world",
        confidence=np.isfinite(position).all(-1).astype(np.float32),
    )


def two_upper_arms(distance):
    """Parallel upper arms of two people, `distance` m apart in each frame; nothing else known."""
    position = np.full((2, len(distance), 17, 3), np.nan)
    position[:, :, SKELETON.index("left_shoulder")] = [0, 0, 1.4]
    position[:, :, SKELETON.index("left_elbow")] = [0, 0, 1.1]
    position[1, ..., 0] += np.array(distance)[:, None]
    return points_of(position)


def test_the_gap_of_two_arms_is_their_distance_less_both_radii():
    contact = find_contact(two_upper_arms([0.5, 0.2, 0.04]))
    assert contact.pairs == ((0, 1),)
    np.testing.assert_allclose(contact.gap[0], [0.4, 0.1, -0.06], atol=1e-6)


def test_contact_lasts_a_little_before_and_after():
    distance = np.full(40, 1.0)
    distance[20] = 0.1
    contact = find_contact(two_upper_arms(distance), options=ContactOptions(hold=0.25))
    np.testing.assert_array_equal(np.flatnonzero(contact.touching[0]), np.arange(15, 26))
    np.testing.assert_array_equal(contact.frames, contact.touching[0])
    np.testing.assert_array_equal(contact.people(2), [contact.frames, contact.frames])


def test_who_is_absent_touches_nobody():
    points = two_upper_arms([0.1, 0.1, 0.1])
    position = points.position.copy()
    position[1] = np.nan
    contact = find_contact(replace(points, position=position))
    assert np.isnan(contact.gap).all()
    assert not contact.frames.any()


def test_one_person_alone_has_no_pairs():
    contact = find_contact(points_of(two_upper_arms([0.1]).position[:1]))
    assert contact.pairs == ()
    assert contact.frames.shape == (1,) and not contact.frames.any()


def test_two_poses_that_are_one_in_a_view_are_contact_though_far_apart():
    crowd = make_crowd(apart=3.0, frames=6, views=3)
    seen = crowd.keypoints.position.copy()
    seen[1, 1, 2] = seen[1, 0, 2]
    keypoints = replace(crowd.keypoints, position=seen)
    contact = find_contact(points_of(crowd.truth), keypoints)
    assert not contact.touching.any()
    np.testing.assert_array_equal(np.argwhere(contact.alike), [[0, 2, 1]])
    unseen = find_contact(points_of(crowd.truth), drop(keypoints, np.s_[:, 1]))
    assert not unseen.frames.any()


@pytest.mark.parametrize(("apart", "touches"), [(3.0, False), (0.15, True)])
def test_contact_of_meshes(apart, touches):
    body = load_body(mesh="light")
    motion = synthetic_scene(body, "walk", num_frames=3, num_people=2, seed=1).motion
    root = motion.T_world_root.copy()
    root[..., 4:6] -= root[:, :, 4:6].mean(1, keepdims=True)
    root[1, :, 4] += apart
    contact = find_mesh_contact(body, replace(motion, T_world_root=root))
    assert contact.touching.all() == touches and contact.touching.any() == touches
    if not touches:
        # Two trunks of some 40 cm, arms at the sides.
        assert 1.5 < contact.gap.min() < 2.8


def test_meshes_of_who_is_absent():
    body = load_body(mesh="light")
    motion = synthetic_scene(body, "walk", num_frames=2, num_people=2, seed=1).motion
    root = motion.T_world_root.copy()
    root[1, 1] = np.nan
    contact = find_mesh_contact(body, replace(motion, T_world_root=root))
    assert np.isfinite(contact.gap[0, 0]) and np.isnan(contact.gap[0, 1])
