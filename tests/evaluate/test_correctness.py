"""Right or wrong keypoints and limbs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.evaluate import (
    areas_under_curve,
    auc,
    box_size,
    correct_keypoints,
    correct_limbs,
    head_size,
    joint_errors,
    pck,
    pcp,
    reprojection_error,
    sampled_areas_under_curve,
    torso_size,
)


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

    def test_agrees_with_the_benchmark_of_close_contact(self, shared):
        fixture = np.load(shared / "parity" / "h4d_benchmark.npz")
        major = [1, 2, 4, 5, 7, 8, *range(16, 22)]
        rooted = [
            (fixture[f"in/{side}_joints"] - fixture[f"in/{side}_joints"][:, :1])[:, major] * 1000
            for side in ("pred", "gt")
        ]
        right = correct_keypoints(*rooted, scale=1.0, threshold=150.0).mean(-1)
        np.testing.assert_allclose(100 * right, fixture["out/metrics"][:, 4], atol=1e-6)
        areas = sampled_areas_under_curve(joint_errors(*rooted), np.arange(200.0)).mean(-1)
        # The published one integrates the same polygon by an adaptive quadrature.
        np.testing.assert_allclose(100 * areas, fixture["out/metrics"][:, 5], atol=1e-1)

    def test_sizes_of_people(self):
        box = np.array([[10.0, 20.0, 40.0, 60.0]])
        assert box_size(box) == [40.0]
        assert head_size(box) == [0.6 * 50.0]
        assert torso_size(np.array([[[0.0, 0.0], [3.0, 4.0]]]), shoulder=0, hip=1) == [5.0]


class TestCurve:
    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_area_is_the_mean_over_thresholds(self, seed):
        errors = np.random.default_rng(seed).exponential(80.0, (4, 6))
        thresholds = np.arange(0.0, 200.0)
        curve = [(errors <= threshold).mean() for threshold in thresholds]
        expected = np.trapezoid(curve, thresholds / thresholds[-1])
        sampled = sampled_areas_under_curve(errors, thresholds).mean()
        assert sampled == pytest.approx(expected)
        # The exact area differs by what happens inside one step.
        assert areas_under_curve(errors, highest=199.0).mean() == pytest.approx(expected, abs=5e-3)

    def test_a_miss_has_no_area_and_an_unlabelled_joint_no_say(self):
        truth = np.zeros((1, 3, 3))
        truth[0, 2] = np.nan
        predicted = np.array([[[0.05, 0, 0], [np.nan] * 3, [0, 0, 0]]])
        score = auc(predicted, truth, highest=0.1)
        assert (score.value, score.num_values) == (pytest.approx(0.25), 2)


class TestLimbs:
    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), both=st.booleans())
    def test_agrees_with_a_plain_loop(self, seed, both):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=(3, 5, 3))
        predicted = truth + rng.normal(0, 0.5, truth.shape)
        truth[0, 1], predicted[1, 2] = np.nan, np.nan
        limbs = np.array([[0, 1], [1, 2], [3, 4]])
        right = correct_limbs(predicted, truth, limbs=limbs, both_ends=both)
        for frame in range(3):
            for column, (a, b) in enumerate(limbs):
                length = np.sqrt(((truth[frame, a] - truth[frame, b]) ** 2).sum())
                ends = [
                    np.sqrt(((predicted[frame, e] - truth[frame, e]) ** 2).sum()) for e in (a, b)
                ]
                error = max(ends) if both else sum(ends) / 2
                error = np.nan if np.isnan(ends).any() else error
                expected = np.nan if np.isnan(length) else float(error <= 0.5 * length)
                np.testing.assert_equal(right[frame, column], expected)

    def test_half_a_limb_is_the_limit_and_a_missed_limb_is_wrong(self):
        truth = np.array([[[0.0, 0, 0], [1.0, 0, 0]]] * 3)
        predicted = truth + np.array([0, 0.5, 0])
        predicted[1] += np.array([0, 0.01, 0])
        predicted[2] = np.nan
        score = pcp(predicted, truth, limbs=np.array([[0, 1]]))
        assert (score.value, score.num_values) == (pytest.approx(1 / 3), 3)
