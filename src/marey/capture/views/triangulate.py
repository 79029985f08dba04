"""Image keypoints of several calibrated views to keypoints in the world, each with its sigma."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from marey.core import Cameras, Keypoints2D, Keypoints3D
from marey.core.errors import InputError
from marey.geometry.projection import unproject_pixels
from marey.geometry.rotation import quaternion_to_matrix
from marey.geometry.triangulation import TriangulatedPoints, TriangulationOptions, triangulate

_UNKNOWN_SHARE = 0.08
"""Spread of a keypoint as a share of a person's size, where COCO gives none."""
_LEAST_RATIO = 1e-6
_SIZE_FRAMES, _FEWEST_ENDS = 15, 5
_LIMB_ENDS = {
    f"{side}_{part}"
    for side in ("left", "right")
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
}
_PRIOR_FREEDOM = 8.0
"""Degrees of freedom that the recording's residuals count for beside a point's own."""
_MIN_FREEDOM = 30.0
"""Degrees of freedom of a keypoint's residuals below which they do not judge its sigma."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointOptions:
    """How keypoints of people are triangulated."""

    views: TriangulationOptions = field(
        default_factory=lambda: TriangulationOptions(in_front=True, strict=True)
    )
    max_sigma: float = 0.1
    """Standard deviation beyond which a point says nothing and counts as missing, m: two rays that
    are nearly parallel meet somewhere."""
    judge_sigma: bool = True
    """Whether the residuals of a whole recording correct the sigmas that the views state: a
    detector is rarely as precise as it believes, and no two keypoints are alike. A point whose own
    residuals are larger than usual, or that some views contradict, is believed less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriangulatedKeypoints:
    """Keypoints in the world and how they came about."""

    keypoints: Keypoints3D
    """`confidence` is the mean of the agreeing views', `sigma` that of a coordinate."""
    covariance: Float[np.ndarray, "N T K 3 3"]
    """m^2"""
    error: Float[np.ndarray, "N T K"]
    """Mean of half the distances on the plane z = 1 to the rays of the agreeing views."""
    inlier: Bool[np.ndarray, "C N T K"]
    """The views that agree."""
    pixel_sigma: Float[np.ndarray, "C N T K"]
    """What the views' own sigmas turned out to be, px."""


def triangulate_keypoints(
    keypoints: Keypoints2D,
    cameras: Cameras,
    *,
    secondary: Bool[np.ndarray, "C"] | None = None,
    options: KeypointOptions | None = None,
) -> TriangulatedKeypoints:
    """Triangulate everyone's keypoints.

    Args:
        keypoints: With a leading view axis; a person is the same person in every view, and times
            are common to all.
        cameras: The views.
        secondary: Views that are asked only where too few others see a point.
        options: Thresholds.

    Raises:
        InputError: If cameras and keypoints are not of the same views and frames.
    """
    options = options or KeypointOptions()
    _check(keypoints, cameras)
    position, confidence = keypoints.position, keypoints.confidence
    rays, per_pixel = find_rays(cameras, position)
    stated = state_sigma(keypoints)
    sigma = stated * per_pixel[:, None, None, None]
    moving = cameras.T_cam_world.shape[1] > 1
    frame = np.broadcast_to(np.arange(position.shape[2])[:, None], position.shape[1:4])
    found = triangulate(
        rays,
        np.where(np.isfinite(position).all(-1), confidence, 0.0),
        make_extrinsics(cameras),
        sigma=sigma,
        moment=frame if moving else None,
        secondary=secondary,
        options=options.views,
    )
    scale, doubt = np.ones(position.shape[3]), np.ones(position.shape[1:4])
    if options.judge_sigma:
        scale = _judge_sigma(found)
        sure = (confidence > options.views.min_confidence) & np.isfinite(position).all(-1)
        doubt = _judge_points(found, scale, sure.sum(0))
    covariance = found.covariance * (np.square(scale) * doubt)[..., None, None]
    spread = np.sqrt(np.trace(covariance, axis1=-2, axis2=-1) / 3)
    known = np.isfinite(found.position).all(-1) & (spread <= options.max_sigma)
    inlier = found.inlier & known
    total = np.where(inlier, np.nan_to_num(confidence), 0.0).sum(0)
    mean = np.where(known, total / np.maximum(inlier.sum(0), 1), 0.0)
    return TriangulatedKeypoints(
        keypoints=Keypoints3D(
            skeleton=keypoints.skeleton,
            people=keypoints.people,
            time=keypoints.time,
            position=np.where(known[..., None], found.position, np.nan).astype(np.float32),
            frame="world",
            confidence=mean.astype(np.float32),
            sigma=np.where(known, spread, np.nan).astype(np.float32),
        ),
        covariance=np.where(known[..., None, None], covariance, np.nan),
        error=np.where(known, found.error, np.nan),
        inlier=inlier,
        pixel_sigma=(stated * scale).astype(np.float32),
    )


