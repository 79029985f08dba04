"""Channels going in and coming out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from marey.models.hanet.representations import (
    enter,
    image_to_unit,
    leave,
    nearest_rotvec,
    subtract_root,
    unit_to_image,
)


def test_a_turning_joint_has_continuous_rotation_vectors() -> None:
    """Two turns in 100 frames: canonical vectors jump at pi, continuous ones grow to 4 pi."""
    axis = np.array([0.6, 0.0, 0.8])
    grown = np.linspace(0.1, 4 * np.pi, 100)[:, None, None] * axis
    canonical = Rotation.from_rotvec(grown[:, 0]).as_rotvec()[:, None]
    assert np.abs(np.diff(canonical, axis=0)).max() > 3
    np.testing.assert_allclose(enter(canonical, "axis-angle"), grown, atol=1e-9)


@given(st.lists(st.floats(-9, 9), min_size=6, max_size=6))
def test_the_nearest_vector_is_the_same_rotation(values: list[float]) -> None:
    rotvec, reference = np.array(values[:3]), np.array(values[3:])
    nearest = nearest_rotvec(rotvec, reference)
    same = Rotation.from_rotvec(rotvec).inv() * Rotation.from_rotvec(nearest)
    assert same.magnitude() < 1e-6
    assert np.linalg.norm(nearest - reference) <= np.linalg.norm(rotvec - reference) + 1e-6


def test_no_rotation_after_a_whole_turn_is_a_whole_turn() -> None:
    turn = np.array([0.0, 6.2, 0.0])
    np.testing.assert_allclose(nearest_rotvec(np.zeros(3), turn), [0, 2 * np.pi, 0])


def test_6d_comes_out_orthonormal_and_unchanged_if_it_was() -> None:
    rotation = Rotation.random(5, np.random.default_rng(0)).as_matrix()
    columns = rotation[:, :, :2].reshape(5, 1, 6)  # a1x, a2x, a1y, ...
    np.testing.assert_allclose(leave(columns, "6d"), columns, atol=1e-12)
    np.testing.assert_allclose(leave(3.0 * columns, "6d"), columns, atol=1e-12)


@pytest.mark.parametrize("representation", ["2d", "3d", "values"])
def test_positions_are_left_alone(representation: str) -> None:
    position = np.random.default_rng(0).normal(size=(4, 2, 3))
    assert enter(position, representation) is position
    assert leave(position, representation) is position


def test_pixels_and_roots() -> None:
    position = np.array([[320.0, 120.0]])
    unit = image_to_unit(position, width=640, height=480)
    np.testing.assert_allclose(unit, [[0.5, 0.25]])
    np.testing.assert_allclose(unit_to_image(unit, width=640, height=480), position)
    joints = np.arange(24.0).reshape(2, 4, 3)
    relative, root = subtract_root(joints, (1, 2))
    np.testing.assert_allclose(relative[:, [1, 2]].mean(1), 0)
    np.testing.assert_allclose(relative + root, joints)
