"""The random walk over poses, and rigid alignment."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.capture.contact.motion_learned import LearnedMotion
from marey.capture.contact.motion_model import (
    MotionModel,
    align_rigidly,
    hold_position,
    hold_velocity,
    predict_pose,
    smooth_window,
)
from marey.core import Skeleton
from marey.core.errors import InputError
from tests.capture.crowds import make_crowd


def test_harmony4d_parity(shared: Path):
    with np.load(shared / "parity" / "h4d_motion_icp.npz") as fixture:
        predicted = predict_pose(fixture["in/window"], fixture["in/current"])
        np.testing.assert_allclose(predicted.position, fixture["out/kalman_next"], atol=1e-12)
        np.testing.assert_allclose(
            predicted.covariance(), fixture["out/kalman_covariance"], atol=1e-9
        )
        transform = align_rigidly(fixture["in/a"], fixture["in/b"])
        np.testing.assert_allclose(transform, fixture["out/rigid_transform"], atol=1e-9)
        np.testing.assert_allclose(transform, fixture["out/icp_transform"], atol=1e-9)


def test_smoothing_is_the_conditional_gaussian():
    model = MotionModel(step_variance=0.3, observation_variance=0.5, first_variance=2.0)
    seen = np.random.default_rng(0).normal(size=(7, 1, 3))
    mean, variance = smooth_window(seen, model)
    # Prior covariance of a random walk, then conditioning on all observations at once.
    step = np.minimum.outer(np.arange(7), np.arange(7))
    prior = model.first_variance + model.step_variance * step
    gain = prior @ np.linalg.inv(prior + model.observation_variance * np.eye(7))
    np.testing.assert_allclose(mean[:, 0], gain @ seen[:, 0], atol=1e-12)
    np.testing.assert_allclose(variance, np.diag(prior - gain @ prior), atol=1e-12)


def test_alignment_undoes_a_rigid_motion_without_the_missing():
    rng = np.random.default_rng(1)
    source = rng.normal(size=(17, 3))
    turn = Rotation.random(rng=rng).as_matrix()
    target = source @ turn.T + [1.0, -2.0, 0.5]
    source[4] = np.nan
    transform = align_rigidly(source, target)
    np.testing.assert_allclose(transform[:3, :3], turn, atol=1e-12)
    np.testing.assert_allclose(transform[:, 3], [1.0, -2.0, 0.5, 1.0], atol=1e-12)


def test_constant_position_is_the_last_that_is_known():
    past = np.arange(24.0).reshape(1, 4, 2, 3)
    past[0, 3, 1] = np.nan
    ahead = hold_position(past, 0.1)
    np.testing.assert_array_equal(ahead[0], [past[0, 3, 0], past[0, 2, 1]])
    assert np.isnan(hold_position(np.full((1, 4, 2, 3), np.nan), 0.1)).all()


def test_constant_velocity_goes_on_a_straight_line_by_seven_tenths_of_a_step():
    step = np.array([0.03, -0.01, 0.02])
    past = np.arange(10)[None, :, None, None] * step + np.zeros((1, 10, 2, 3))
    np.testing.assert_allclose(hold_velocity(past, 0.1)[0], [9.7 * step] * 2, atol=1e-12)
    past[0, 7:9, 1] = np.nan  # A gap does not bend the line.
    np.testing.assert_allclose(hold_velocity(past, 0.1)[0, 1], 9.7 * step, atol=1e-12)
    past[0, :9, 1] = np.nan
    np.testing.assert_allclose(hold_velocity(past, 0.1)[0, 1], 9 * step, atol=1e-12)


def test_the_learned_model_predicts_near_where_a_person_goes():
    crowd = make_crowd(frames=30)
    learned = LearnedMotion(crowd.keypoints.skeleton)
    ahead = learned(crowd.truth[:, :29], 1 / 30)
    off = np.linalg.norm(ahead - crowd.truth[:, 29], axis=-1)
    assert np.isfinite(ahead).all()
    assert off.mean() < 0.05
    # A point that never was known is not made up, and without hips it is constant velocity.
    past = crowd.truth[:, :29].copy()
    past[0, :, 9] = np.nan
    past[1, :, 11] = np.nan
    partly = learned(past, 1 / 30)
    assert np.isnan(partly[0, 9]).all() and np.isfinite(partly[0, :9]).all()
    np.testing.assert_array_equal(partly[1], hold_velocity(past, 1 / 30)[1])


def test_the_learned_model_needs_hips():
    with pytest.raises(InputError, match="hips"):
        LearnedMotion(Skeleton(name="head", keypoints=("nose",), edges=(), mirror=(0,)))
