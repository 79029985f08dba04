"""Where cameras stand to each other, roughly: two from an essential matrix, the others by points.

The pair with the most agreeing keypoints seen from directions that differ starts; its points place
the camera that sees most of them (perspective from n points), and so on.
"""

from itertools import combinations

import cv2
import numpy as np
from jaxtyping import Bool, Float

from marey.capture.rig.bundle import Bundle
from marey.core.errors import NothingFoundError
from marey.geometry.triangulation import TriangulationOptions, triangulate

_FEWEST = 30
_AGREE = 0.01
"""Distance on the plane z = 1 within which a point agrees."""
_NOWHERE = np.full((3, 4), np.nan)


def place_cameras(ray: Float[np.ndarray, "C P 2"], score: Float[np.ndarray, "C P"]) -> Bundle:
    """Place all cameras in the axes of the first, in units of no meaning.

    Args:
        ray: Same points in all views on the plane z = 1, NaN where unseen.
        score: How sure each is; 0 where unseen.

    Raises:
        NothingFoundError: If a camera shares too little with the others.
    """
    seen = np.asarray(np.isfinite(ray).all(-1) & (score > 0))
    pose = np.stack([_NOWHERE] * len(ray))
    first, second, relative = _best_pair(ray, seen)
    pose[first], pose[second] = np.eye(3, 4), relative
    while np.isnan(pose).any():
        points = _triangulate(ray, score, pose)
        known = np.isfinite(points[:, 0])
        missing = np.flatnonzero(np.isnan(pose[:, 0, 0]))
        common = (seen[missing] & known).sum(1)
        view = int(missing[np.argmax(common)])
        if common.max() < _FEWEST:
            raise NothingFoundError(_too_little(view))
        pose[view] = _resect(points, ray[view], seen[view] & known, view)
    return _to_first(pose, _triangulate(ray, score, pose))


def place_points(
    ray: Float[np.ndarray, "C P 2"],
    score: Float[np.ndarray, "C P"],
    pose: Float[np.ndarray, "C 3 4"],
) -> Bundle:
    """Return cameras that stand already, in the axes of the first, and the points they see."""
    return _to_first(pose, _triangulate(ray, score, pose))


def _best_pair(
    ray: Float[np.ndarray, "C P 2"], seen: Bool[np.ndarray, "C P"]
) -> tuple[int, int, Float[np.ndarray, "3 4"]]:
    best, most = None, 0.0
    for first, second in combinations(range(len(ray)), 2):
        both = seen[first] & seen[second]
        if both.sum() < _FEWEST:
            continue
        one, other = ray[first, both], ray[second, both]
        E, _ = cv2.findEssentialMat(one, other, np.eye(3), cv2.RANSAC, 0.999, _AGREE / 2)
        if E is None or E.shape != (3, 3):
            continue
        count, R, t, _ = cv2.recoverPose(E, one, other, np.eye(3))[:4]
        # Rays that are nearly parallel, or meet head-on, fix no depth.
        direction = np.concatenate([one, np.ones((len(one), 1))], 1) @ R.T
        across = np.concatenate([other, np.ones((len(other), 1))], 1)
        sine = np.linalg.norm(np.cross(direction, across), axis=1) / (
            np.linalg.norm(direction, axis=1) * np.linalg.norm(across, axis=1)
        )
        value = float(count * np.median(sine))
        if value > most:
            best, most = (first, second, np.concatenate([R, t.reshape(3, 1)], 1)), value
    if best is None:
        raise NothingFoundError(
            "no two cameras see enough of the same people to be calibrated by them; let people "
            "walk through the whole scene, or calibrate with a board"
        )
    return best


def _resect(
    points: Float[np.ndarray, "P 3"],
    ray: Float[np.ndarray, "P 2"],
    known: Bool[np.ndarray, "P"],
    view: int,
) -> Float[np.ndarray, "3 4"]:
    found, turn, place, inliers = cv2.solvePnPRansac(
        points[known],
        ray[known],
        np.eye(3),
        None,
        iterationsCount=500,
        reprojectionError=2 * _AGREE,
        flags=cv2.SOLVEPNP_EPNP,
    )
    if not found or inliers is None or len(inliers) < _FEWEST // 2:
        raise NothingFoundError(_too_little(view))
    return np.concatenate([cv2.Rodrigues(turn)[0], place.reshape(3, 1)], 1)


def _too_little(view: int) -> str:
    return (
        f"camera {view + 1} sees too little of what the others see to be calibrated by people; let "
        "people walk through the whole scene, or leave the camera out"
    )


def _triangulate(
    ray: Float[np.ndarray, "C P 2"],
    score: Float[np.ndarray, "C P"],
    pose: Float[np.ndarray, "C 3 4"],
) -> Float[np.ndarray, "P 3"]:
    placed = np.isfinite(pose[:, 0, 0])
    options = TriangulationOptions(min_confidence=0.0, max_error=_AGREE, in_front=True, strict=True)
    return triangulate(ray[placed], score[placed], pose[placed, None], options=options).position


def _to_first(pose: Float[np.ndarray, "C 3 4"], points: Float[np.ndarray, "P 3"]) -> Bundle:
    R0, t0 = pose[0, :, :3], pose[0, :, 3]
    R = pose[:, :, :3] @ R0.T
    return Bundle(R, pose[:, :, 3] - R @ t0, points @ R0.T + t0, np.ones(len(R)))
