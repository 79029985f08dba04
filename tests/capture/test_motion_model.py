"""The random walk over poses, and rigid alignment."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from marey.capture.motion_model import MotionModel, align_rigidly, predict_pose, smooth_window


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
