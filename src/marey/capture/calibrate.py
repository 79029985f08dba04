"""Where cameras stand, from the people they see; intrinsics are known.

Keypoints are the targets: an essential matrix between two views, further cameras by the points
those two see, bundle adjustment over all (`first_rig`, `bundle`). The scale is that of a stated
height or length. Up is where heads are from feet, and the floor where feet rest.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from marey.capture.bundle import Bundle, adjust_bundle, residuals
from marey.capture.first_rig import place_cameras
from marey.capture.triangulate import find_rays
from marey.core import Cameras, Keypoints2D, Skeleton
from marey.core.errors import InputError
from marey.core.skeleton import mirror_name

_MIN_CONFIDENCE = 0.5
_MOST_POINTS = 2500
_ROUNDS = 3
_FEWEST_TO_JUDGE, _LEAST_SHARE = 30, 0.2
_MEDIAN = 0.85
"""Standard deviation of a coordinate over the median distance: 1 / sqrt(2 log 2)."""
_SHARES = {
    ("hip", "knee"): 0.245,
    ("knee", "ankle"): 0.246,
    ("shoulder", "elbow"): 0.186,
    ("elbow", "wrist"): 0.146,
}
"""Lengths of segments as shares of a person's height (Drillis and Contini, 1966)."""
_TALL_QUANTILE = 0.95
"""Of the distances from head to heel: how far it is when somebody stands straight."""
_LEAN_RAD, _STEP_M, _INDEPENDENT_STEPS = 0.06, 0.03, 10
"""How far people lean; how far a lower foot is from rest; how many steps a clip has."""
_SOLE_M = {"heel": 0.03, "ankle": 0.08, "toe": 0.02}
"""How high points of a resting foot are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """Cameras placed by people."""

    cameras: Cameras
    """In a world with +Z up and the floor at z = 0."""
    error_px: Float[np.ndarray, "C"]
    """Median distance of keypoints from where their points project, per view."""
    num_points: int
    """Keypoints in space that took part."""
    up_known: bool
    """Whether the skeleton has what says where up is."""


def calibrate_from_people(
    keypoints: Keypoints2D,
    cameras: Cameras,
    *,
    height: float | None = None,
    length: tuple[str, str, float] | None = None,
) -> Calibrated:
    """Find where static cameras stand.

    Args:
        keypoints: C N T K on one clock; a person is the same in all views (one person needs no
            association).
        cameras: Their lenses; poses are ignored.
        height: Of the first person from sole to crown, m.
        length: Two keypoints of the first person and their distance, m, instead of a height;
            left and right are taken to be equal.

    Raises:
        InputError: If neither height nor length is given, or they make no sense.
        NothingFoundError: If a camera shares too little with the others.
    """
    _check(keypoints, cameras, height, length)
    position = np.where(keypoints.valid[..., None], keypoints.position, np.nan).astype(np.float64)
    score = np.where(keypoints.valid, keypoints.confidence, 0.0).astype(np.float64)
    score = np.where(score >= _MIN_CONFIDENCE, score, 0.0)
    num = len(cameras.names)
    rays, per_pixel = find_rays(cameras, position.reshape(num, -1, 2))
    flat = score.reshape(num, -1)
    rows = np.flatnonzero((flat > 0).sum(0) >= 2)
    # A whole stride might meet the same keypoints again and again.
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _MOST_POINTS)).astype(int)]
    first = place_cameras(rays[:, rows], flat[:, rows])
    bundle, kept = _adjust(first, rays[:, rows], flat[:, rows], rows % score.shape[-1])
    off = np.linalg.norm(residuals(bundle, rays[:, rows[kept]]), axis=-1) / per_pixel[:, None]
    off = np.where(flat[:, rows[kept]] > 0, off, np.nan)
    points = np.full((flat.shape[1], 3), np.nan)
    points[rows[kept]] = bundle.points
    body = points.reshape(*score.shape[1:], 3)
    scale = _find_scale(body[0], keypoints.skeleton, height, length)
    R_new, shift, known = _find_world(scale * body, keypoints.skeleton, bundle)
    R = bundle.R @ R_new.T
    t = scale * bundle.t - R @ shift
    turn = Rotation.from_matrix(R).as_quat(canonical=True, scalar_first=True)
    return Calibrated(
        cameras=replace(cameras, T_cam_world=np.concatenate([turn, t], 1)[:, None]),
        error_px=np.nanmedian(off, 1),
        num_points=len(kept),
        up_known=known,
    )


def _check(
    keypoints: Keypoints2D,
    cameras: Cameras,
    height: float | None,
    length: tuple[str, str, float] | None,
) -> None:
    if keypoints.position.ndim != 5 or len(keypoints.position) != len(cameras.names):
        raise InputError(
            f"{len(cameras.names)} cameras came with keypoints of shape {keypoints.position.shape}"
            "; give C N T K 2"
        )
    if len(cameras.names) < 2:
        raise InputError("one camera alone has nothing to stand in relation to; give two at least")
    if (height is None) == (length is None):
        raise InputError(
            "the size of the scene follows from a person's height or a known length; give one"
        )
    if height is not None and not 0.4 < height < 2.8:
        raise InputError(f"nobody is {height:g} m tall; give the height in metres")
    if length is not None:
        unknown = [name for name in length[:2] if name not in keypoints.skeleton.keypoints]
        if unknown or not 0.01 < length[2] < 3:
            raise InputError(f"a length is two keypoints and their distance in m, not {length}")


def _adjust(
    bundle: Bundle,
    ray: Float[np.ndarray, "C P 2"],
    score: Float[np.ndarray, "C P"],
    keypoint: Int[np.ndarray, "P"],
) -> tuple[Bundle, np.ndarray]:
    """Adjust, with the spread of errors judged anew each time; return who is left of the points.

    Detectors are off by a share of a person's size, by more at hips than at eyes: a spread in space
    per keypoint, which is smaller on the plane z = 1 the farther away somebody is.
    """
    kept = np.flatnonzero(np.isfinite(bundle.points).all(1))
    bundle = replace(bundle, points=bundle.points[kept])
    ray, score, keypoint = ray[:, kept], score[:, kept], keypoint[kept]
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
        weight = np.where(np.isfinite(off), score * depth / (_MEDIAN * spread[keypoint]), 0.0)
        bundle = adjust_bundle(bundle, ray, weight)
        size = np.linalg.norm(bundle.t[1:], axis=1).mean()
        bundle = Bundle(bundle.R, bundle.t / size, bundle.points / size)
    return bundle, kept


def _find_scale(
    body: Float[np.ndarray, "T K 3"],
    skeleton: Skeleton,
    height: float | None,
    length: tuple[str, str, float] | None,
) -> float:
    def apart(one: str, other: str) -> Float[np.ndarray, "T"]:
        a, b = skeleton.index(one), skeleton.index(other)
        distance = np.linalg.norm(body[:, a] - body[:, b], axis=-1)
        return distance[np.isfinite(distance)]

    if length is not None:
        one, other = length[:2]
        found = np.concatenate([apart(one, other), apart(mirror_name(one), mirror_name(other))])
        if not len(found):
            raise InputError(f"{length[0]} and {length[1]} are never seen together")
        return length[2] / float(np.median(found))
    assert height is not None
    names = skeleton.keypoints
    if "head_top" in names and "left_heel" in names:
        # The farther heel: the other foot may be lifted.
        heels = body[:, [skeleton.index(f"{side}_heel") for side in ("left", "right")]]
        crown = body[:, [skeleton.index("head_top")]]
        span = np.nan_to_num(np.linalg.norm(heels - crown, axis=-1)).max(-1)
        if (span > 0).any():
            tall = float(np.quantile(span[span > 0], _TALL_QUANTILE))
            return (height - _SOLE_M["heel"]) / tall
    guesses = []
    for (upper, lower), share in _SHARES.items():
        for side in ("left", "right"):
            if f"{side}_{upper}" in names and f"{side}_{lower}" in names:
                found = apart(f"{side}_{upper}", f"{side}_{lower}")
                guesses += [float(np.median(found)) / share] if len(found) else []
    if not guesses:
        raise InputError(
            "no limb of the first person is seen by two cameras, so a height is no use"
        )
    return height / float(np.median(guesses))


def _find_world(
    body: Float[np.ndarray, "N T K 3"], skeleton: Skeleton, bundle: Bundle
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"], bool]:
    """Return rotation and shift from the first camera's axes to the world: x' = R x + shift."""
    names = skeleton.keypoints
    high = [row for row, name in enumerate(names) if name.endswith(("shoulder", "ear", "head_top"))]
    low = [row for row, name in enumerate(names) if name.endswith(("ankle", "heel"))]
    both = np.isfinite(body[:, :, high]).all((-1, -2)) & np.isfinite(body[:, :, low]).all((-1, -2))
    if not high or not low or not both.any():
        return np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), np.zeros(3), False
    axis = body[:, :, high].mean(2)[both] - body[:, :, low].mean(2)[both]
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    up = np.median(axis, 0)
    up /= np.linalg.norm(up)
    right = np.array([1.0, 0, 0]) - up[0] * up
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(up, right), up])
    R = _level(body @ R.T, names) @ R
    world = body @ R.T
    lowest = _lower_feet(world, names)
    ground = [float(np.quantile(foot[:, 2], 0.1)) - sole for foot, sole in lowest]
    hips = [row for row, name in enumerate(names) if name.endswith("hip")]
    middle = world[0][:, hips or low].reshape(-1, 3)
    origin = middle[np.isfinite(middle).all(-1)][0]
    return R, -np.array([origin[0], origin[1], np.median(ground)]), True


def _lower_feet(
    world: Float[np.ndarray, "N T K 3"], names: tuple[str, ...]
) -> list[tuple[np.ndarray, float]]:
    """Return, by part of the foot, where the lower one of two is, and how high it is at rest."""
    result = []
    for end, sole in _SOLE_M.items():
        rows = [row for row, name in enumerate(names) if name.endswith(end)]
        if not rows:
            continue
        feet = world[:, :, rows].reshape(-1, len(rows), 3)
        feet = feet[np.isfinite(feet).all((1, 2))]
        if len(feet):
            lower = feet[:, :, 2].argmin(1)
            result.append((feet[np.arange(len(feet)), lower], sole))
    return result


def _level(world: Float[np.ndarray, "N T K 3"], names: tuple[str, ...]) -> np.ndarray:
    """Return the small turn after which feet rest on a level floor, as far as they tell.

    Bodies lean; where feet have been apart, the plane through them knows better.
    """
    normal, pull = np.eye(2) / _LEAN_RAD**2, np.zeros(2)
    for foot, _ in _lower_feet(world, names):
        away = foot - np.median(foot, 0)
        weight = min(1.0, _INDEPENDENT_STEPS / len(away)) / _STEP_M**2
        normal += weight * away[:, :2].T @ away[:, :2]
        pull += weight * away[:, :2].T @ away[:, 2]
    slope = np.linalg.solve(normal, pull)
    # z = slope . (x, y) becomes level by a turn about the horizontal axis across it.
    return Rotation.from_rotvec([-slope[1], slope[0], 0.0]).as_matrix()
