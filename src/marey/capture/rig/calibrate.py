"""Where cameras stand, from the people they see; intrinsics are known, or focal lengths assumed.

Keypoints are the targets: an essential matrix between two views, further cameras by the points
those two see, bundle adjustment over all (`first_rig`, `bundle`). The scale is that of a stated
height or length (`metric_scale`). Up is where heads are from feet, and the floor where feet rest
(`upright`). A calibration that is given already is adjusted alike and stays in its own world.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from marey.body import Body, load_body
from marey.capture.rig.bundle import Bundle, Focal, adjust_bundle, residuals
from marey.capture.rig.first_rig import place_cameras, place_points
from marey.capture.rig.metric_scale import KnownSize, check_size, find_scale, scale_cameras
from marey.capture.rig.upright import find_upright
from marey.capture.views.triangulate import (
    TriangulatedKeypoints,
    find_rays,
    make_extrinsics,
    triangulate_keypoints,
)
from marey.capture.views.view_quality import ViewQuality, judge_views
from marey.core import Cameras, Keypoints2D
from marey.core.errors import InputError, NothingFoundError

_MIN_CONFIDENCE = 0.5
_MOST_POINTS = 4000
_AGREE = 0.01
_ROUNDS = 3
_FEWEST_TO_JUDGE, _LEAST_SHARE = 30, 0.2
_MEDIAN = 0.85
"""Standard deviation of a coordinate over the median distance: 1 / sqrt(2 log 2)."""
_BODY = (
    *("nose", "eye", "ear", "head_top", "neck", "shoulder", "elbow", "wrist"),
    *("hip", "knee", "ankle", "heel", "toe"),
)
"""Ends of the names of keypoints that are targets; fingers and faces are too small to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """Cameras placed by people."""

    cameras: Cameras
    """In a world with +Z up and the floor at z = 0; refined ones in the world they were in."""
    quality: tuple[ViewQuality, ...]
    """How well each camera agrees with the others."""
    triangulated: TriangulatedKeypoints
    """Everyone's keypoints by these cameras."""
    error_px: Float[np.ndarray, "C"]
    """Median distance of target keypoints from where their points project, per view."""
    num_points: int
    """Keypoints in space that took part."""
    up_known: bool
    """Whether the skeleton has what says where up is, or the given world has it."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Keypoints that calibrate."""

    ray: Float[np.ndarray, "C P 2"]
    score: Float[np.ndarray, "C P"]
    """0 where not to be used."""
    keypoint: Int[np.ndarray, "P"]
    per_pixel: Float[np.ndarray, "C"]


@dataclass(frozen=True, slots=True)
class Placed:
    """Cameras as they stand to each other."""

    cameras: Cameras
    """In units of no meaning, in the axes of the first."""
    bundle: Bundle
    targets: Targets
    kept: Int[np.ndarray, "kept"]
    """Targets that the bundle's points are of."""

    @property
    def error_px(self) -> Float[np.ndarray, "C"]:
        """Median distance of target keypoints from where their points project, per view."""
        off = np.linalg.norm(residuals(self.bundle, self.targets.ray[:, self.kept]), axis=-1)
        off = off / self.targets.per_pixel[:, None]
        seen = self.targets.score[:, self.kept] > 0
        return np.array(
            [np.median(o[s]) if s.any() else np.nan for o, s in zip(off, seen, strict=True)]
        )

    @property
    def agreeing(self) -> float:
        """Share of the targets' images that lie where they should, within a hundredth on z = 1."""
        off = np.linalg.norm(residuals(self.bundle, self.targets.ray[:, self.kept]), axis=-1)
        seen = self.targets.score > 0
        # Rays were made with the focal lengths that were assumed.
        good = (off < _AGREE * self.bundle.zoom[:, None]) & seen[:, self.kept]
        return float(good.sum() / max(seen.sum(), 1))


def calibrate_from_people(
    keypoints: Keypoints2D,
    cameras: Cameras,
    *,
    height: float | None = None,
    length: tuple[str, str, float] | None = None,
    focal: Focal = "known",
    body: Body | None = None,
) -> Calibrated:
    """Find where static cameras stand.

    Args:
        keypoints: C N T K on one clock; a person is the same in all views (one person needs no
            association).
        cameras: Their lenses; poses are ignored.
        height: Of the first person from sole to crown, m.
        length: Two keypoints of the first person and their distance, m, instead of a height;
            left and right are taken to be equal.
        focal: Whether focal lengths are known, or starting values for one that all share or for
            one each.
        body: Whose proportions people have; the shipped body if None.

    Raises:
        InputError: If neither height nor length is given, or they make no sense.
        NothingFoundError: If a camera shares too little with the others.
    """
    size = KnownSize(height=height, length=length)
    check_size(size, keypoints.skeleton.keypoints)
    return bring_to_world(place_by_people(keypoints, cameras, focal=focal), keypoints, size, body)


