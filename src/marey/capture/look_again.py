"""Looking for people in a view where no detector saw them, because other views know where they are.

A detector misses who stands half behind somebody else or is cut off by the picture; the estimator
of keypoints finds them in the right box all the same. What it finds counts only if it agrees with
where the others see the person.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from marey.capture.frame_points import spread_of_keypoints
from marey.core import Skeleton
from marey.geometry.projection import Viewpoint
from marey.models.protocols import LandmarkEstimator, PersonLandmarks

_MARGIN = 0.15
"""How far the box reaches beyond the expected keypoints, as a share of its larger side."""
_HEAD_M, _LEG_M, _SHORTEST_TRUNK_M = 0.3, 0.9, 0.2
_FEWEST_INSIDE = 4
_REACH = 3.0
"""Distance from where a keypoint is expected, in its spreads, within which it agrees."""
_MIN_AGREEMENT = 0.5


def look_again(
    image: UInt8[np.ndarray, "H W 3"],
    viewpoint: Viewpoint,
    expected: Sequence[Float[np.ndarray, "K 3"]],
    estimator: LandmarkEstimator,
    *,
    min_confidence: float = 0.3,
) -> list[PersonLandmarks | None]:
    """Estimate keypoints of people where other views see them.

    Args:
        image: The picture.
        viewpoint: Its camera.
        expected: Each person's keypoints in the world and in the estimator's skeleton, m; NaN
            where unknown.
        estimator: The network.
        min_confidence: Confidence from which a keypoint speaks for or against the person.

    Returns:
        What was found of each; None where nobody is in the picture, or somebody else.
    """
    return [_look(image, viewpoint, points, estimator, min_confidence) for points in expected]


def _outline(points: Float[np.ndarray, "K 3"], skeleton: Skeleton) -> Float[np.ndarray, "P 3"]:
    """Return points that a whole person reaches to: what is known, and what a trunk implies."""

    def middle(part: str) -> Float[np.ndarray, "3"]:
        sides = [f"{side}_{part}" for side in ("left", "right")]
        return points[[skeleton.index(name) for name in sides if name in skeleton.keypoints]].mean(
            0
        )

    known = points[np.isfinite(points).all(-1)]
    trunk = middle("shoulder") - middle("hip")
    height = np.linalg.norm(trunk)
    if not height > _SHORTEST_TRUNK_M:
        return known
    up = trunk / height
    ends = [middle("shoulder") + _HEAD_M * up, middle("hip") - _LEG_M * up]
    return np.concatenate([known, ends])


def _look(
    image: UInt8[np.ndarray, "H W 3"],
    viewpoint: Viewpoint,
    expected: Float[np.ndarray, "K 3"],
    estimator: LandmarkEstimator,
    min_confidence: float,
) -> PersonLandmarks | None:
    local = viewpoint.transform(expected)
    pixels = viewpoint.project(local)
    outline = viewpoint.project(viewpoint.transform(_outline(expected, estimator.skeleton)))
    known = np.isfinite(pixels).all(-1)
    within = (pixels > 0) & (pixels < np.array(viewpoint.size))
    inside = known & within.all(-1)
    if inside.sum() < _FEWEST_INSIDE:
        return None
    focal = np.sqrt(viewpoint.K[0, 0] * viewpoint.K[1, 1])
    spread = focal * spread_of_keypoints(estimator.skeleton) / local[:, 2]
    best, most = None, _MIN_AGREEMENT
    for corners in (pixels[known], outline):
        box = _surround(corners, viewpoint.size)
        found = estimator.complete(image, estimator.locate(image, box))
        sure = (found.confidence >= min_confidence) & known
        apart = np.linalg.norm(found.position - pixels, axis=-1)
        agrees = apart[sure] < _REACH * spread[sure]
        if sure.sum() >= _FEWEST_INSIDE and agrees.mean() >= most:
            best, most = found, float(agrees.mean())
    return best


def _surround(corners: Float[np.ndarray, "P 2"], size: tuple[int, int]) -> Float[np.ndarray, "4"]:
    """Return a box around points with a margin, cut off by the picture's edges."""
    low, high = np.nanmin(corners, 0), np.nanmax(corners, 0)
    edge = _MARGIN * float((high - low).max())
    limit = np.array(size, np.float64)
    box = np.concatenate([np.clip(low - edge, 0, limit), np.clip(high + edge, 0, limit)])
    return box.astype(np.float32)
