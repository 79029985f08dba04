"""Two poses in one picture that are too alike to be two people.

Object keypoint similarity as COCO defines it, over the points both poses have; above 0.7
(Harmony4D's supplement, "Pre-Contact Processing") one detection went to both people, and neither
may count in that view.
"""

from dataclasses import replace
from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from marey.core import Keypoints2D

THRESHOLD = 0.7
_NOTHING_IN_COMMON = 0.1
"""Similarity of poses that share no point."""


def keypoint_similarity(
    first: Float[np.ndarray, "*batch K 2"],
    second: Float[np.ndarray, "*batch K 2"],
    visible: Bool[np.ndarray, "*batch 2 K"],
    sigmas: Float[np.ndarray, "K"],
) -> Float[np.ndarray, "*batch"]:
    """Return the object keypoint similarity of pairs of poses.

    The scale is the mean of both poses' areas, each the box of its visible points.

    Args:
        first: px.
        second: px.
        visible: Which points each of the two has.
        sigmas: COCO's spread of each point as a fraction of the person's scale.
    """
    both = visible[..., 0, :] & visible[..., 1, :] & np.isfinite(sigmas)
    area = (_box_area(first, visible[..., 0, :]) + _box_area(second, visible[..., 1, :])) / 2
    squared = np.square(first - second).sum(-1)
    spread = 2 * np.square(2 * sigmas) * np.maximum(area, 1e-9)[..., None]
    alike = np.where(both, np.exp(-np.where(both, squared, 0.0) / spread), 0.0).sum(-1)
    count = both.sum(-1)
    return np.asarray(np.where(count > 0, alike / np.maximum(count, 1), _NOTHING_IN_COMMON))


def suppress_duplicates(
    keypoints: Keypoints2D,
    *,
    threshold: float = THRESHOLD,
    min_confidence: float = 0.5,
    drop: Literal["both", "weaker"] = "both",
) -> Keypoints2D:
    """Set the confidences of poses to zero where two people have the same one.

    Args:
        keypoints: Of any number of views and people.
        threshold: Similarity above which two poses are one.
        min_confidence: Confidence above which a point is visible.
        drop: Whether both poses go, as the authors do it, or the one with less confidence.
    """
    sigmas = np.full(len(keypoints.skeleton), np.nan)
    if keypoints.skeleton.oks_sigmas is not None:
        sigmas = np.array(keypoints.skeleton.oks_sigmas, np.float64)
    confidence = keypoints.confidence.copy()
    visible = (keypoints.confidence > min_confidence) & keypoints.valid
    for one, other in combinations(range(len(keypoints.people)), 2):
        alike = keypoint_similarity(
            keypoints.position[..., one, :, :, :].astype(np.float64),
            keypoints.position[..., other, :, :, :].astype(np.float64),
            np.stack([visible[..., one, :, :], visible[..., other, :, :]], -2),
            sigmas,
        )
        same = alike > threshold
        total = keypoints.confidence.sum(-1)
        weaker = total[..., one, :] < total[..., other, :]
        confidence[..., one, :, :][same & ((drop == "both") | weaker)] = 0.0
        confidence[..., other, :, :][same & ((drop == "both") | ~weaker)] = 0.0
    position = np.where(confidence[..., None] > 0, keypoints.position, np.nan)
    return replace(keypoints, position=position, confidence=confidence)


def _box_area(
    points: Float[np.ndarray, "*batch K 2"], visible: Bool[np.ndarray, "*batch K"]
) -> Float[np.ndarray, "*batch"]:
    high = np.where(visible[..., None], points, -np.inf).max(-2)
    low = np.where(visible[..., None], points, np.inf).min(-2)
    seen = np.asarray(visible.any(-1))
    return np.asarray(np.where(seen[..., None], high - low, 0.0).prod(-1))