def place_by_people(keypoints: Keypoints2D, cameras: Cameras, *, focal: Focal = "known") -> Placed:
    """Find how cameras stand to each other, in units of no meaning.

    Args:
        keypoints: As for `calibrate_from_people`.
        cameras: Their lenses.
        focal: Whether focal lengths are known.

    Raises:
        InputError: If keypoints and cameras do not fit together.
        NothingFoundError: If a camera shares too little with the others.
    """
    _check(keypoints, cameras)
    targets = _choose_targets(keypoints, cameras)
    bundle, kept = _adjust(place_cameras(targets.ray, targets.score), targets, focal)
    found = _zoom(_with_poses(cameras, bundle.R, bundle.t), bundle.zoom)
    return Placed(found, bundle, targets, kept)


def bring_to_world(
    placed: Placed, keypoints: Keypoints2D, size: KnownSize, body: Body | None = None
) -> Calibrated:
    """Give cameras that are placed their size, and a world that stands upright on the floor.

    Args:
        placed: From `place_by_people`.
        keypoints: What it was made of.
        size: Of the first person.
        body: As for `calibrate_from_people`.

    Raises:
        NothingFoundError: If nothing of known size is seen by two cameras.
    """
    found, bundle = placed.cameras, placed.bundle
    points = triangulate_keypoints(keypoints, found).keypoints.position.astype(np.float64)
    scale = find_scale(body or load_body(), keypoints, found, points[0], size)
    R_new, shift, known = find_upright(scale * points, keypoints.skeleton)
    R = bundle.R @ R_new.T
    found = _with_poses(found, R, scale * bundle.t - R @ shift)
    return _judge(keypoints, found, placed, known)


def refine_calibration(
    keypoints: Keypoints2D,
    cameras: Cameras,
    *,
    height: float | None = None,
    length: tuple[str, str, float] | None = None,
    focal: Focal = "known",
    body: Body | None = None,
) -> Calibrated:
    """Adjust a calibration of static cameras to the people they see.

    The result stays in the given world: it is carried there by the similarity that brings all
    cameras nearest to where they were. With a height or length the size is corrected too.

    Args:
        keypoints: As for `calibrate_from_people`.
        cameras: The calibration.
        height: Of the first person, m; None keeps the calibration's size.
        length: A known length instead.
        focal: Whether focal lengths are adjusted too.
        body: As for `calibrate_from_people`.

    Raises:
        InputError: If a size makes no sense.
        NothingFoundError: If hardly anything is seen by two cameras that agree.
    """
    size = KnownSize(height=height, length=length)
    _check(keypoints, cameras)
    if (height, length) != (None, None):
        check_size(size, keypoints.skeleton.keypoints)
    targets = _choose_targets(keypoints, cameras)
    bundle = place_points(targets.ray, targets.score, make_extrinsics(cameras)[:, 0])
    bundle, kept = _adjust(bundle, targets, focal)
    R, t = _carry_back(bundle, cameras)
    found = _zoom(_with_poses(cameras, R, t), bundle.zoom)
    placed = Placed(found, bundle, targets, kept)
    if (height, length) != (None, None):
        points = triangulate_keypoints(keypoints, found).keypoints.position.astype(np.float64)
        scale = find_scale(body or load_body(), keypoints, found, points[0], size)
        found = scale_cameras(found, scale)
    return _judge(keypoints, found, placed, known=True)


def _check(keypoints: Keypoints2D, cameras: Cameras) -> None:
    if keypoints.position.ndim != 5 or len(keypoints.position) != len(cameras.names):
        raise InputError(
            f"{len(cameras.names)} cameras came with keypoints of shape {keypoints.position.shape}"
            "; give C N T K 2"
        )
    if len(cameras.names) < 2:
        raise InputError("one camera alone has nothing to stand in relation to; give two at least")
    if cameras.T_cam_world.shape[1] > 1:
        raise InputError("cameras that move are not calibrated by people; leave them out")


