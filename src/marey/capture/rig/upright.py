"""Where up and the floor are, from people: heads are above feet, and feet rest on it."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Skeleton

_LEAN_RAD, _STEP_M, _INDEPENDENT_STEPS = 0.06, 0.03, 10
"""How far people lean; how far a lower foot is from rest; how many steps a clip has."""
_SOLE_M = {"heel": 0.03, "ankle": 0.08, "toe": 0.02}
"""How high points of a resting foot are."""
_FEET = ("ankle", "heel")
_TRUNK_RAD, _BALANCE_RAD, _STEPS = 0.1, 0.02, 4
"""How far the way from feet to head is from upright; how far balance is; steps to average over."""
_FEWEST_MOMENTS, _ROUNDS, _OFTEN, _ASTRAY = 10, 5, 0.7, 3.0
_SEGMENTS = (
    ("shoulder", "hip", 0.289, 0.44),
    ("shoulder", "elbow", 0.028, 0.436),
    ("elbow", "wrist", 0.022, 0.682),
    ("hip", "knee", 0.100, 0.433),
    ("knee", "ankle", 0.061, 0.606),
)
"""Ends, share of the body's mass and where along it lies: Winter, "Biomechanics and Motor Control
of Human Movement", table 4.1. Half of trunk and head together go with either side."""
_MASS_ENDS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


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
    up = _find_up(body, names)
    if up is None:
        return np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), np.zeros(3), False
    right = np.array([1.0, 0, 0]) - up[0] * up
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(up, right), up])
    R = _level(body @ R.T, names) @ R
    world = body @ R.T
    lowest = _lower_feet(world, names)
    ground = [float(np.quantile(foot[:, 2], 0.1)) - sole for foot, sole in lowest]
    hips = _ends(names, "hip") or _ends(names, *_FEET)
    middle = world[0][:, hips].reshape(-1, 3)
    origin = middle[np.isfinite(middle).all(-1)][0]
    return R, -np.array([origin[0], origin[1], np.median(ground)]), True


def _ends(names: tuple[str, ...], *ends: str) -> list[int]:
    return [row for row, name in enumerate(names) if name.endswith(ends)]


def _find_up(
    body: Float[np.ndarray, "N T K 3"], names: tuple[str, ...]
) -> Float[np.ndarray, "3"] | None:
    """Return where up is: from the foot that carries somebody to their centre of mass.

    Who leans, bends or lifts a leg does so about that line, or falls; who walks is off it as far to
    one side as to the other. Heads over feet are where it starts from.
    """
    high, low = _ends(names, "shoulder", "ear", "head_top"), _ends(names, *_FEET)
    both = np.isfinite(body[:, :, high]).all((-1, -2)) & np.isfinite(body[:, :, low]).all((-1, -2))
    if not high or not low or not both.any():
        return None
    axis = body[:, :, high].mean(2)[both] - body[:, :, low].mean(2)[both]
    up = np.median(axis / np.linalg.norm(axis, axis=-1, keepdims=True), 0)
    up /= np.linalg.norm(up)
    mass = _find_mass(body, names)
    feet = np.stack([_foot(body, names, side) for side in ("left", "right")], 2)
    known = np.isfinite(mass).all(-1) & np.isfinite(feet).all((-1, -2))
    if known.sum() < _FEWEST_MOMENTS:
        return up
    return _weigh_feet(up, mass[known], feet[known])


def _weigh_feet(
    trunk: Float[np.ndarray, "3"], mass: Float[np.ndarray, "M 3"], feet: Float[np.ndarray, "M 2 3"]
) -> Float[np.ndarray, "3"]:
    """Return the mean of both answers, each by how well it is known.

    Somebody who walks swings about the carrying foot from step to step, so a few steps say little.
    """
    up = trunk
    for _ in range(_ROUNDS):
        height = feet @ up
        share = np.exp(-(height - height.min(1, keepdims=True)) / _STEP_M)
        share /= share.sum(1, keepdims=True)
        carried = mass - (share[..., None] * feet).sum(1)
        # A walker is to one side or the other, so the mean is meant; points astray are not.
        off = np.linalg.norm(carried - np.median(carried, 0), axis=-1)
        carried = carried[off <= _ASTRAY * np.median(off)]
        size = np.linalg.norm(carried.mean(0))
        swing = np.square(carried - carried.mean(0)).sum(1).mean() / (2 * size**2)
        variance = swing / _STEPS + _BALANCE_RAD**2
        both = carried.mean(0) / size / variance + trunk / _TRUNK_RAD**2
        up = both / np.linalg.norm(both)
    return up


def _foot(
    body: Float[np.ndarray, "N T K 3"], names: tuple[str, ...], side: str
) -> Float[np.ndarray, "N T 3"]:
    """Return the middle of a foot, or its ankle where nothing else of it is seen."""
    for ends in (("heel", "toe"), ("ankle",)):
        rows = [row for row in _ends(names, *ends) if names[row].startswith(side)]
        rows = [row for row in rows if np.isfinite(body[:, :, row, 0]).mean() > _OFTEN]
        if rows:
            return body[:, :, rows].mean(2)
    rows = [row for row in _ends(names, "ankle") if names[row].startswith(side)]
    return body[:, :, rows].mean(2)


def _find_mass(
    body: Float[np.ndarray, "N T K 3"], names: tuple[str, ...]
) -> Float[np.ndarray, "N T 3"]:
    """Return people's centre of mass from their segments; NaN where one is not seen."""

    def point(name: str) -> Float[np.ndarray, "N T 3"]:
        return body[:, :, names.index(name)]

    needed = {f"{side}_{part}" for side in ("left", "right") for part in _MASS_ENDS}
    if not needed <= set(names):
        return np.full((*body.shape[:2], 3), np.nan)
    total, weight = np.zeros((*body.shape[:2], 3)), 0.0
    for side in ("left", "right"):
        for upper, lower, share, where in _SEGMENTS:
            ends = point(f"{side}_{upper}"), point(f"{side}_{lower}")
            total += share * ((1 - where) * ends[0] + where * ends[1])
            weight += share
    return total / weight


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
