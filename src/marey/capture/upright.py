"""Where up and the floor are, from people: heads are above feet, and feet rest on it."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Skeleton

_LEAN_RAD, _STEP_M, _INDEPENDENT_STEPS = 0.06, 0.03, 10
"""How far people lean; how far a lower foot is from rest; how many steps a clip has."""
_SOLE_M = {"heel": 0.03, "ankle": 0.08, "toe": 0.02}
"""How high points of a resting foot are."""


def find_upright(
    body: Float[np.ndarray, "N T K 3"], skeleton: Skeleton
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"], bool]:
    """Find the world that stands upright on the floor, below where the first person begins.

    Args:
        body: People in any axes of metric size, m; NaN where unknown.
        skeleton: Of their keypoints.

    Returns:
        Rotation and shift to the world, x' = R x + shift, and whether the points say where up is;
        if not, they are taken for those of a level camera.
    """
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
