"""Image keypoints in another skeleton, with the middles that OpenPose defines."""

from dataclasses import replace

import numpy as np

from marey.core import Keypoints2D, Skeleton, convert_keypoints

_MIDDLES = {
    "mid_hip": ("left_hip", "right_hip"),
    "mid_shoulder": ("left_shoulder", "right_shoulder"),
}
"""Points that are the middle of two others by definition, so that making them invents nothing."""


def convert_points(points: Keypoints2D, target: Skeleton) -> Keypoints2D:
    """Convert image keypoints by name.

    A middle that the source lacks is made of its two ends and as sure as the less sure of them.
    MediaPipe's foot index stands in for the big toe.

    Args:
        points: The keypoints.
        target: The skeleton wanted.
    """
    if points.skeleton.keypoints == target.keypoints:
        return points
    position = convert_keypoints(points.position, points.skeleton, target, substitute=True)
    confidence, sigma = (
        values
        if values is None
        else convert_keypoints(
            values, points.skeleton, target, axis=-1, missing=missing, substitute=True
        )
        for values, missing in ((points.confidence, 0.0), (points.sigma, np.nan))
    )
    assert confidence is not None
    for name, (left, right) in _MIDDLES.items():
        has_ends = left in points.skeleton.keypoints and right in points.skeleton.keypoints
        if name in target.keypoints and name not in points.skeleton.keypoints and has_ends:
            ends = [points.skeleton.index(left), points.skeleton.index(right)]
            column = target.index(name)
            position[..., column, :] = points.position[..., ends, :].mean(-2)
            confidence[..., column] = points.confidence[..., ends].min(-1)
    return replace(points, skeleton=target, position=position, confidence=confidence, sigma=sigma)
