"""Triangulation: exact without noise, the plain rules with it, parity, honest sigmas."""

from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.geometry._triangulation_reference import triangulate_point
from marey.geometry.triangulation import TriangulationOptions, triangulate
from tests.geometry.rays import RayProblem, make_problem, project, ring_extrinsics


def test_noise_free_points_come_back_exactly():
    problem = make_problem(4, 50, np.random.default_rng(0), noise=0.0, outliers=0.0)
    found = triangulate(problem.rays, np.ones((4, 50)), problem.extrinsics)
    np.testing.assert_allclose(found.position, problem.points, atol=1e-9)
    assert found.num_views.tolist() == [4] * 50


def test_gross_outliers_are_left_out():
    problem = make_problem(8, 40, np.random.default_rng(1), noise=0.0, outliers=0.0)
    problem.rays[3] += 0.5
    found = triangulate(problem.rays, np.ones((8, 40)), problem.extrinsics)
    np.testing.assert_allclose(found.position, problem.points, atol=1e-9)
    assert not found.inlier[3].any()
    assert found.inlier[[0, 1, 2, 4, 5, 6, 7]].all()


def test_two_views_that_see_different_things_give_a_point_only_if_that_is_wanted():
    problem = make_problem(4, 5, np.random.default_rng(9), noise=0.0, outliers=0.0)
    problem.rays[1, :, 1] += 0.3
    arrays = problem.rays[:2], np.ones((2, 5)), problem.extrinsics[:2]
    lenient = triangulate(*arrays)
    assert lenient.inlier.all()
    assert (lenient.error > 0.01).all()
    strict = triangulate(*arrays, options=TriangulationOptions(strict=True))
    assert not strict.inlier.any()
    assert np.isnan(strict.position).all()


def test_unsure_missing_and_single_views_do_not_count():
    problem = make_problem(3, 3, np.random.default_rng(2), noise=0.0, outliers=0.0)
    confidence = np.ones((3, 3))
    confidence[0, 0] = 0.5
    problem.rays[1, 1] = np.nan
    confidence[:2, 2] = 0.0
    found = triangulate(problem.rays, confidence, problem.extrinsics)
    assert found.inlier.T.tolist() == [[False, True, True], [True, False, True], [False] * 3]
    np.testing.assert_allclose(found.position[:2], problem.points[:2], atol=1e-9)
    assert np.isnan(found.position[2]).all()
    assert np.isnan(found.covariance[2]).all()
    assert np.isnan(found.error[2])


@pytest.mark.parametrize(
    ("num_views", "outliers"), [(2, 0.1), (3, 0.3), (5, 0.4), (7, 0.7), (12, 0.3), (20, 0.12)]
)
@pytest.mark.parametrize("weigh_fit", [True, False])
@pytest.mark.parametrize(("in_front", "strict"), [(True, True), (True, False), (False, False)])
def test_kernel_obeys_the_plain_rules(
    num_views: int, outliers: float, weigh_fit: bool, in_front: bool, strict: bool
):
    problem = make_problem(num_views, 25, np.random.default_rng(num_views), outliers=outliers)
    options = TriangulationOptions(weigh_fit=weigh_fit, in_front=in_front, strict=strict)
    found = triangulate(problem.rays, problem.confidence, problem.extrinsics, options=options)
    for point in range(25):
        expected, supports = triangulate_point(
            problem.rays[:, point],
            problem.confidence[:, point],
            problem.extrinsics[:, 0],
            candidates=np.flatnonzero(problem.confidence[:, point] > options.min_confidence),
            max_error=options.max_error,
            weigh_fit=weigh_fit,
            precision=np.ones(num_views),
            in_front=in_front,
            strict=strict,
        )
        np.testing.assert_array_equal(found.inlier[:, point], supports)
        # A pair whose rays miss each other widely has no well-defined point.
        if supports.sum() > 2:
            np.testing.assert_allclose(found.position[point], expected, atol=1e-7)


