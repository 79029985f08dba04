"""From the networks' own points to COCO-WholeBody-133, by name.

Body points, heels and toes come from BlazePose (its `foot_index` becomes the big toe), hands from
the hand network. Where no hand was found, the three knuckles BlazePose has of it stand in. Small
toes and the 68 face points are missing.

Belief about a point: the network's noise is proportional to the size of its crop, and grows as its
confidence c falls::

    sigma = side / 256 * factor * exp(GROWTH * (1 - c))

`factor` is a point's noise per axis in px of a 256 px crop. Those of shoulders, elbows, wrists,
hips, knees, ankles, heels and toes were measured on the four views of Pose2Sim's one-person demo
(800 observations each, median error over 1.18, against its triangulated reference, which is itself
made from another network's points); the head's and the hands' are guesses of the same order.
The errors have heavy tails (one in ten is larger than three sigma, mostly swapped limbs): weight by
sigma within a robust loss.
"""

import numpy as np
from jaxtyping import Float

from marey.core.skeleton import load_skeleton
from marey.models.blazepose.network import PoseLandmarks
from marey.models.hands.network import HandLandmarks
from marey.models.protocols import PersonLandmarks

GROWTH = 1.5
"""Measured: hidden elbows and wrists (c about 0.1 to 0.3) err 2 to 4 times as much as clear ones."""
HAND_FACTOR = 4.0
BODY_FACTOR = {
    "nose": 2.0, "eye": 2.0, "ear": 2.5, "shoulder": 2.7, "elbow": 2.4, "wrist": 2.5, "hip": 4.5,
    "knee": 2.8, "ankle": 3.0, "big_toe": 3.1, "heel": 3.4,
    "pinky1": 4.0, "index1": 4.0, "thumb2": 4.0,
}  # fmt: skip
"""Noise in px of a 256 px crop, by the name without its side."""

_RENAMED = {"left_foot_index": "left_big_toe", "right_foot_index": "right_big_toe"}
_BODY = load_skeleton("blazepose-33")
WHOLE_BODY = load_skeleton("coco-wholebody-133")

_SIDES = ("left", "right")
# Per hand: its points in the whole body, and the body point and knuckles that belong to it.
_HAND_START = {side: WHOLE_BODY.index(f"{side}_hand_wrist") for side in _SIDES}


def _pair_body() -> list[tuple[int, int, float]]:
    """List (BlazePose index, whole-body index, noise factor) of the points both sets have."""
    pairs = []
    for source, name in enumerate(_BODY.keypoints):
        target = _RENAMED.get(name, name)
        factor = BODY_FACTOR.get(target.removeprefix("left_").removeprefix("right_"))
        if factor is not None:
            pairs.append((source, WHOLE_BODY.index(target), factor))
    return pairs


_SOURCE, _TARGET, _FACTOR = (np.array(column) for column in zip(*_pair_body(), strict=True))


def combine_landmarks(
    pose: PoseLandmarks,
    left: HandLandmarks | None,
    right: HandLandmarks | None,
    *,
    state: object = None,
) -> PersonLandmarks:
    """Merge the body's and the hands' points into one COCO-WholeBody-133 result.

    Args:
        pose: The body network's result.
        left: The left hand, if it was found.
        right: The right hand, if it was found.
        state: Handed through to the result.
    """
    count = len(WHOLE_BODY)
    position, world = np.full((count, 2), np.nan), np.full((count, 3), np.nan)
    confidence, sigma = np.zeros(count), np.full(count, np.nan)

    position[_TARGET] = pose.position[_SOURCE]
    world[_TARGET] = pose.world[_SOURCE]
    confidence[_TARGET] = np.minimum(pose.visibility, pose.presence)[_SOURCE]
    sigma[_TARGET] = believe(confidence[_TARGET], _FACTOR, side=pose.crop.side)
    box = _bound(position[_TARGET], confidence[_TARGET])

    for side, hand in zip(_SIDES, (left, right), strict=True):
        rows = slice(_HAND_START[side], _HAND_START[side] + 21)
        if hand is None:
            world[rows] -= world[WHOLE_BODY.index(f"{side}_wrist")]
            continue
        position[rows] = hand.position
        world[rows] = hand.world - hand.world[0]
        confidence[rows] = hand.presence
        sigma[rows] = believe(confidence[rows], HAND_FACTOR, side=hand.crop.side)
    return PersonLandmarks(
        position=position.astype(np.float32),
        confidence=confidence.astype(np.float32),
        sigma=sigma.astype(np.float32),
        world=world.astype(np.float32),
        score=pose.score,
        box=box.astype(np.float32),
        state=state,
    )


def believe(
    confidence: Float[np.ndarray, "K"],
    factor: Float[np.ndarray, "K"] | float,
    *,
    side: float,
) -> Float[np.ndarray, "K"]:
    """Return the believed standard deviation in px, by the formula on top of this module.

    Args:
        confidence: 0 to 1.
        factor: A point's noise in px of a 256 px crop.
        side: Of the crop, in px of the image.
    """
    return side / 256 * factor * np.exp(GROWTH * (1 - confidence))


def _bound(
    position: Float[np.ndarray, "K 2"], confidence: Float[np.ndarray, "K"]
) -> Float[np.ndarray, "4"]:
    sure = position[confidence > 0.5]
    if not len(sure):
        return np.full(4, np.nan)
    return np.concatenate([sure.min(0), sure.max(0)])
