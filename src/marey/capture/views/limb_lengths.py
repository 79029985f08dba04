"""Points moved as little as makes bones keep their lengths: one limb, one length, one sigma.

The cost of a person's points y, given where they were found,

    sum over points and frames of |y - found|^2 / sigma^2
    + sum over limbs and frames of (|bone| - usual length)^2 / limb sigma^2,

asks for what Harmony4D's pose cost (`pose_cost`) does: limbs keep their lengths, left is like
right, and points stay near their start. But every term is weighed by what is known of it: a point
by its triangulation, a limb by its anatomy, so that bones are nearly rigid and a bending back is
not held straight. The usual length is the median over all frames of a limb and its mirror image;
frames do not meet otherwise, and each is a small system of normal equations (Gauss-Newton).
"""

import numpy as np
from jaxtyping import Bool, Float

from marey.capture.views.limbs import Limb, Names, find_limb_pairs, find_limbs, limb_sigma
from marey.core import Skeleton

_FRAMES = 512
"""Frames that are solved together, so that memory stays flat."""
_LEAST_SIGMA_M, _FILLED_SIGMA_M = 0.005, 0.1
_ITERATIONS, _STILL_M = 8, 1e-5


def keep_lengths(
    points: Float[np.ndarray, "T K 3"], sigma: Float[np.ndarray, "T K"], names: Names
) -> Float[np.ndarray, "T K 3"]:
    """Bring one person's limbs near to their usual lengths.

    Args:
        points: In the world, m; NaN where missing, and they stay missing.
        sigma: Standard deviation of each coordinate, m; NaN of points that were filled in.
        names: Theirs.
    """
    order = names.keypoints if isinstance(names, Skeleton) else names
    limbs = find_limbs(names)
    ends = [(order.index(first), order.index(second)) for first, second in limbs]
    usual = _usual_lengths(points, ends, limbs, find_limb_pairs(names))
    precision = np.array([limb_sigma(limb) ** -2 for limb in limbs])
    result = np.full(points.shape, np.nan)
    for start in range(0, len(points), _FRAMES):
        part = slice(start, start + _FRAMES)
        result[part] = _solve(points[part], sigma[part], ends, usual, precision)
    return result


def _usual_lengths(
    points: Float[np.ndarray, "T K 3"],
    ends: list[tuple[int, int]],
    limbs: tuple[Limb, ...],
    pairs: tuple[tuple[Limb, Limb], ...],
) -> Float[np.ndarray, "L"]:
    """Return the median length of each limb and its mirror image; 0 where none is ever seen."""
    mirror = {one: two for pair in pairs for one, two in (pair, pair[::-1])}
    length = [np.linalg.norm(points[:, a] - points[:, b], axis=-1) for a, b in ends]
    usual = np.zeros(len(limbs))
    for row, limb in enumerate(limbs):
        both = np.concatenate([length[row], length[limbs.index(mirror.get(limb, limb))]])
        if np.isfinite(both).any():
            usual[row] = np.nanmedian(both)
    return usual


def _solve(
    points: Float[np.ndarray, "T K 3"],
    sigma: Float[np.ndarray, "T K"],
    ends: list[tuple[int, int]],
    usual: Float[np.ndarray, "L"],
    precision: Float[np.ndarray, "L"],
) -> Float[np.ndarray, "T K 3"]:
    known: Bool[np.ndarray, "T K"] = np.asarray(np.isfinite(points).all(-1))
    found = np.where(known[..., None], points, 0.0).astype(np.float64)
    believed = np.maximum(np.nan_to_num(sigma, nan=_FILLED_SIGMA_M), _LEAST_SIGMA_M)
    # A missing point is held at zero, and no limb reaches it.
    weight = np.where(known, believed**-2, 1.0)
    moved = found.copy()
    for _ in range(_ITERATIONS):
        matrix, gradient = _hold(weight), weight[..., None] * (moved - found)
        for (a, b), length, stiff in zip(ends, usual, precision, strict=True):
            _pull(moved, known, (a, b), length, stiff, matrix, gradient)
        step = np.linalg.solve(_square(matrix), gradient.reshape(len(found), -1, 1))
        moved -= step.reshape(moved.shape)
        if not len(step) or np.abs(step).max() < _STILL_M:
            break
    return np.where(known[..., None], moved, np.nan)


def _hold(weight: Float[np.ndarray, "T K"]) -> Float[np.ndarray, "T K 3 K 3"]:
    """Return what holds every point where it was found, as a matrix."""
    num_frames, num_points = weight.shape
    matrix = np.zeros((num_frames, num_points, 3, num_points, 3))
    point = np.arange(num_points)
    for axis in range(3):
        matrix[:, point, axis, point, axis] = weight
    return matrix


def _pull(
    moved: Float[np.ndarray, "T K 3"],
    known: Bool[np.ndarray, "T K"],
    ends: tuple[int, int],
    length: float,
    stiff: float,
    matrix: Float[np.ndarray, "T K 3 K 3"],
    gradient: Float[np.ndarray, "T K 3"],
) -> None:
    """Add what one limb asks of its ends, in place."""
    a, b = ends
    bone = moved[:, a] - moved[:, b]
    now = np.linalg.norm(bone, axis=-1)
    along = bone / np.maximum(now, 1e-9)[:, None]
    weight = np.where(known[:, a] & known[:, b], stiff, 0.0)
    force = (weight * (now - length))[:, None] * along
    # A limb that is too long resists turning as well; without that, steps may go to and fro.
    across = weight * np.clip(1 - length / np.maximum(now, 1e-9), 0.0, None)
    block = (weight - across)[:, None, None] * along[:, :, None] * along[:, None, :]
    block += across[:, None, None] * np.eye(3)
    gradient[:, a] += force
    gradient[:, b] -= force
    for one, other, sign in ((a, a, 1.0), (b, b, 1.0), (a, b, -1.0), (b, a, -1.0)):
        matrix[:, one, :, other] += sign * block


def _square(matrix: Float[np.ndarray, "T K 3 K 3"]) -> Float[np.ndarray, "T n n"]:
    size = 3 * matrix.shape[1]
    return matrix.reshape(len(matrix), size, size)
