"""Errors of motion in the world."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.evaluate import root_translation_error, world_errors, world_mpjpe


def _poses(seed: int, num_frames: int = 20, num_joints: int = 14) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.4, (num_frames, num_joints, 3))


class TestWorld:
    def test_a_turned_world_costs_nothing(self):
        truth = np.cumsum(_poses(5, 230), 0) * 0.05
        turn = Rotation.from_euler("z", 0.7).as_matrix()
        moved = 1.3 * truth @ turn.T + np.array([4.0, 5.0, 0.0])
        for num_aligned in (2, None):
            score = world_mpjpe(moved, truth, num_aligned=num_aligned)
            assert score.value == pytest.approx(0.0, abs=1e-9)
            assert score.num_frames == 230

    def test_drift_costs_more_when_only_the_start_is_aligned(self):
        body = _poses(6, 1)
        truth = np.repeat(body, 100, 0)
        drift = np.zeros((100, 1, 3))
        drift[:, 0, 0] = 0.01 * np.maximum(np.arange(100) - 1, 0)
        start = world_mpjpe(truth + drift, truth, num_aligned=2)
        # Aligned on two frames without drift, the error is the drift itself.
        assert start.value == pytest.approx(drift[:, 0, 0].mean())
        assert world_mpjpe(truth + drift, truth).value < 0.6 * start.value

    def test_segments_start_afresh(self):
        truth = _poses(7, 200)
        jumped = truth.copy()
        jumped[100:] += 3.0
        assert world_mpjpe(jumped, truth, segment=100).value == pytest.approx(0.0, abs=1e-9)
        assert world_mpjpe(jumped, truth, segment=200).value > 0.1

    def test_a_short_tail_may_be_joined_to_the_segment_before(self):
        truth = _poses(8, 230)
        jumped = truth.copy()
        jumped[200:] += 3.0
        alone = world_errors(jumped, truth)
        joined = world_errors(jumped, truth, join_tail=True)
        assert alone[200:].max() == pytest.approx(0.0, abs=1e-9)
        assert joined[100:].mean() > 0.1
        np.testing.assert_array_equal(alone[:100], joined[:100])


class TestRoot:
    def test_drift_is_relative_to_the_way_walked(self):
        angle = np.linspace(0, 2 * np.pi, 201)
        truth = np.stack([np.cos(angle), np.sin(angle), np.zeros(201)], -1)
        turn = Rotation.from_euler("z", 1.0).as_matrix()
        moved = truth @ turn.T + np.array([5.0, 0.0, 1.0])
        assert root_translation_error(moved, truth).value == pytest.approx(0.0, abs=1e-12)
        # A circle 10 % too large is 0.1 m off everywhere, on a way of 2 pi m.
        large = root_translation_error(1.1 * moved, truth).value
        assert large == pytest.approx(0.1 / (2 * np.pi), rel=1e-4)

    def test_standing_still_has_no_way_to_compare_with(self):
        still = np.zeros((10, 3))
        assert np.isnan(root_translation_error(still, still).value)

    def test_masked_frames_do_not_count(self):
        truth = np.cumsum(np.random.default_rng(0).normal(size=(50, 3)), 0)
        predicted = truth.copy()
        predicted[20] += 9.0
        valid = np.arange(50) != 20
        score = root_translation_error(predicted, truth, valid=valid)
        assert (score.value, score.num_frames) == (pytest.approx(0.0, abs=1e-9), 49)
