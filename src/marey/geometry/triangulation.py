"""Points in space from their images in several calibrated views, with outliers among them.

As Harmony4D's supplement, section 2.1 ("Pre-Contact Processing"), does it: every pair of views with
a confidence above a half proposes a point; the views whose reprojection error is below 0.01 on the
plane one metre in front of the camera agree with it; the largest agreeing set wins, is solved again
by least squares and refined. Its authors' code says what the supplement leaves open: the linear
systems are weighted by confidence, the error is *half* the distance, the first of equal sets wins,
and the refinement is plain least squares on the distances.

Points carry a covariance that follows from the geometry, the agreeing views and how precise those
are. `_triangulation_numba` holds the loops, `_triangulation_reference` the same rules without
anything left out.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.geometry._triangulation_numba import triangulate_kernel

_CHUNK = 2048
"""Points a thread works on at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriangulationOptions:
    """Which views may agree and how their point is solved."""

    min_confidence: float = 0.5
    """A view takes part if its confidence is above this."""
    max_error: float = 0.01
    """Half the distance, on the plane z = 1, below which a view agrees with a point."""
    weigh_fit: bool = True
    """Whether the agreeing views weigh by confidence in the linear solve before refinement."""
    in_front: bool = False
    """Whether a point behind a camera disagrees with it; the authors' code does not ask."""
    strict: bool = False
    """Whether the two views that propose a point have to agree with it like all others; the
    authors' code takes their agreement for granted, so that two views which see different things
    still give a point."""
    exhaustive: bool = False
    """Whether every pair is solved and tested to the end; the result is the same."""
    workers: int = 2
    """Threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriangulatedPoints:
    """Points, NaN where fewer than two views see one."""

    position: Float[np.ndarray, "*points 3"]
    """m, world axes."""
    covariance: Float[np.ndarray, "*points 3 3"]
    """m^2"""
    error: Float[np.ndarray, "*points"]
    """Mean of half the distances to the agreeing rays on the plane z = 1."""
    misfit: Float[np.ndarray, "*points"]
    """Sum of squared residuals: in sigmas if the views' sigmas were given, else on z = 1."""
    inlier: Bool[np.ndarray, "C *points"]
    """The views that agree."""
    ray_sigma: float
    """Standard deviation of a ray's coordinate that the residuals speak of, all points together;
    1 where the views' sigmas were given."""

    @property
    def sigma(self) -> Float[np.ndarray, "*points"]:
        """Standard deviation of a coordinate, the mean over directions, m."""
        return np.sqrt(np.trace(self.covariance, axis1=-2, axis2=-1) / 3)

    @property
    def num_views(self) -> Int[np.ndarray, "*points"]:
        """How many views agree."""
        return self.inlier.sum(0)


def triangulate(
    rays: Float[np.ndarray, "C *points 2"],
    confidence: Float[np.ndarray, "C *points"],
    extrinsics: Float[np.ndarray, "C M 3 4"],
    *,
    sigma: Float[np.ndarray, "C *points"] | None = None,
    moment: Int[np.ndarray, "*points"] | None = None,
    secondary: Bool[np.ndarray, "C"] | None = None,
    options: TriangulationOptions | None = None,
) -> TriangulatedPoints:
    """Triangulate any number of points, each on its own.

    Args:
        rays: Where each view sees each point on the plane one metre in front of the camera (x / z,
            y / z), lens distortion undone; NaN where missing.
        confidence: What the detector said; 0 where missing.
        extrinsics: World-to-camera matrices (R | t); M = 1 if the cameras stand still.
        sigma: Standard deviation of a ray's coordinate on that plane (px over focal length). Given,
            the refinement weighs views by it and the covariance is in its terms; not given, all
            views weigh the same and one sigma is estimated from all residuals.
        moment: Which of the M poses holds for each point; the first if not given.
        secondary: Views that are asked only where fewer than two others see the point and three see
            it in all.
        options: Thresholds.
    """
    options = options or TriangulationOptions()
    shape = confidence.shape[1:]
    num_views, num_points = len(confidence), int(np.prod(shape))
    plane = _points_first(rays.reshape(num_views, num_points, 2))
    certainty = _points_first(confidence.reshape(num_views, num_points))
    variance = np.ones_like(certainty)
    if sigma is not None:
        variance = _points_first(sigma.reshape(num_views, num_points)) ** 2
    usable = np.isfinite(plane).all(-1) & np.isfinite(variance) & (variance > 0)
    certainty = np.where(usable, certainty, 0.0)
    position = np.full((num_points, 3), np.nan)
    spread = np.full((num_points, 6), np.nan)
    error, misfit = np.full(num_points, np.nan), np.full(num_points, np.nan)
    inlier = np.zeros((num_points, num_views), bool)
    when = np.zeros(num_points, np.int64) if moment is None else moment.reshape(-1).astype(np.int64)
    pose = np.ascontiguousarray(np.swapaxes(extrinsics, 0, 1), np.float64)
    last = np.zeros(num_views, bool) if secondary is None else secondary

    def solve(start: int) -> None:
        part = slice(start, start + _CHUNK)
        triangulate_kernel(
            plane[part],
            certainty[part],
            variance[part],
            pose,
            when[part],
            last,
            float(options.min_confidence),
            float(options.max_error),
            options.weigh_fit,
            sigma is not None,
            options.in_front,
            options.strict,
            not options.exhaustive,
            position[part],
            spread[part],
            error[part],
            misfit[part],
            inlier[part],
        )

    starts = range(0, num_points, _CHUNK)
    if min(options.workers, len(starts)) <= 1:  # Starting a thread takes longer than few points.
        for start in starts:
            solve(start)
    else:
        with ThreadPoolExecutor(options.workers) as pool:
            list(pool.map(solve, starts))
    ray_variance = _estimate_variance(misfit, inlier) if sigma is None else 1.0
    spread *= ray_variance
    full = spread[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(*shape, 3, 3)
    return TriangulatedPoints(
        position=position.reshape(*shape, 3),
        covariance=full,
        error=error.reshape(shape),
        misfit=misfit.reshape(shape),
        inlier=inlier.T.reshape(num_views, *shape),
        ray_sigma=ray_variance**0.5,
    )


def _points_first(array: Float[np.ndarray, "C P *rest"]) -> Float[np.ndarray, "P C *rest"]:
    return np.ascontiguousarray(np.swapaxes(array, 0, 1), np.float64)


def _estimate_variance(misfit: Float[np.ndarray, "P"], inlier: Bool[np.ndarray, "P C"]) -> float:
    """Return the variance of a coordinate on z = 1: two per view, less three for the point."""
    freedom = np.where(np.isfinite(misfit), 2.0 * inlier.sum(1) - 3.0, 0.0)
    return float(np.nansum(misfit) / max(freedom.sum(), 1.0))