def state_sigma(keypoints: Keypoints2D) -> Float[np.ndarray, "C N T K"]:
    """Return what the detector states, px; where it states nothing, a share of a person's size.

    Detectors err in proportion to the size of a person in the picture (COCO's keypoint sigmas).
    """
    share = np.full(len(keypoints.skeleton), _UNKNOWN_SHARE)
    if keypoints.skeleton.oks_sigmas is not None:
        known = np.array(keypoints.skeleton.oks_sigmas, np.float64)
        share = np.where(np.isfinite(known), known, share)
    guessed = _measure_size(keypoints)[..., None] * share
    if keypoints.sigma is None:
        return guessed
    sound = np.isfinite(keypoints.sigma) & (keypoints.sigma > 0)
    return np.where(sound, keypoints.sigma, guessed)


def _measure_size(keypoints: Keypoints2D) -> Float[np.ndarray, "C N T"]:
    """Return how large people are in the pictures, px: the root of the area of their limbs' box.

    Without the outermost points, and the median over a stretch of frames: points go astray.
    """
    names = keypoints.skeleton.keypoints
    ends = [row for row, name in enumerate(names) if name in _LIMB_ENDS] or list(range(len(names)))
    points = np.where(keypoints.valid[..., None], keypoints.position, np.nan)[..., ends, :]
    ordered = np.sort(points.astype(np.float64), axis=-2)
    count = np.isfinite(ordered[..., 0]).sum(-1)
    last = np.maximum(count - 2, 0)[..., None, None]
    extent = np.take_along_axis(ordered, last, -2)[..., 0, :] - ordered[..., 1, :]
    size = np.where(count >= _FEWEST_ENDS, np.sqrt(np.maximum(extent, 1.0).prod(-1)), np.nan)
    if not size.shape[-1]:
        return size
    half = _SIZE_FRAMES // 2
    padded = np.pad(size, [(0, 0), (0, 0), (half, half)], constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        smooth, usual = np.nanmedian(around, -1), np.nanmedian(size)
    return np.where(np.isfinite(smooth), smooth, usual if np.isfinite(usual) else 1.0)


def find_rays(
    cameras: Cameras, position: Float[np.ndarray, "C *points 2"]
) -> tuple[Float[np.ndarray, "C *points 2"], Float[np.ndarray, "C"]]:
    """Return where pixels' rays meet the plane z = 1, and how far a pixel reaches there."""
    rays = np.empty(position.shape, np.float64)
    for view, pixels in enumerate(position):
        rays[view] = unproject_pixels(
            torch.as_tensor(np.asarray(pixels, np.float64)),
            torch.as_tensor(np.asarray(cameras.K[view], np.float64)),
            torch.as_tensor(np.asarray(cameras.distortion[view], np.float64)),
            model=cameras.model,
        ).numpy()
    focal = np.sqrt(cameras.K[:, 0, 0].astype(np.float64) * cameras.K[:, 1, 1])
    return rays, 1 / focal


def make_extrinsics(cameras: Cameras) -> Float[np.ndarray, "C M 3 4"]:
    """Return the world-to-camera matrices (R | t)."""
    pose = torch.as_tensor(np.asarray(cameras.T_cam_world, np.float64))
    rotation = quaternion_to_matrix(pose[..., :4])
    return torch.cat([rotation, pose[..., 4:].unsqueeze(-1)], -1).numpy()


def _check(keypoints: Keypoints2D, cameras: Cameras) -> None:
    num_views, num_poses = cameras.T_cam_world.shape[:2]
    if keypoints.position.ndim != 5 or len(keypoints.position) != num_views:
        raise InputError(
            f"{num_views} cameras need keypoints with a leading axis of {num_views} views, not of "
            f"shape {keypoints.position.shape}"
        )
    if num_poses not in (1, len(keypoints.time)):
        raise InputError(
            f"moving cameras with {num_poses} poses came with {len(keypoints.time)} frames of "
            "keypoints; give one pose per frame"
        )


def _judge_sigma(found: TriangulatedPoints) -> Float[np.ndarray, "K"]:
    """Compare residuals with what the sigmas lead one to expect, keypoint by keypoint.

    The mean of squared whitened residuals over their degrees of freedom should be 1; where a
    keypoint has too few, all keypoints together judge it.
    """
    freedom = np.where(np.isfinite(found.misfit), 2.0 * found.num_views - 3.0, 0.0)
    misfit = np.nan_to_num(found.misfit)
    axes = tuple(range(misfit.ndim - 1))
    own, total = misfit.sum(axes), freedom.sum(axes)
    if freedom.sum() < _MIN_FREEDOM:
        return np.ones_like(own)
    common = misfit.sum() / freedom.sum()
    ratio = np.where(total >= _MIN_FREEDOM, own / np.maximum(total, 1.0), common)
    return np.sqrt(np.maximum(ratio, _LEAST_RATIO))


def _judge_points(
    found: TriangulatedPoints, scale: Float[np.ndarray, "K"], num_sure: Int[np.ndarray, "N T K"]
) -> Float[np.ndarray, "N T K"]:
    """Return by how much each point's variance is larger than its geometry says.

    By its own residuals where they are larger than the recording's (a scale factor as of the
    Particle Data Group, that never makes a sigma smaller), and by the share of views that agree.
    """
    freedom = np.maximum(2.0 * found.num_views - 3.0, 0.0)
    own = np.nan_to_num(found.misfit) / np.square(scale)
    factor = np.maximum(1.0, (_PRIOR_FREEDOM + own) / (_PRIOR_FREEDOM + freedom))
    return factor * np.maximum(num_sure, 1) / np.maximum(found.num_views, 1)
