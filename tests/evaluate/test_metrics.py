"""Metrics: cases with a known answer, invariances, and the published implementations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from marey.evaluate import (
    acceleration,
    acceleration_error,
    acceleration_errors,
    correct_keypoints,
    floor_penetration,
    foot_slide,
    jitter,
    joint_errors,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    pck,
    peak_velocity_error,
    peak_velocity_loss,
    reprojection_error,
    summarise,
    world_mpjpe,
)
from marey.geometry.alignment import align_points


def _poses(seed: int, num_frames: int = 20, num_joints: int = 14) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.4, (num_frames, num_joints, 3))


class TestPositions:
    def test_a_shift_is_the_error_and_vanishes_with_a_root(self):
        truth = _poses(0)
        moved = truth + np.array([0.03, 0.0, 0.04])
        assert mpjpe(moved, truth).value == pytest.approx(0.05)
        assert mpjpe(moved, truth, root=(0,)).value == pytest.approx(0.0, abs=1e-12)
        assert mpjpe(moved, truth, root=(1, 2)).value == pytest.approx(0.0, abs=1e-12)

    def test_counts_what_counted(self):
        truth = _poses(1)
        predicted = truth.copy()
        predicted[3] = np.nan
        predicted[5, 0] = np.nan
        valid = np.ones(truth.shape[:2], bool)
        valid[7] = False
        score = mpjpe(predicted, truth, valid=valid)
        assert score.num_frames == 18
        assert score.num_values == 18 * 14 - 1
        assert score.value == 0.0

    def test_nothing_to_count_is_nan_and_not_perfect(self):
        nothing = np.full((4, 5, 3), np.nan)
        assert np.isnan(mpjpe(nothing, nothing).value)
        assert mpjpe(nothing, nothing).num_values == 0
        assert np.isnan(pa_mpjpe(nothing, nothing).value)

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.3, 3.0))
    def test_alignment_makes_it_blind_to_what_it_removes(self, seed, scale):
        truth, predicted = _poses(1), _poses(2)
        turn = Rotation.random(len(truth), rng=np.random.default_rng(seed)).as_matrix()
        moved = scale * predicted @ turn.swapaxes(1, 2) + np.array([1.0, 2.0, 3.0])
        assert pa_mpjpe(moved, truth).value == pytest.approx(pa_mpjpe(predicted, truth).value)
        scaled = n_mpjpe(scale * predicted + 7.0, truth, root=(0,)).value
        assert scaled == pytest.approx(n_mpjpe(predicted, truth, root=(0,)).value)

    def test_each_freedom_lowers_the_squared_error(self):
        # Least squares lowers the mean square, not the mean length: take squares here.
        truth, predicted = _poses(3), _poses(4)
        aligned = align_points(predicted, truth)
        rigid = align_points(predicted, truth, with_scale=False)
        square = [(joint_errors(each, truth) ** 2).sum() for each in (aligned, rigid, predicted)]
        assert square == sorted(square)

    def test_agrees_with_published_implementation(self, shared):
        fixture = np.load(shared / "parity" / "hanet_metrics.npz")
        ours, truth = fixture["in/pred3d"], fixture["in/gt3d"]
        raw = joint_errors(ours, truth).mean(-1)
        np.testing.assert_allclose(raw, fixture["out/mpjpe"], atol=1e-6)
        aligned = joint_errors(align_points(ours, truth), truth).mean(-1)
        np.testing.assert_allclose(aligned, fixture["out/pampjpe"], atol=1e-6)
        assert pa_mpjpe(ours, truth).value == pytest.approx(fixture["out/pampjpe"].mean(), abs=1e-6)


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


class TestImage:
    def test_the_limit_itself_is_right(self):
        truth = np.zeros((1, 3, 2))
        predicted = np.array([[[10.0, 0.0], [10.1, 0.0], [np.nan, np.nan]]])
        right = correct_keypoints(predicted, truth, scale=np.array([100.0]), threshold=0.1)
        np.testing.assert_array_equal(right, [[1, 0, 0]])

    def test_unlabelled_points_do_not_count(self):
        truth = np.zeros((2, 4, 2))
        truth[0, 1] = np.nan
        valid = np.ones((2, 4), bool)
        valid[1, 3] = False
        score = pck(np.zeros((2, 4, 2)), truth, scale=np.ones(2), threshold=0.1, valid=valid)
        assert (score.value, score.num_values) == (1.0, 6)

    def test_agrees_with_published_implementation(self, shared):
        fixture = np.load(shared / "parity" / "hanet_metrics.npz")
        size = fixture["in/imgshape_hwc"][0][[1, 0]]
        box = fixture["in/bbox"].astype(float)
        scale = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
        for threshold in (0.05, 0.1, 0.2):
            right = correct_keypoints(
                fixture["in/pred2d"] * size,
                fixture["in/gt2d"] * size,
                scale=scale,
                threshold=threshold,
            )
            expected = fixture[f"out/pck_{threshold}"]
            np.testing.assert_allclose(right.mean(0), expected, atol=1e-6)

    def test_reprojection_is_relative_to_the_box(self):
        seen = np.zeros((3, 5, 2))
        height = np.array([100.0, 200.0, np.nan])
        score = reprojection_error(seen + np.array([3.0, 4.0]), seen, box_height=height)
        assert score.value == pytest.approx((0.05 + 0.025) / 2)
        assert score.num_values == 10


class TestFloor:
    def test_slide_counts_only_while_both_frames_touch(self):
        position = np.zeros((5, 1, 3))
        position[:, 0, 0] = [0.0, 0.01, 0.02, 1.0, 1.01]
        contact = np.array([True, True, True, False, True])[:, None]
        score = foot_slide(position, contact, frame_rate=30.0)
        assert score.value == pytest.approx(0.3)
        assert score.num_values == 2

    def test_penetration_is_the_deepest_point(self):
        position = np.ones((2, 3, 3))
        position[0, :, 2] = [-0.02, -0.05, 1.0]
        assert floor_penetration(position).value == pytest.approx(0.025)
        assert floor_penetration(position, floor_z=-1.0).value == 0.0
        position[1] = np.nan
        assert floor_penetration(position).value == pytest.approx(0.05)


def test_summary_pools_frames_and_joints():
    errors = np.array([[1.0, np.nan], [2.0, 3.0], [np.nan, np.nan]])
    score = summarise(errors)
    assert (score.value, score.num_frames, score.num_values) == (2.0, 2, 3)
