"""Left and right confused by the network for a few frames, found by continuity and undone.

Each pair of limbs has two readings per frame: as the network says, or exchanged. The cheapest
sequence of readings (Viterbi) pays for every jump of a point between frames and a little for every
frame that contradicts the network, so that a confusion of some frames is repaired, a real crossing
of the legs is left alone, and where nothing jumps the network is believed.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float

from marey.core import Keypoints2D, Keypoints3D, Skeleton
from marey.core.skeleton import mirror_name
from marey.models.keypoints import FACE_POINTS

_Keypoints = TypeVar("_Keypoints", Keypoints2D, Keypoints3D)

_LEGS = ("hip", "knee", "ankle", "heel", "big_toe", "small_toe")
_ARMS = ("shoulder", "elbow", "wrist")
_HAND = (
    "hand_wrist",
    *(
        f"{digit}{k}"
        for digit in ("thumb", "index", "middle", "ring", "pinky")
        for k in (1, 2, 3, 4)
    ),
)
_LIMBS = ((_LEGS, ()), (_ARMS, _HAND))
"""Points that decide, and points that follow the decision."""

_CONTRADICTION = 0.06
"""Price of a frame that is read against the network; one means a jump of a point by `_REACH`."""
_REACH = 0.1
"""A jump between frames that is surely none of a limb's own, as a share of the person's height."""
_SPACE_REACH = 0.2
"""The same in space, m."""


def repair_swaps(
    image: Keypoints2D, space: Keypoints3D
) -> tuple[Keypoints2D, Keypoints3D, Bool[np.ndarray, "L"]]:
    """Exchange left and right legs or arms in frames where the network confused them.

    Args:
        image: One person's image keypoints, N = 1.
        space: The same person's landmarks in the same skeleton.

    Returns:
        Both with the confused limbs exchanged, and the frames that were touched.
    """
    order = np.tile(np.arange(len(image.skeleton)), (len(image.time), 1))
    touched = np.zeros(len(image.time), bool)
    height = _height(image)
    for deciding, following in _LIMBS:
        swapped = _find_swaps(image, space, deciding, height)
        touched |= swapped
        for name in (*deciding, *following):
            _exchange(order, image.skeleton, name, swapped)
    return _reorder(image, order), _reorder(space, order), touched


def _height(image: Keypoints2D) -> float:
    # Whether a face was looked for must not matter to the limbs.
    body = [k for k, name in enumerate(image.skeleton.keypoints) if name not in FACE_POINTS]
    known = image.confidence[0][:, body] > 0
    x, y = (np.where(known, image.position[0][:, body, axis], np.nan) for axis in (0, 1))
    seen = np.isfinite(y).any(1)
    if not seen.any():
        return 1.0
    tall = np.nanmax(y[seen], 1) - np.nanmin(y[seen], 1)
    wide = np.nanmax(x[seen], 1) - np.nanmin(x[seen], 1)
    return max(float(np.median(np.maximum(tall, wide))), 1.0)


def _find_swaps(
    image: Keypoints2D, space: Keypoints3D, parts: tuple[str, ...], height: float
) -> Bool[np.ndarray, "L"]:
    skeleton = image.skeleton
    names = [part for part in parts if f"left_{part}" in skeleton.keypoints]
    left = [skeleton.index(f"left_{part}") for part in names]
    right = [skeleton.index(f"right_{part}") for part in names]
    straight, crossed = (
        _jumps(image.position[0], left, right, reach=_REACH * height, crossed=crossed)
        + _jumps(space.position[0], left, right, reach=_SPACE_REACH, crossed=crossed)
        for crossed in (False, True)
    )
    return _cheapest_reading(straight, crossed)


def _jumps(
    position: Float[np.ndarray, "L K D"],
    left: list[int],
    right: list[int],
    *,
    reach: float,
    crossed: bool,
) -> Float[np.ndarray, "M"]:
    """Price of going from each frame to the next with the same or with the exchanged reading."""
    before, after = position[:-1], position[1:]
    pairs = ((left, right), (right, left)) if crossed else ((left, left), (right, right))
    total = np.zeros(len(before))
    for source, target in pairs:
        squared = ((after[:, target] - before[:, source]) ** 2).sum(-1) / reach**2
        # Saturating, so that one wild point does not decide for a limb.
        total += np.nan_to_num(squared / (1 + squared)).sum(-1)
    return total


def _cheapest_reading(
    straight: Float[np.ndarray, "M"], crossed: Float[np.ndarray, "M"]
) -> Bool[np.ndarray, "L"]:
    """Viterbi over two states: as the network says (0) or exchanged (1)."""
    length = len(straight) + 1
    cost = np.array([0.0, _CONTRADICTION])
    came_from = np.zeros((length, 2), int)
    for frame in range(1, length):
        stay, change = straight[frame - 1], crossed[frame - 1]
        options = np.array([[cost[0] + stay, cost[1] + change], [cost[0] + change, cost[1] + stay]])
        came_from[frame] = options.argmin(1)
        cost = options.min(1) + np.array([0.0, _CONTRADICTION])
    state = int(cost.argmin())
    reading = np.zeros(length, bool)
    for frame in range(length - 1, -1, -1):
        reading[frame] = state == 1
        state = int(came_from[frame, state])
    return reading


def _exchange(
    order: np.ndarray, skeleton: Skeleton, part: str, swapped: Bool[np.ndarray, "L"]
) -> None:
    name = f"left_{part}"
    if name not in skeleton.keypoints:
        return
    left, right = skeleton.index(name), skeleton.index(mirror_name(name))
    order[swapped, left], order[swapped, right] = right, left


def _reorder(keypoints: _Keypoints, order: np.ndarray) -> _Keypoints:
    rows = np.arange(len(order))[:, None]
    sigma = keypoints.sigma
    return replace(
        keypoints,
        position=keypoints.position[:, rows, order],
        confidence=keypoints.confidence[:, rows, order],
        sigma=None if sigma is None else sigma[:, rows, order],
    )
