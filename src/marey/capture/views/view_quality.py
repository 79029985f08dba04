"""How well each camera agrees with the others: a wrong calibration or a wrong clock shows there."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from marey.capture.views.triangulate import TriangulatedKeypoints, find_rays, make_extrinsics
from marey.core import Cameras, Keypoints2D

_FEW = 0.5
"""Share of its keypoints below which a camera does not agree with the others."""
_ENOUGH = 50
"""Keypoints that are needed to judge a camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewQuality:
    """What one camera has to say."""

    name: str
    num_seen: int
    """Keypoints it sees for certain of people whom others see too."""
    agreeing: float
    """Share of those, where a point was found, that agree with it; NaN if it sees none."""
    error_px: float
    """Median distance of agreeing keypoints to their points' images, px."""
    num_own: int = 0
    """Keypoints it sees for certain of anybody."""
    apart: bool = False
    """Whether most other cameras see people, but none of those that this one sees."""
    mistake: str | None = None
    """A sentence about what its video was mistaken for, and left out therefore."""

    @property
    def complaint(self) -> str | None:
        """What is wrong, in a sentence; None if nothing is."""
        if self.mistake is not None:
            return self.mistake
        if self.num_seen < _ENOUGH <= self.num_own:
            return (
                f"whom {self.name} sees is not where the other cameras see anybody: its "
                "calibration, its clock or the order of the videos seems wrong, or it films others"
            )
        if self.apart:
            return (
                f"{self.name} shares nobody with most of the other cameras: its calibration, its "
                "clock or the order of the videos seems wrong, or it films elsewhere"
            )
        if self.num_seen < _ENOUGH:
            return f"{self.name} hardly sees anybody and adds nothing; is it dark or turned away?"
        if self.agreeing < _FEW:
            return (
                f"{self.name} agrees with the other cameras on {100 * self.agreeing:.0f} % of what "
                "it sees: its calibration, its clock or the order of the videos seems wrong"
            )
        return None


def judge_views(
    keypoints: Keypoints2D,
    found: TriangulatedKeypoints,
    cameras: Cameras,
    *,
    min_confidence: float = 0.5,
    num_own: Int[np.ndarray, "C"] | None = None,
) -> tuple[ViewQuality, ...]:
    """Compare every view with the points that were triangulated.

    Args:
        keypoints: What the views saw.
        found: Their points.
        cameras: The views.
        min_confidence: Confidence above which a keypoint is seen for certain.
        num_own: How many keypoints each view saw before it was asked whose they are.
    """
    distance = measure_reprojection(keypoints, found.keypoints.position, cameras)
    sure = (keypoints.confidence > min_confidence) & keypoints.valid
    known = sure & found.keypoints.valid
    result, apart = [], _find_apart(np.asarray((found.inlier & known).sum((2, 3))))
    for view, name in enumerate(cameras.names):
        agreeing = found.inlier[view] & known[view]
        off = distance[view][agreeing]
        result.append(
            ViewQuality(
                name=name,
                num_seen=int(sure[view].sum()),
                agreeing=float(agreeing.sum() / known[view].sum()) if known[view].any() else np.nan,
                error_px=float(np.median(off)) if len(off) else np.nan,
                num_own=int(sure[view].sum() if num_own is None else num_own[view]),
                apart=bool(apart[view]),
            )
        )
    return tuple(result)


def _find_apart(shared: Int[np.ndarray, "C N"]) -> Bool[np.ndarray, "C"]:
    """Mark views that are joined by no person with the most views that are joined.

    Two cameras that are exchanged for each other agree on people where nobody is.

    Args:
        shared: Keypoints on which each view agrees with others, per person.
    """
    num_views = len(shared)
    joined = coo_array(np.pad(shared >= _ENOUGH, ((0, shared.shape[1]), (num_views, 0))))
    group = connected_components(joined, directed=False)[1][:num_views]
    says = np.asarray((shared >= _ENOUGH).any(1))
    if not says.any():
        return says
    size = np.bincount(group[says]) + 1e-9 * np.bincount(group[says], shared.sum(1)[says])
    return says & (group != int(size.argmax()))


def measure_reprojection(
    keypoints: Keypoints2D, points: Float[np.ndarray, "N T K 3"], cameras: Cameras
) -> Float[np.ndarray, "C N T K"]:
    """Return how far points' images lie from keypoints, px of an undistorted picture.

    Args:
        keypoints: Of C views.
        points: In the world, m.
        cameras: The views.
    """
    rays, per_pixel = find_rays(cameras, keypoints.position)
    extrinsics = make_extrinsics(cameras)
    seen = np.einsum("ctij,ntkj->cntki", _each_frame(extrinsics, points)[..., :3], points)
    seen = seen + _each_frame(extrinsics, points)[:, None, :, None, :, 3]
    with np.errstate(invalid="ignore", divide="ignore"):
        plane = np.where(seen[..., 2:] > 0, seen[..., :2] / seen[..., 2:], np.nan)
    return np.linalg.norm(plane - rays, axis=-1) / per_pixel[:, None, None, None]


def _each_frame(
    extrinsics: Float[np.ndarray, "C M 3 4"], points: Float[np.ndarray, "N T K 3"]
) -> Float[np.ndarray, "C T 3 4"]:
    return np.broadcast_to(extrinsics, (len(extrinsics), points.shape[1], 3, 4))
