"""The rules of `triangulation` written down plainly: the reference its compiled twin is tested by.

One point at a time, every pair of views, null vectors by singular value decomposition, refinement
by damped Gauss-Newton steps on a Jacobian from the formula. Nothing is left out to save time.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

NUM_STEPS = 30
"""Refinement steps at most."""


def triangulate_point(  # noqa: PLR0913
    rays: Float[np.ndarray, "C 2"],
    confidence: Float[np.ndarray, "C"],
    extrinsics: Float[np.ndarray, "C 3 4"],
    *,
    candidates: Int[np.ndarray, "n"],
    max_error: float,
    weigh_fit: bool,
    precision: Float[np.ndarray, "C"],
    in_front: bool,
    strict: bool = False,
) -> tuple[Float[np.ndarray, "3"], Bool[np.ndarray, "C"]]:
    """Triangulate one point from the candidate views.

    Returns:
        The refined point and the views that support it.
    """
    best: tuple[int, ...] = ()
    for first, second in combinations(candidates.tolist(), 2):
        point = _solve_linear(rays, confidence, extrinsics, (first, second))
        fits = half_distance(rays, extrinsics, point) < max_error
        ahead = _depth(extrinsics, point) > 0
        if in_front and not (ahead[first] and ahead[second]):
            continue
        inliers = tuple(
            int(view)
            for view in candidates
            if (view in (first, second) and not strict)
            or (fits[view] and (ahead[view] or not in_front))
        )
        if len(inliers) > max(len(best), 1):
            best = inliers
    supports = np.zeros(len(rays), bool)
    supports[list(best)] = True
    if not best:
        return np.full(3, np.nan), supports
    weight = confidence if weigh_fit else np.ones_like(confidence)
    start = _solve_linear(rays, weight, extrinsics, best)
    return _refine(rays[supports], extrinsics[supports], start, precision[supports]), supports


def half_distance(
    rays: Float[np.ndarray, "C 2"],
    extrinsics: Float[np.ndarray, "C 3 4"],
    point: Float[np.ndarray, "3"],
) -> Float[np.ndarray, "C"]:
    """Return half the distance between a point's projection and its ray in the plane z = 1."""
    image = extrinsics @ np.append(point, 1.0)
    with np.errstate(all="ignore"):
        return 0.5 * np.linalg.norm(image[:, :2] / image[:, 2:] - rays, axis=1)


def _depth(
    extrinsics: Float[np.ndarray, "C 3 4"], point: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "C"]:
    return (extrinsics @ np.append(point, 1.0))[:, 2]


def _solve_linear(
    rays: Float[np.ndarray, "C 2"],
    weight: Float[np.ndarray, "C"],
    extrinsics: Float[np.ndarray, "C 3 4"],
    views: Sequence[int],
) -> Float[np.ndarray, "3"]:
    rows = []
    for view in views:
        top, middle, bottom = extrinsics[view]
        rows += [
            weight[view] * (rays[view, 0] * bottom - top),
            weight[view] * (rays[view, 1] * bottom - middle),
        ]
    null = np.linalg.svd(np.array(rows))[2][-1]
    return null[:3] / null[3]


def _refine(
    rays: Float[np.ndarray, "I 2"],
    extrinsics: Float[np.ndarray, "I 3 4"],
    point: Float[np.ndarray, "3"],
    precision: Float[np.ndarray, "I"],
) -> Float[np.ndarray, "3"]:
    damping, loss = 0.0, _sum_squares(rays, extrinsics, point, precision)
    for _ in range(NUM_STEPS):
        image = extrinsics @ np.append(point, 1.0)
        plane = image[:, :2] / image[:, 2:]
        by_point = extrinsics[:, :2, :3] - plane[..., None] * extrinsics[:, 2:, :3]
        by_point = by_point / image[:, 2, None, None]
        hessian = np.einsum("v,vij,vik->jk", precision, by_point, by_point)
        gradient = np.einsum("v,vij,vi->j", precision, by_point, plane - rays)
        raised = hessian + damping * np.diag(np.diag(hessian))
        step = -np.linalg.lstsq(raised, gradient)[0]
        trial = _sum_squares(rays, extrinsics, point + step, precision)
        if trial < loss:
            point, loss, damping = point + step, trial, damping * 0.1
        elif np.linalg.norm(step) < 1e-12 * (1 + np.linalg.norm(point)):
            break
        else:
            damping = max(10 * damping, 1e-3)
    return point


def _sum_squares(
    rays: Float[np.ndarray, "I 2"],
    extrinsics: Float[np.ndarray, "I 3 4"],
    point: Float[np.ndarray, "3"],
    precision: Float[np.ndarray, "I"],
) -> float:
    image = extrinsics @ np.append(point, 1.0)
    return float(precision @ np.sum((image[:, :2] / image[:, 2:] - rays) ** 2, axis=1))
