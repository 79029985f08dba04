"""Errors of change: known motions, and the published implementations."""

import numpy as np
import pytest

from marey.evaluate import (
    acceleration,
    acceleration_error,
    acceleration_errors,
    jitter,
    mpjpe,
    peak_velocity_error,
    peak_velocity_loss,
    velocity_error,
)


def _poses(seed: int, num_frames: int = 20, num_joints: int = 14) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.4, (num_frames, num_joints, 3))


class TestTime:
    def test_free_fall(self):
        time = np.arange(30) / 60
        position = np.zeros((30, 2, 3))
        position[..., 2] = (-0.5 * 9.81 * time**2)[:, None]
        assert acceleration(position, frame_rate=60.0).value == pytest.approx(9.81)
        # A parabola has no third derivative; 60^3 times the rounding of 1 m remains.
        assert jitter(position, frame_rate=60.0).value == pytest.approx(0.0, abs=1e-8)
        still = np.zeros_like(position)
        assert acceleration_error(still, position, frame_rate=60.0).value == pytest.approx(9.81)

    def test_cubic_has_constant_jitter(self):
        time = np.arange(20) / 50
        position = np.zeros((20, 1, 3))
        position[:, 0, 1] = time**3
        assert jitter(position, frame_rate=50.0).value == pytest.approx(6.0, rel=1e-6)

    def test_a_gap_hides_its_neighbours(self):
        position = _poses(8, 10, 1)
        position[4] = np.nan
        score = acceleration(position)
        assert score.num_frames == 8 - 3

    def test_agrees_with_published_implementations(self, shared):
        fixture = np.load(shared / "parity" / "hanet_metrics.npz")
        ours = acceleration_errors(fixture["in/pred3d"], fixture["in/gt3d"]).mean(-1)
        np.testing.assert_allclose(ours, fixture["out/accel"], atol=1e-6)
        fixture = np.load(shared / "parity" / "glot_metrics.npz")
        ours = acceleration_errors(fixture["in/pred"], fixture["in/gt"]).mean(-1)
        np.testing.assert_allclose(ours, fixture["out/accel_err"], atol=1e-6)
        length = acceleration(fixture["in/pred"]).value
        assert length == pytest.approx(fixture["out/accel"].mean(), abs=1e-6)

    def test_smoothing_a_punch_is_seen(self):
        time = np.linspace(-1, 1, 201)
        punch = np.zeros((201, 1, 3))
        punch[:, 0, 0] = np.tanh(time / 0.03)
        kernel = np.ones(15) / 15
        smooth = punch.copy()
        smooth[:, 0, 0] = np.convolve(np.pad(punch[:, 0, 0], 7, "edge"), kernel, "valid")
        # The position hardly suffers and the jitter improves: only the peak velocity tells.
        assert mpjpe(smooth, punch).value < 0.03
        assert jitter(smooth, frame_rate=100.0).value < jitter(punch, frame_rate=100.0).value
        assert peak_velocity_loss(smooth, punch).value > 0.4
        assert peak_velocity_error(smooth, punch).value > 0.4
        assert peak_velocity_loss(punch, punch).value == pytest.approx(0.0)

    def test_standing_still_loses_everything_and_jitter_wins_nothing(self):
        truth = np.cumsum(np.random.default_rng(9).normal(size=(400, 5, 3)), 0)
        assert peak_velocity_loss(np.zeros_like(truth), truth).value == pytest.approx(1.0)
        assert peak_velocity_error(np.zeros_like(truth), truth).value == pytest.approx(1.0)
        jittered = truth + np.random.default_rng(10).normal(0, 3, truth.shape)
        assert peak_velocity_error(jittered, truth).value > 0.5
        # 399 steps of 5 joints: one per cent is 20 of them.
        assert peak_velocity_loss(truth, truth).num_values == 20

    def test_a_mask_hides_every_difference_that_needs_its_frame(self):
        truth, predicted = _poses(20, 10, 2), _poses(21, 10, 2)
        valid = np.ones((10, 2), bool)
        valid[4, 0] = False
        errors = acceleration_errors(predicted, truth, valid=valid)
        np.testing.assert_array_equal(np.isnan(errors[:, 0]), np.isin(np.arange(8), [2, 3, 4]))
        assert acceleration_error(predicted, truth, valid=valid).num_values == 13

    def test_velocity_error_of_standing_still_is_the_speed(self):
        truth = np.zeros((5, 1, 3))
        truth[:, 0, 0] = 0.02 * np.arange(5)
        score = velocity_error(np.zeros_like(truth), truth, frame_rate=50.0)
        assert score.value == pytest.approx(1.0)

    def test_fast_moments_that_were_left_out_are_said_to_be_missing(self):
        truth = np.cumsum(np.random.default_rng(3).normal(size=(400, 5, 3)), 0)
        speed = np.linalg.norm(np.diff(truth, axis=0), axis=-1)
        predicted = truth.copy()
        predicted[np.unravel_index(speed.argmax(), speed.shape)] = np.nan
        score = peak_velocity_loss(predicted, truth)
        assert score.num_values + score.num_missing == 20
        assert score.num_missing >= 1
