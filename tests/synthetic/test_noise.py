"""The detector model: what it promises about spread, correlation, swaps and missing keypoints."""

from dataclasses import replace

import numpy as np
import pytest

from marey.core import load_skeleton
from marey.synthetic import PERFECT, DetectorNoise, observe, observe_landmarks

SKELETON = load_skeleton("coco-17")
SIZE = (1000, 1000)
TIME = np.arange(3000) / 30


def _person() -> np.ndarray:
    """One pose for all frames, in a box of 200 by 400 px."""
    pose = np.random.default_rng(0).uniform([400, 300], [600, 700], (17, 2))
    pose[0], pose[1] = [400, 300], [600, 700]
    return np.tile(pose, (len(TIME), 1, 1))


def _observe(noise: DetectorNoise, truth: np.ndarray | None = None, seed: int = 1):
    rng = np.random.default_rng(seed)
    truth = _person() if truth is None else truth
    return observe(truth, SKELETON, TIME, size=SIZE, noise=noise, rng=rng)


def test_a_perfect_detector_reports_the_truth():
    seen = _observe(PERFECT)
    np.testing.assert_array_equal(seen.position, _person())
    assert (seen.confidence > 0.5).all()


def test_spread_follows_the_keypoint_sigmas():
    seen = _observe(replace(PERFECT, level=0.5, bias_share=0.0))
    spread = (seen.position - _person()).std((0, 2))
    expected = 0.5 * np.sqrt(200 * 400) * np.array(SKELETON.oks_sigmas)
    # 6000 samples: the standard deviation is known to about 1 %.
    np.testing.assert_allclose(spread, expected, rtol=0.05)


def test_the_slow_part_is_correlated_in_time():
    seen = _observe(replace(PERFECT, level=0.5, bias_share=0.6, bias_time=0.4))
    error = seen.position - _person()
    variance = (error**2).mean()
    for lag in (1, 6, 12):
        correlation = (error[lag:] * error[:-lag]).mean() / variance
        assert correlation == pytest.approx(0.6 * np.exp(-lag / 30 / 0.4), abs=0.03)


def test_swaps_exchange_both_sides():
    seen = _observe(replace(PERFECT, swap_rate=0.5, swap_time=0.3))
    truth = _person()
    left, right = SKELETON.index("left_ankle"), SKELETON.index("right_ankle")
    swapped = (seen.position[:, left] == truth[:, right]).all(-1)
    assert 0.05 < swapped.mean() < 0.4
    np.testing.assert_array_equal(seen.position[swapped, right], truth[swapped, left])
    # Arms and legs are exchanged on their own; the head never is.
    knee, nose = SKELETON.index("left_knee"), SKELETON.index("nose")
    np.testing.assert_array_equal(seen.position[~swapped, knee], truth[~swapped, knee])
    np.testing.assert_array_equal(seen.position[:, nose], truth[:, nose])


def test_hidden_limbs_are_missing_or_doubtful():
    noise = replace(PERFECT, level=0.3, hidden_rate=0.3, missing_share=1.0)
    seen = _observe(noise)
    wrist = SKELETON.index("left_wrist")
    gone = np.isnan(seen.position[:, wrist]).all(-1)
    assert 0.02 < gone.mean() < 0.3
    assert (seen.confidence[gone, wrist] == 0).all()
    assert np.isfinite(seen.position[:, SKELETON.index("nose")]).all()
    doubtful = _observe(replace(noise, missing_share=0.0))
    assert np.isfinite(doubtful.position).all()
    error = np.linalg.norm(doubtful.position - _person(), axis=-1)
    unsure = doubtful.confidence < 0.6
    assert error[unsure].mean() > 3 * error[~unsure].mean()


def test_nothing_is_seen_outside_the_picture():
    truth = _person() + np.array([450.0, 0.0])
    seen = _observe(PERFECT, truth)
    outside = truth[..., 0] > SIZE[0]
    assert outside.any()
    assert np.isnan(seen.position[outside]).all()
    assert (seen.confidence[outside] == 0).all()
    assert np.isfinite(seen.position[~outside]).all()


def test_missing_truth_stays_missing():
    truth = _person()
    truth[:, 5] = np.nan
    seen = _observe(DetectorNoise(), truth)
    assert np.isnan(seen.position[:, 5]).all()
    assert (seen.confidence[:, 5] == 0).all()


def test_landmarks_err_most_along_the_depth():
    truth = np.random.default_rng(2).normal(0, 0.4, (3000, 17, 3))
    noise = replace(PERFECT, sigma_m=0.03)
    rng = np.random.default_rng(3)
    error = observe_landmarks(truth, TIME, noise=noise, rng=rng) - truth
    np.testing.assert_allclose(error.std((0, 1)), [0.03, 0.03, 0.06], rtol=0.1)
    scaled = observe_landmarks(truth, TIME, noise=replace(PERFECT, scale_spread=0.2), rng=rng)
    ratio = scaled / truth
    np.testing.assert_allclose(ratio, ratio[0, 0, 0], rtol=1e-9)
    assert ratio[0, 0, 0] != 1
