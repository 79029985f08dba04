"""Two reports of the same keypoints: in each place the one on which the views agree better.

The views triangulate a point from the earlier reports, and again from the later ones. The set on
which more views agree says where the point is; of equally many, the one with clearly less error.
In each view a later report then takes the earlier one's place only if it agrees with that point,
and, where the earlier reports won, only if the earlier one of that view does not. A later point
that is where the earlier ones have somebody else's does not count: it was taken from them.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from marey.capture.views.triangulate import (
    KeypointOptions,
    find_rays,
    make_extrinsics,
    triangulate_keypoints,
)
from marey.core import Cameras, Keypoints2D

_CLEARLY = 0.8
"""Share of the earlier error below which an equally well supported later point is better."""
_THEIRS, _AWAY = 0.05, 0.15
"""m; nearer than this to another's earlier point, and farther than this from one's own, a later
point is the other's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportedKeypoints:
    """The better of two reports everywhere."""

    keypoints: Keypoints2D
    later: Bool[np.ndarray, "C N T K"]
    """Where it is the later one."""
    points: Bool[np.ndarray, "N T K"]
    """Where the later reports say where the point is."""


def choose_supported(
    earlier: Keypoints2D,
    later: Keypoints2D,
    cameras: Cameras,
    *,
    options: KeypointOptions | None = None,
) -> SupportedKeypoints:
    """Take the later reports where the views support them better than the earlier ones.

    Args:
        earlier: Everyone's keypoints, C N T K.
        later: The same people, moments and skeleton; missing where there is no later report.
        cameras: The views.
        options: How points are triangulated; its thresholds are what agreement means.
    """
    options = replace(options or KeypointOptions(), judge_sigma=False)
    chosen = np.zeros(later.valid.shape, bool)
    points = np.zeros(chosen.shape[1:], bool)
    frames = np.flatnonzero(later.valid.any((0, 1, 3)))
    if len(frames):
        parts = _cut(earlier, frames), _cut(later, frames), _cut_cameras(cameras, frames)
        chosen[:, :, frames], points[:, frames] = _choose(*parts, options)
    return SupportedKeypoints(keypoints=_take(earlier, later, chosen), later=chosen, points=points)


def _choose(
    earlier: Keypoints2D, later: Keypoints2D, cameras: Cameras, options: KeypointOptions
) -> tuple[Bool[np.ndarray, "C N T K"], Bool[np.ndarray, "N T K"]]:
    fresh = np.asarray(later.valid)
    mixed = _take(earlier, later, fresh)
    old = triangulate_keypoints(earlier, cameras, options=options)
    new = triangulate_keypoints(mixed, cameras, options=options)
    more = new.inlier.sum(0).astype(int) - old.inlier.sum(0)
    before, after = old.keypoints.position, new.keypoints.position
    better = (more > 0) | ((more == 0) & (new.error < _CLEARLY * old.error))
    better &= fresh.any(0) & new.keypoints.valid & ~_is_anothers(before, after)
    point = np.where(better[..., None], after, before)
    agrees = {
        name: _agrees(keypoints, point, cameras, options)
        for name, keypoints in (("earlier", earlier), ("later", later))
    }
    chosen = agrees["later"] & (better | ~agrees["earlier"])
    return chosen & (later.position != earlier.position).any(-1), better


def _is_anothers(
    before: Float[np.ndarray, "N T K 3"], after: Float[np.ndarray, "N T K 3"]
) -> Bool[np.ndarray, "N T K"]:
    """Tell which later points lie where somebody else's earlier point of the name does."""
    apart = np.linalg.norm(after[:, None] - before[None], axis=-1)
    own = np.arange(len(after))
    away = ~(apart[own, own] < _AWAY)
    apart[own, own] = np.inf
    return away & (np.nan_to_num(apart, nan=np.inf).min(1) < _THEIRS)


def _agrees(
    keypoints: Keypoints2D,
    point: Float[np.ndarray, "N T K 3"],
    cameras: Cameras,
    options: KeypointOptions,
) -> Bool[np.ndarray, "C N T K"]:
    """Tell which reports agree with points, as views do when they are triangulated."""
    rays, _ = find_rays(cameras, keypoints.position)
    pose = make_extrinsics(cameras)
    pose = np.broadcast_to(pose, (len(pose), point.shape[1], 3, 4))
    near = np.einsum("ctij,ntkj->cntki", pose[..., :3], point.astype(np.float64))
    near += pose[:, None, :, None, :, 3]
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.linalg.norm(near[..., :2] / near[..., 2:] - rays, axis=-1) / 2
        agrees = (near[..., 2] > 0) & (apart < options.views.max_error)
    sure = keypoints.valid & (keypoints.confidence > options.views.min_confidence)
    return np.asarray(agrees & sure)


def _take(
    earlier: Keypoints2D, later: Keypoints2D, chosen: Bool[np.ndarray, "C N T K"]
) -> Keypoints2D:
    sigma = earlier.sigma
    if sigma is not None and later.sigma is not None:
        sigma = np.where(chosen, later.sigma, sigma)
    return replace(
        earlier,
        position=np.where(chosen[..., None], later.position, earlier.position),
        confidence=np.where(chosen, later.confidence, earlier.confidence),
        sigma=sigma,
    )


def _cut(keypoints: Keypoints2D, frames: np.ndarray) -> Keypoints2D:
    return replace(
        keypoints,
        time=keypoints.time[frames],
        position=keypoints.position[:, :, frames],
        confidence=keypoints.confidence[:, :, frames],
        sigma=None if keypoints.sigma is None else keypoints.sigma[:, :, frames],
    )


def _cut_cameras(cameras: Cameras, frames: np.ndarray) -> Cameras:
    poses = cameras.T_cam_world
    return cameras if poses.shape[1] == 1 else replace(cameras, T_cam_world=poses[:, frames])
