"""Limbs that keep their lengths, as far as anatomy says that they do."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from marey.capture.views import limb_lengths
from marey.capture.views.limb_lengths import keep_lengths
from marey.capture.views.limbs import LIMBS, RIGID_SIGMA_M, find_limbs, limb_sigma
from marey.core import load_skeleton

COCO = load_skeleton("coco-17")
ARM = ("left_shoulder", "left_elbow", "left_wrist")


def _arm(num_frames: int) -> np.ndarray:
    """An arm that swings: 0.3 m above the elbow, 0.25 m below."""
    turn = np.linspace(0, 2, num_frames)
    elbow = 0.3 * np.stack([np.cos(turn), np.sin(turn), 0 * turn], -1)
    wrist = elbow + 0.25 * np.stack([np.sin(turn), 0 * turn, np.cos(turn)], -1)
    return np.stack([np.zeros_like(elbow), elbow, wrist], 1)


def test_noise_along_bones_is_taken_out():
    truth, rng = _arm(200), np.random.default_rng(0)
    noisy = truth + 0.02 * rng.normal(size=truth.shape)
    kept = keep_lengths(noisy, np.full(noisy.shape[:2], 0.02), ARM)
    length = np.linalg.norm(np.diff(kept, axis=1), axis=-1)
    assert (length.std(0) < 0.004).all()
    off = [np.linalg.norm(each - truth, axis=-1).mean() for each in (noisy, kept)]
    assert off[1] < 0.9 * off[0]


def test_it_is_the_minimum_of_the_cost():
    rng = np.random.default_rng(1)
    found, sigma = _arm(1) + 0.03 * rng.normal(size=(1, 3, 3)), np.array([[0.01, 0.02, 0.04]])
    usual = [0.32, 0.24]
    # Many frames with exact lengths say what is usual; the first is the one in question.
    exact = np.zeros((9, 3, 3))
    exact[:, 1, 0], exact[:, 2, 0] = usual[0], sum(usual)
    kept = keep_lengths(np.concatenate([found, exact]), np.repeat(sigma, 10, 0), ARM)[0]

    def residuals(flat: np.ndarray) -> np.ndarray:
        points = flat.reshape(3, 3)
        length = np.linalg.norm(np.diff(points, axis=0), axis=-1)
        near = (points - found[0]) / sigma[0][:, None]
        return np.concatenate([near.ravel(), (length - usual) / RIGID_SIGMA_M])

    best = least_squares(residuals, found[0].ravel(), xtol=1e-12, ftol=1e-12)
    np.testing.assert_allclose(kept.ravel(), best.x, atol=1e-4)


def test_a_back_may_bend_and_a_bone_may_not():
    bends = [limb for limb in LIMBS if limb_sigma(limb) > RIGID_SIGMA_M]
    assert sorted(bends) == [
        ("left_ear", "left_shoulder"),
        ("left_shoulder", "left_hip"),
        ("left_shoulder", "right_shoulder"),
        ("right_ear", "right_shoulder"),
        ("right_shoulder", "right_hip"),
    ]
    bow = np.linspace(0.5, 0.42, 50)
    for names, stays in ((("left_shoulder", "left_hip"), 0.9), (("left_hip", "left_knee"), 0.1)):
        points = np.zeros((50, 2, 3))
        points[:, 1, 2] = bow
        kept = keep_lengths(points, np.full((50, 2), 0.01), names)
        spread = np.linalg.norm(kept[:, 0] - kept[:, 1], axis=-1).std() / bow.std()
        assert spread == pytest.approx(stays, abs=0.15)


def test_left_becomes_like_right():
    names = ("left_hip", "left_knee", "right_hip", "right_knee")
    points = np.zeros((4, 4, 3))
    points[:, 2:, 0] = 0.2
    points[:, 1, 2], points[:, 3, 2] = 0.42, 0.38
    kept = keep_lengths(points, np.full((4, 4), 0.02), names)
    np.testing.assert_allclose(kept[:, [1, 3], 2] - kept[:, [0, 2], 2], 0.4, atol=2e-3)


def test_a_point_nobody_measured_follows_and_a_sure_one_stays():
    points = np.tile(_arm(1), (9, 1, 1))
    points[0, 2] *= 1.2
    sigma = np.full((9, 3), 0.01)
    sigma[0, 2] = np.nan
    kept = keep_lengths(points, sigma, ARM)
    assert np.linalg.norm(kept[0, 2] - kept[0, 1]) == pytest.approx(0.25, abs=0.005)
    np.testing.assert_allclose(kept[0, :2], points[0, :2], atol=0.005)


def test_a_filled_point_far_away_comes_home():
    names = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    head = np.array([[0, 0, 0], [2, 3, 2], [-2, 3, 2], [7, 2, -4], [-7, 2, -4]]) / 100.0
    points = np.tile(head, (9, 1, 1))
    points[0, [2, 4]] += [[-0.06, -0.05, 0.06], [-0.05, -0.12, 0.06]]
    sigma = np.full((9, 5), 0.02)
    sigma[0, [2, 4]] = np.nan
    kept = keep_lengths(points, sigma, names)
    for first, second in find_limbs(names):
        bone = kept[:, names.index(first)] - kept[:, names.index(second)]
        assert np.ptp(np.linalg.norm(bone, axis=-1)) < 0.002


def test_missing_points_stay_missing_and_do_not_pull(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(2)
    points = rng.normal(size=(17, 3)) + 0.02 * rng.normal(size=(7, 17, 3))
    points[:, 9], points[3, 2] = np.nan, np.nan
    sigma = np.full((7, 17), 0.02)
    kept = keep_lengths(points, sigma, COCO)
    np.testing.assert_array_equal(np.isnan(kept), np.isnan(points))
    assert find_limbs(("left_hip",)) == ()
    np.testing.assert_array_equal(
        keep_lengths(points[:, :1], sigma[:, :1], ("left_hip",)), points[:, :1]
    )
    # A long recording is solved in parts and gives the same.
    monkeypatch.setattr(limb_lengths, "_FRAMES", 3)
    np.testing.assert_allclose(keep_lengths(points, sigma, COCO), kept, atol=1e-6)
    assert keep_lengths(points[:0], sigma[:0], COCO).shape == (0, 17, 3)