def _choose_targets(keypoints: Keypoints2D, cameras: Cameras) -> Targets:
    """Take whole frames, evenly over the recording, as many as fit."""
    names = keypoints.skeleton.keypoints
    rows = [row for row, name in enumerate(names) if name.endswith(_BODY)]
    rows = rows if len(rows) >= len(names) / 2 or len(names) > 30 else list(range(len(names)))
    sure = keypoints.valid & (keypoints.confidence >= _MIN_CONFIDENCE)
    score = np.where(sure, keypoints.confidence, 0.0)[..., rows].astype(np.float64)
    useful = np.flatnonzero(((score > 0).sum(0) >= 2).any((0, 2)))
    most = max(_MOST_POINTS // (len(keypoints.people) * len(rows)), 1)
    frames = useful[np.linspace(0, len(useful) - 1, min(len(useful), most)).astype(int)]
    score = score[:, :, frames]
    position = np.where(sure[..., None], keypoints.position, np.nan)[:, :, frames][..., rows, :]
    num = len(cameras.names)
    ray, per_pixel = find_rays(cameras, position.reshape(num, -1, 2))
    keypoint = np.broadcast_to(rows, score.shape[1:]).reshape(-1)
    score = score.reshape(num, -1)
    twice = (score > 0).sum(0) >= 2
    return Targets(ray[:, twice], score[:, twice], keypoint[twice], per_pixel)


def _adjust(bundle: Bundle, targets: Targets, focal: Focal) -> tuple[Bundle, np.ndarray]:
    """Adjust, with the spread of errors judged anew each time; return who is left of the points.

    Detectors are off by a share of a person's size, by more at hips than at eyes: a spread in space
    per keypoint, which is smaller on the plane z = 1 the farther away somebody is.
    """
    kept = np.flatnonzero(np.isfinite(bundle.points).all(1))
    if len(kept) < _FEWEST_TO_JUDGE:
        raise NothingFoundError(
            "the cameras agree on hardly any keypoint; check that they filmed the same moment and "
            "that every video has the calibration of its own camera"
        )
    bundle = replace(bundle, points=bundle.points[kept])
    ray, score = targets.ray[:, kept], targets.score[:, kept]
    keypoint = targets.keypoint[kept]
    for _ in range(_ROUNDS):
        depth = np.einsum("cj,pj->cp", bundle.R[:, 2], bundle.points) + bundle.t[:, 2:]
        off = np.linalg.norm(residuals(bundle, ray), axis=-1) * depth
        off = np.where((score > 0) & (depth > 0), off, np.nan)
        usual = float(np.nanmedian(off))
        spread = np.full(keypoint.max() + 1, usual)
        for row in np.unique(keypoint):
            own = off[:, keypoint == row]
            own = own[np.isfinite(own)]
            if len(own) >= _FEWEST_TO_JUDGE:
                spread[row] = max(float(np.median(own)), _LEAST_SHARE * usual)
        # A detector that never errs would make the weights infinite.
        spread = np.maximum(spread, 1e-9)
        weight = np.where(np.isfinite(off), score * depth / (_MEDIAN * spread[keypoint]), 0.0)
        bundle = adjust_bundle(bundle, ray, weight, focal=focal)
        size = np.linalg.norm(bundle.t[1:], axis=1).mean()
        bundle = replace(bundle, t=bundle.t / size, points=bundle.points / size)
    return bundle, kept


def _with_poses(
    cameras: Cameras, R: Float[np.ndarray, "C 3 3"], t: Float[np.ndarray, "C 3"]
) -> Cameras:
    turn = Rotation.from_matrix(R).as_quat(canonical=True, scalar_first=True)
    return replace(cameras, T_cam_world=np.concatenate([turn, t], 1)[:, None])


def _zoom(cameras: Cameras, zoom: Float[np.ndarray, "C"]) -> Cameras:
    K = cameras.K.astype(np.float64)
    K[:, :2, :2] *= zoom[:, None, None]
    return replace(cameras, K=K)


def _carry_back(
    bundle: Bundle, given: Cameras
) -> tuple[Float[np.ndarray, "C 3 3"], Float[np.ndarray, "C 3"]]:
    """Return poses after the similarity that brings the cameras to where they were.

    Two cameras lie on a line, so rotations decide how all are turned, and centres the rest.
    """
    pose = make_extrinsics(given)[:, 0]
    Q = Rotation.from_matrix(pose[:, :, :3].swapaxes(1, 2) @ bundle.R).mean().as_matrix()
    was = -np.einsum("cji,cj->ci", pose[:, :, :3], pose[:, :, 3])
    now = -np.einsum("cji,cj->ci", bundle.R, bundle.t) @ Q.T
    away, apart = was - was.mean(0), now - now.mean(0)
    scale = float((away * apart).sum() / np.square(apart).sum())
    R = bundle.R @ Q.T
    centre = scale * apart + was.mean(0)
    return R, -np.einsum("cij,cj->ci", R, centre)


def _judge(keypoints: Keypoints2D, found: Cameras, placed: Placed, known: bool) -> Calibrated:
    triangulated = triangulate_keypoints(keypoints, found)
    return Calibrated(
        cameras=found,
        quality=judge_views(keypoints, triangulated, found),
        triangulated=triangulated,
        error_px=placed.error_px,
        num_points=len(placed.kept),
        up_known=known,
    )
