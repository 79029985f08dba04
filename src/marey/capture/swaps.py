"""Left and right confused by the network for a few frames, found by continuity and undone.

Each pair of limbs has two readings per frame: as the network says, or exchanged. The cheapest
sequence of readings (Viterbi) pays for every jump of a point between frames and a little for every
frame that contradicts the network, so that a confusion of some frames is repaired, a real crossing
of the legs is left alone, and where nothing jumps the network is believed.

Keypoints are looked at in chunks of frames; of the whole span only the prices are in memory.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from marey.core import Keypoints2D, Keypoints3D, Skeleton
from marey.core.scratch import chunks
from marey.core.skeleton import mirror_name
from marey.models.keypoints import FACE_POINTS

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
    image = replace(image, **_copy_arrays(image))
    space = replace(space, **_copy_arrays(space))
    return image, space, undo_swaps(image, space)


def _copy_arrays(keypoints: Keypoints2D | Keypoints3D) -> dict[str, Any]:
    arrays = {part: getattr(keypoints, part) for part in ("position", "confidence", "sigma")}
    return {part: array.copy() for part, array in arrays.items() if array is not None}


def undo_swaps(
    image: Keypoints2D, space: Keypoints3D, *, release: Callable[[], None] = lambda: None
) -> Bool[np.ndarray, "L"]:
    """Do what `repair_swaps` does in place, and return the frames that were touched.

    Args:
        image: One person's image keypoints, N = 1; they are changed.
        space: The same person's landmarks in the same skeleton; they are changed.
        release: Called between chunks of frames.
    """
    height = _height(image, release)
    swapped = []
    for deciding, _ in _LIMBS:
        swapped.append(_find_swaps(image, space, deciding, height, release))
    touched = np.logical_or.reduce(swapped)
    for frames in chunks(len(touched)):
        if not touched[frames].any():
            continue
        order = np.tile(np.arange(len(image.skeleton)), (frames.stop - frames.start, 1))
        for (deciding, following), crossed in zip(_LIMBS, swapped, strict=True):
            for name in (*deciding, *following):
                _exchange(order, image.skeleton, name, crossed[frames])
        for keypoints in (image, space):
            _reorder(keypoints, frames, order)
        release()
    return touched


def _height(image: Keypoints2D, release: Callable[[], None]) -> float:
    # Whether a face was looked for must not matter to the limbs.
    body = [k for k, name in enumerate(image.skeleton.keypoints) if name not in FACE_POINTS]
    heights = []
    for frames in chunks(len(image.time)):
        known = image.confidence[0, frames][:, body] > 0
        position = image.position[0, frames]
        x, y = (np.where(known, position[:, body, axis], np.nan) for axis in (0, 1))
        seen = np.isfinite(y).any(1)
        tall = np.nanmax(y[seen], 1) - np.nanmin(y[seen], 1)
        wide = np.nanmax(x[seen], 1) - np.nanmin(x[seen], 1)
        heights.append(np.maximum(tall, wide))
        release()
    every = np.concatenate(heights)
    return max(float(np.median(every)), 1.0) if len(every) else 1.0


def _find_swaps(
    image: Keypoints2D,
    space: Keypoints3D,
    parts: tuple[str, ...],
    height: float,
    release: Callable[[], None],
) -> Bool[np.ndarray, "L"]:
    skeleton = image.skeleton
    names = [part for part in parts if f"left_{part}" in skeleton.keypoints]
    left = [skeleton.index(f"left_{part}") for part in names]
    right = [skeleton.index(f"right_{part}") for part in names]
    prices = []
    for frames in chunks(len(image.time)):
        # Each chunk begins with the step from the frame before.
        steps = slice(max(0, frames.start - 1), frames.stop)
        prices.append(
            [
                _jumps(
                    image.position[0, steps], left, right, reach=_REACH * height, crossed=crossed
                )
                + _jumps(space.position[0, steps], left, right, reach=_SPACE_REACH, crossed=crossed)
                for crossed in (False, True)
            ]
        )
        release()
    straight, crossed = (np.concatenate(parts) for parts in zip(*prices, strict=True))
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
    came_from = np.zeros((length, 2), np.int8)
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


def _reorder(keypoints: Keypoints2D | Keypoints3D, frames: slice, order: np.ndarray) -> None:
    rows = np.arange(len(order))[:, None]
    for array in (keypoints.position, keypoints.confidence, keypoints.sigma):
        if array is not None:
            part = array[:, frames]
            part[:] = part[:, rows, order]
