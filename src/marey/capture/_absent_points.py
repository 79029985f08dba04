"""Points a network wants and a skeleton lacks: a stand-in, or a place the others suggest.

They only complete what the network sees; nothing of them comes out.
"""

import numpy as np
from jaxtyping import Float

from marey.core import Skeleton
from marey.core.skeleton import stand_ins

_NEAR = {
    **{"nose": ("left_eye", "right_eye", "head_top"), "ear": ("eye", "nose"), "eye": ("nose",)},
    **{"big_toe": ("small_toe", "heel"), "small_toe": ("big_toe", "heel"), "heel": ("ankle",)},
}
"""Where a point is put if it is absent: where the first of these is."""

_FOOT_M, _SPLAY_M, _DROP_M, _BACK_M = 0.15, 0.05, 0.06, 0.04
"""A foot: toes before the ankle, small toe beside the big one, soles below, heel behind."""


def complete_points(
    position: Float[np.ndarray, "T K 3"], skeleton: Skeleton, wanted: tuple[str, ...]
) -> tuple[Float[np.ndarray, "T W 3"], tuple[str, ...]]:
    """Arrange points as a network wants them.

    Args:
        position: The skeleton's points, m; NaN where missing.
        skeleton: Their names.
        wanted: Names in the network's order.

    Returns:
        Points, and the wanted names for which the skeleton has no point of its own. Such a point
        is NaN where nothing suggests a place for it.
    """
    rows = {
        name: position[:, row]
        for row, name in enumerate(skeleton.keypoints)
        if np.isfinite(position[:, row]).any()
    }
    own = {name: _find(name, rows) for name in wanted}
    absent = tuple(name for name, found in own.items() if found is None)
    result = {name: found for name, found in own.items() if found is not None}
    for side in ("left", "right"):
        for name, place in _foot(rows | result, side).items():
            result.setdefault(name, place)
    for name in absent:
        if name not in result:
            result[name] = _neighbour(name, rows | result, position)
    return np.stack([result[name] for name in wanted], 1), absent


def _find(name: str, rows: dict[str, np.ndarray]) -> np.ndarray | None:
    return next((rows[other] for other in (name, *stand_ins(name)) if other in rows), None)


def _foot(points: dict[str, np.ndarray], side: str) -> dict[str, np.ndarray]:
    """Return a foot at a right angle to the shin, pointing where the knee bends to."""
    needed = (f"{side}_ankle", f"{side}_knee", "left_hip", "right_hip")
    if any(name not in points for name in needed):
        return {}
    ankle, knee, left, right = (points[name] for name in needed)
    down = _unit(ankle - knee)
    ahead = _unit(np.cross(left - right, -down))
    out = _unit(np.cross(-down, ahead)) * (1 if side == "left" else -1)
    sole = ankle + _DROP_M * down
    toe = sole + _FOOT_M * ahead
    return {
        f"{side}_big_toe": toe,
        f"{side}_small_toe": toe + _SPLAY_M * out,
        f"{side}_heel": sole - _BACK_M * ahead,
    }


def _neighbour(name: str, rows: dict[str, np.ndarray], position: np.ndarray) -> np.ndarray:
    side = next((side for side in ("left_", "right_") if name.startswith(side)), "")
    for near in _NEAR.get(name.removeprefix(side), ()):
        for other in (side + near, near):
            if other in rows:
                return rows[other]
    return np.full_like(position[:, 0], np.nan)


def _unit(x: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, "T 3"]:
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(length > 0, length, np.nan)
