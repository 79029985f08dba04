"""Rings of cameras around synthetic people."""

import numpy as np

from marey.capture.views.triangulate import TriangulatedKeypoints
from marey.capture.views.view_data import ViewsOfPerson
from marey.core import Keypoints2D


def person_of(
    keypoints: Keypoints2D, found: TriangulatedKeypoints, person: int = 0
) -> ViewsOfPerson:
    """Lay one person out for the fit, with points as they were triangulated."""
    points = found.keypoints
    assert points.sigma is not None
    inlier = found.inlier[:, person]
    return ViewsOfPerson(
        skeleton=points.skeleton,
        time=points.time,
        points=points.position[person].copy(),
        point_sigma=points.sigma[person],
        image=keypoints.position[:, person].copy(),
        image_sigma=found.pixel_sigma[:, person],
        counts=(keypoints.confidence[:, person] > 0.5) & (inlier | ~inlier.any(0)),
    )


def mahalanobis(off: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the squared distances in units of their covariances."""
    return np.einsum("...i,...ij,...j->...", off, np.linalg.inv(covariance), off)
