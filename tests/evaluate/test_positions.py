"""Errors of positions: known answers, invariances, other people's implementations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from marey.core.errors import ShapeError
from marey.evaluate import (
    aligned_errors,
    joint_errors,
    mpjpe,
    mpvpe,
    n_mpjpe,
    pa_mpjpe,
    pa_mpvpe,
    rooted_errors,
)
from marey.evaluate.positions import check_alike
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

    def test_a_missing_prediction_is_counted_as_such(self):
        truth = _poses(11)
        predicted = truth.copy()
        predicted[2, 3] = np.nan
        predicted[4, 5, 1] = np.inf
        truth[6, 7] = np.nan
        for score in (mpjpe(predicted, truth), pa_mpjpe(predicted, truth)):
            assert score.num_missing == 2
            assert score.num_values == 20 * 14 - 3

    def test_moving_the_root_is_moving_both(self):
        truth, predicted = _poses(12), _poses(13)
        both = [each - each[:, [2, 3]].mean(1, keepdims=True) for each in (predicted, truth)]
        expected = np.linalg.norm(both[0] - both[1], axis=-1)
        np.testing.assert_allclose(rooted_errors(predicted, truth, root=(2, 3)), expected)


class TestAlignment:
    @settings(max_examples=50, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), with_scale=st.booleans(), flat=st.integers(0, 2))
    def test_the_kernel_agrees_with_the_plain_version(self, seed, with_scale, flat):
        rng = np.random.default_rng(seed)
        truth, predicted = rng.normal(0, 0.5, (2, 6, 9, 3))
        # Points of a plane (flat 1) have two singular values, mirrored ones need a sign.
        predicted[..., :flat] = 0.0 if flat == 1 else predicted[..., :flat]
        predicted[3] = truth[3] * [1, 1, -1]
        truth[1, 4], predicted[2, 5] = np.nan, np.nan
        valid = rng.random((6, 9)) > 0.1
        weights = valid.astype(float)
        plain = align_points(predicted, truth, weights=weights, with_scale=with_scale)
        expected = joint_errors(plain, truth, valid=valid)
        ours = aligned_errors(predicted, truth, valid=valid, with_scale=with_scale)
        np.testing.assert_allclose(ours, expected, atol=1e-9)

    def test_the_rotation_is_scipy_s(self):
        truth, predicted = _poses(14, 5), _poses(15, 5)
        ours = aligned_errors(predicted, truth, with_scale=False)
        for p, g, errors in zip(predicted, truth, ours, strict=True):
            p, g = p - p.mean(0), g - g.mean(0)  # noqa: PLW2901
            rotation, _ = Rotation.align_vectors(g, p)
            np.testing.assert_allclose(errors, np.linalg.norm(rotation.apply(p) - g, axis=-1))

    def test_points_of_a_line_have_no_one_rotation_but_one_error(self):
        line = np.linspace(-1, 1, 7)[:, None] * np.array([1.0, 0.0, 0.0])
        other = np.linspace(-1, 1, 7)[:, None] * np.array([0.0, 0.6, 0.8])
        np.testing.assert_allclose(aligned_errors(line[None], other[None]), 0.0, atol=1e-12)
        # Without a size there is nothing to scale by, as without points nothing to align.
        assert np.isnan(aligned_errors(np.zeros((1, 7, 3)), other[None])).all()
        two = other[None].copy()
        two[:, 2:] = np.nan
        assert np.isnan(aligned_errors(line[None], two)).all()

    def test_a_mirrored_body_is_not_the_same_body(self):
        truth = _poses(16)
        assert pa_mpjpe(truth * [-1, 1, 1], truth).value > 0.05

    def test_any_order_of_joints_and_people(self):
        truth, predicted = _poses(17, 6).reshape(2, 3, 14, 3), _poses(18, 6).reshape(2, 3, 14, 3)
        joints = np.random.default_rng(0).permutation(14)
        ours = aligned_errors(predicted, truth)
        turned = aligned_errors(predicted[::-1][:, :, joints], truth[::-1][:, :, joints])
        np.testing.assert_allclose(turned, ours[::-1][:, :, joints], atol=1e-12)

    def test_single_precision_is_computed_in_double(self):
        truth, predicted = _poses(19).astype(np.float32), _poses(20).astype(np.float32)
        exact = aligned_errors(predicted.astype(np.float64), truth.astype(np.float64))
        np.testing.assert_allclose(aligned_errors(predicted, truth), exact, atol=1e-14)

    def test_threads_change_nothing(self):
        truth, predicted = _poses(21, 9001), _poses(22, 9001)
        parts = [slice(at, at + 1000) for at in range(0, 9001, 1000)]
        alone = np.concatenate([aligned_errors(predicted[p], truth[p]) for p in parts])
        np.testing.assert_array_equal(aligned_errors(predicted, truth), alone)

    def test_agrees_with_the_video_lineage(self, shared):
        fixture = np.load(shared / "parity" / "glot_metrics.npz")
        expected = joint_errors(fixture["out/procrustes"], fixture["in/gt"])
        ours = aligned_errors(fixture["in/pred"], fixture["in/gt"])
        np.testing.assert_allclose(ours, expected, atol=1e-6)

    def test_agrees_with_the_benchmark_of_close_contact(self, shared):
        fixture = np.load(shared / "parity" / "h4d_benchmark.npz")
        joints = fixture["in/pred_joints"], fixture["in/gt_joints"]
        meshes = fixture["in/pred_vertices"], fixture["in/gt_vertices"]
        # Meshes are moved to their own first vertex there, and not to the pelvis.
        offset = meshes[1][:, 0] - meshes[0][:, 0]
        for person, row in enumerate(fixture["out/metrics"]):
            (p, g), (v, w) = ([each[[person]] for each in both] for both in (joints, meshes))
            ours = [
                mpjpe(p, g, root=(0,)),
                pa_mpjpe(p, g),
                mpvpe(v, w, offset=offset[[person]]),
                pa_mpvpe(v, w),
            ]
            for score, expected in zip(ours, row[:4], strict=True):
                assert score.value * 1000 == pytest.approx(expected, abs=1e-6)


def test_other_shapes_are_refused_in_a_sentence():
    """Broadcasting would compare one frame's truth with all, or read past the end of an array."""
    for other in ((10, 14, 3), (1, 17, 3), (10, 17, 2)):
        with pytest.raises(ShapeError, match="same people, frames and joints"):
            check_alike(np.zeros((10, 17, 3)), np.zeros(other))
    check_alike(np.zeros((10, 17, 3)), np.zeros((10, 17, 3), np.float32))
