"""Procrustes alignment: known transforms come back, mirrors do not, missing points do not count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from marey.geometry.alignment import align_points, fit_similarity


def _cloud(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(*shape, 3))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), num_points=st.integers(4, 30), scale=st.floats(0.01, 100))
def test_recovers_a_similarity(seed, num_points, scale):
    source = _cloud(seed, num_points)
    rotation = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    shift = np.array([3.0, -2.0, 5.0])
    fitted = fit_similarity(source, scale * source @ rotation.T + shift)
    # Four random points may be nearly flat; the rotation is then known to about 1e-16 / flatness.
    np.testing.assert_allclose(fitted.R_target_source, rotation, atol=1e-7)
    np.testing.assert_allclose(fitted.t_target_source, shift, atol=1e-7 * (1 + scale))
    assert fitted.scale == pytest.approx(scale, rel=1e-9)


def test_agrees_with_scipy_without_scale():
    source, target = _cloud(1, 12), _cloud(2, 12)
    weights = np.random.default_rng(3).uniform(0.1, 1, 12)
    fitted = fit_similarity(source, target, weights=weights, with_scale=False)
    share = weights[:, None] / weights.sum()
    oracle, _ = Rotation.align_vectors(
        target - (share * target).sum(0), source - (share * source).sum(0), weights=weights
    )
    np.testing.assert_allclose(fitted.R_target_source, oracle.as_matrix(), atol=1e-10)
    assert fitted.scale == 1.0


def test_a_mirror_image_stays_a_rotation():
    source = _cloud(4, 20)
    fitted = fit_similarity(source, source * np.array([-1.0, 1.0, 1.0]))
    assert np.linalg.det(fitted.R_target_source) == pytest.approx(1.0)
    assert fitted.scale < 0.9


def test_no_nearby_similarity_is_better():
    # The closed form is a minimum: every small change of the transform raises the squared error.
    source, target = _cloud(5, 15), _cloud(6, 15)
    best = ((align_points(source, target) - target) ** 2).sum()
    rng = np.random.default_rng(7)
    for _ in range(50):
        turn = Rotation.from_rotvec(rng.normal(0, 0.05, 3)).as_matrix()
        moved = align_points(source, target) @ turn.T * rng.normal(1, 0.02) + rng.normal(0, 0.02, 3)
        assert ((moved - target) ** 2).sum() > best


def test_a_batch_is_its_entries():
    source, target = _cloud(8, 3, 5, 10), _cloud(9, 3, 5, 10)
    together = align_points(source, target)
    for row in range(3):
        for column in range(5):
            alone = align_points(source[row, column], target[row, column])
            np.testing.assert_allclose(together[row, column], alone, atol=1e-12)


def test_missing_points_and_zero_weights_do_not_count():
    source, target = _cloud(10, 10), _cloud(11, 10)
    holes = source.copy()
    holes[[2, 7]] = np.nan
    weights = np.ones(10)
    weights[[2, 7]] = 0
    kept = np.delete(np.arange(10), [2, 7])
    expected = fit_similarity(source[kept], target[kept])
    for fitted in (fit_similarity(holes, target), fit_similarity(source, target, weights=weights)):
        np.testing.assert_allclose(fitted.R_target_source, expected.R_target_source, atol=1e-12)
        np.testing.assert_allclose(fitted.t_target_source, expected.t_target_source, atol=1e-12)


def test_two_points_are_too_few():
    source = _cloud(12, 2, 6)
    source[1, 2:] = np.nan
    aligned = align_points(source, _cloud(13, 2, 6))
    assert np.isfinite(aligned[0]).all()
    assert np.isnan(aligned[1]).all()


def test_points_in_one_place_have_no_scale():
    fitted = fit_similarity(np.ones((5, 3)), _cloud(14, 5))
    assert np.isnan(fitted.scale)


def test_agrees_with_the_published_alignment(shared):
    fixture = np.load(shared / "parity" / "glot_metrics.npz")
    aligned = align_points(fixture["in/pred"], fixture["in/gt"])
    # The reference works in float32.
    np.testing.assert_allclose(aligned, fixture["out/procrustes"], atol=1e-6)