@settings(deadline=None, max_examples=40)
@given(
    num_views=st.integers(2, 64),
    outliers=st.floats(0.0, 0.7),
    noise=st.sampled_from([0.0, 0.001, 0.004, 0.008]),
    size=st.sampled_from([0.02, 0.05, 0.3]),
    shift=st.sampled_from([0.0, 3.0, 50.0]),
    strict=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_stopping_early_changes_nothing(
    num_views: int,
    outliers: float,
    noise: float,
    size: float,
    shift: float,
    strict: bool,
    seed: int,
):
    rng = np.random.default_rng(seed)
    problem = _move(
        make_problem(num_views, 8, rng, noise=noise, outliers=outliers, outlier_sizes=(size,)),
        shift,
    )
    arrays = problem.rays, problem.confidence, problem.extrinsics
    quick, full = (
        triangulate(*arrays, options=TriangulationOptions(strict=strict, exhaustive=exhaustive))
        for exhaustive in (False, True)
    )
    np.testing.assert_array_equal(quick.inlier, full.inlier)
    np.testing.assert_array_equal(quick.position, full.position)


@pytest.mark.parametrize("name", ["conf", "plain"])
def test_harmony4d_parity(shared: Path, name: str):
    with np.load(shared / "parity" / "h4d_triangulation.npz") as fixture:
        extrinsics, rays, confidence = (
            fixture[f"in/{part}"] for part in ("extrinsics", "rays", "conf")
        )
        points, error = fixture[f"out/points_{name}"], fixture[f"out/error_{name}"][:, 0]
    options = TriangulationOptions(weigh_fit=name == "conf")
    found = triangulate(rays, confidence, extrinsics[:, None, :3], options=options)
    present = points[:, 3] == 1
    np.testing.assert_array_equal(np.isfinite(found.position).all(-1), present)
    np.testing.assert_allclose(found.position[present], points[present, :3], atol=1e-4)
    np.testing.assert_allclose(found.error[present], error[present], atol=1e-6)


def test_refinement_finds_the_least_squares_optimum():
    problem = make_problem(6, 5, np.random.default_rng(3), outliers=0.0)
    sigma = np.random.default_rng(4).uniform(0.001, 0.003, (6, 5))
    found = triangulate(problem.rays, np.ones((6, 5)), problem.extrinsics, sigma=sigma)
    for point in range(5):
        views = found.inlier[:, point]

        def residual(x: np.ndarray, point: int = point, views: np.ndarray = views) -> np.ndarray:
            image = project(problem.extrinsics[views, 0], x[None])[:, 0]
            return ((image - problem.rays[views, point]) / sigma[views, point, None]).ravel()

        solved = scipy.optimize.least_squares(residual, problem.points[point], xtol=1e-14)
        np.testing.assert_allclose(found.position[point], solved.x, atol=1e-8)
        covariance = np.linalg.inv(solved.jac.T @ solved.jac)
        np.testing.assert_allclose(found.covariance[point], covariance, rtol=1e-4)
        assert found.misfit[point] == pytest.approx(2 * solved.cost, rel=1e-6)


@pytest.mark.parametrize("given_sigma", [True, False])
def test_errors_are_as_large_as_the_covariance_says(given_sigma: bool):
    problem = make_problem(5, 4000, np.random.default_rng(5), noise=0.002, outliers=0.0)
    sigma = np.full((5, 4000), 0.002) if given_sigma else None
    found = triangulate(problem.rays, np.ones((5, 4000)), problem.extrinsics, sigma=sigma)
    off = found.position - problem.points
    squared = np.einsum("pi,pij,pj->p", off, np.linalg.inv(found.covariance), off)
    # Squared Mahalanobis distances of three coordinates follow chi-squared with 3 degrees.
    assert scipy.stats.kstest(squared, scipy.stats.chi2(3).cdf).pvalue > 1e-3
    assert np.mean(squared < 9) == pytest.approx(scipy.stats.chi2(3).cdf(9), abs=0.01)


def test_secondary_views_serve_where_others_do_not_see():
    problem = make_problem(4, 3, np.random.default_rng(6), noise=0.0, outliers=0.0)
    confidence = np.ones((4, 3))
    confidence[1, 1:] = 0.0
    confidence[3, 2] = 0.0
    secondary = np.array([False, False, True, True])
    found = triangulate(problem.rays, confidence, problem.extrinsics, secondary=secondary)
    # Two primary views suffice; one and two secondary ones do; one and one do not.
    assert found.inlier.T.tolist() == [
        [True, True, False, False],
        [True, False, True, True],
        [False] * 4,
    ]


def test_moving_cameras_have_a_pose_per_moment():
    rng = np.random.default_rng(7)
    first, second = ring_extrinsics(3), ring_extrinsics(7)[:3]
    points = rng.normal(size=(2, 3))
    rays = np.stack([project(first[:, 0], points)[:, 0], project(second[:, 0], points)[:, 1]], 1)
    found = triangulate(
        rays,
        np.ones((3, 2)),
        np.concatenate([first, second], 1),
        moment=np.array([0, 1]),
    )
    np.testing.assert_allclose(found.position, points, atol=1e-9)


def test_axes_of_points_are_kept():
    problem = make_problem(3, 12, np.random.default_rng(8))
    rays = problem.rays.reshape(3, 2, 3, 2, 2)
    confidence = problem.confidence.reshape(3, 2, 3, 2)
    found = triangulate(rays, confidence, problem.extrinsics)
    assert found.position.shape == (2, 3, 2, 3)
    assert found.inlier.shape == (3, 2, 3, 2)
    flat = triangulate(problem.rays, problem.confidence, problem.extrinsics)
    np.testing.assert_array_equal(found.position.reshape(12, 3), flat.position)


def _move(problem: RayProblem, shift: float) -> RayProblem:
    """Carry the world's origin away; the linear systems then weigh differently."""
    extrinsics = problem.extrinsics.copy()
    extrinsics[..., 3] -= extrinsics[..., :3] @ np.array([shift, -shift, 0.3 * shift])
    return RayProblem(
        extrinsics=extrinsics,
        points=problem.points + np.array([shift, -shift, 0.3 * shift]),
        rays=problem.rays,
        confidence=problem.confidence,
    )
