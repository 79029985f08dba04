"""From the networks' own points to COCO-WholeBody-133, by name.

Body points, heels and toes come from BlazePose (its `foot_index` becomes the big toe), hands from
the hand network. Where no hand was found, the three knuckles BlazePose has of it stand in. Small
toes are missing, and so are the 68 face points unless the face network was asked; they are seen in
the image alone, never in space.

Belief about a point: the network's noise is proportional to the size of its crop, and grows as its
confidence c falls::

    sigma = side / 256 * factor * exp(GROWTH * (1 - c))

with `factor` a point's noise per axis in px of a 256 px crop. c is the least of three
probabilities: that the point is visible, that it lies in the crop, and its heat map's where it was
found. (The last foretells the error, rank correlation -0.31; visibility does not, -0.03.)

The growth and the factors of shoulders, elbows, wrists, hips, knees, ankles, heels and toes were
fitted on the four views of Pose2Sim's one-person demo: 800 observations each, median error over
1.18, against its triangulated reference, which is itself made from another network's points. Those
of head and hands are guesses of the same order. Those of the face are the spread (1.48 times the
median) about four labellings of three faces by COCO-WholeBody and Halpe, of which a good part is
the labels' own: the faces are 30 px wide. The errors have heavy tails (one in ten is larger
than three sigma, mostly swapped limbs): weight by sigma within a robust loss.
"""

import numpy as np
from jaxtyping import Float

from marey.core.skeleton import Skeleton, convert_keypoints, load_skeleton
from marey.models.blazepose.network import PoseLandmarks
from marey.models.face import FACE_VERTICES, FaceLandmarks
from marey.models.hands.network import HandLandmarks
from marey.models.protocols import PersonLandmarks

GROWTH = 2.0
"""Points with c = 0.3 err four times as much as points with c = 1."""
HAND_FACTOR = 3.0
BODY_FACTOR = {
    "nose": 1.5, "eye": 1.5, "ear": 2.0, "shoulder": 2.0, "elbow": 1.8, "wrist": 2.0, "hip": 3.1,
    "knee": 2.1, "ankle": 2.1, "big_toe": 2.1, "heel": 2.0,
    "pinky1": 3.0, "index1": 3.0, "thumb2": 3.0,
}  # fmt: skip
"""Noise in px of a 256 px crop, by the name without its side."""

FACE_FACTOR = {"jaw": 7.0, "chin": 7.0, "brow": 5.0, "bridge": 4.0, "nos": 2.5, "eye": 3.0, "": 4.0}
"""Noise in px of a 256 px crop, by the first part that a point's name holds; lips are the rest."""

_RENAMED = {"left_foot_index": "left_big_toe", "right_foot_index": "right_big_toe"}
_BODY = load_skeleton("blazepose-33")
WHOLE_BODY = load_skeleton("coco-wholebody-133")

_SIDES = ("left", "right")
# Per hand: its points in the whole body, and the body point and knuckles that belong to it.
_HAND_START = {side: WHOLE_BODY.index(f"{side}_hand_wrist") for side in _SIDES}

_FIRST_FACE = WHOLE_BODY.index("right_jaw1")
_FACE = slice(_FIRST_FACE, _FIRST_FACE + len(FACE_VERTICES))
FACE_POINTS = WHOLE_BODY.keypoints[_FACE]
"""Names of the 68 face points."""
_FACE_NOISE = np.array(
    [next(factor for part, factor in FACE_FACTOR.items() if part in name) for name in FACE_POINTS]
)


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
    face: FaceLandmarks | None = None,
    state: object = None,
) -> PersonLandmarks:
    """Merge the points of body, hands and face into one COCO-WholeBody-133 result.

    Args:
        pose: The body network's result.
        left: The left hand, if it was found.
        right: The right hand, if it was found.
        face: The face, if it was asked for and found.
        state: Handed through to the result.
    """
    count = len(WHOLE_BODY)
    position, world = np.full((count, 2), np.nan), np.full((count, 3), np.nan)
    confidence, sigma = np.zeros(count), np.full(count, np.nan)

    position[_TARGET] = pose.position[_SOURCE]
    world[_TARGET] = pose.world[_SOURCE]
    least = np.minimum(np.minimum(pose.visibility, pose.presence), pose.support)
    confidence[_TARGET] = least[_SOURCE]
    sigma[_TARGET] = believe(confidence[_TARGET], _FACTOR, side=pose.crop.side)
    box = bound_points(position[_TARGET], confidence[_TARGET])

    for side, hand in zip(_SIDES, (left, right), strict=True):
        rows = slice(_HAND_START[side], _HAND_START[side] + 21)
        if hand is None:
            world[rows] -= world[WHOLE_BODY.index(f"{side}_wrist")]
            continue
        position[rows] = hand.position
        world[rows] = hand.world - hand.world[0]
        confidence[rows] = hand.presence
        sigma[rows] = believe(confidence[rows], HAND_FACTOR, side=hand.crop.side)
    if face is not None:
        position[_FACE] = face.points
        confidence[_FACE] = face.presence
        sigma[_FACE] = believe(confidence[_FACE], _FACE_NOISE, side=face.crop.side)
    return PersonLandmarks(
        position=position.astype(np.float32),
        confidence=confidence.astype(np.float32),
        sigma=sigma.astype(np.float32),
        world=world.astype(np.float32),
        score=rate_pose(pose),
        box=box.astype(np.float32),
        state=state,
    )


def rate_pose(pose: PoseLandmarks) -> float:
    """Return the probability that the pose shows a person, as `PersonLandmarks.score` has it.

    The network's own score stays near 1 for much that is made up; it is lowered where fewer than
    about a third of the points have support in their heat maps.
    """
    return pose.score * min(1.0, pose.supported / 0.35)


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


def arrange_whole_body(
    position: Float[np.ndarray, "K 2"],
    confidence: Float[np.ndarray, "K"],
    skeleton: Skeleton,
    *,
    factor: float,
    side: float,
) -> PersonLandmarks:
    """Return a person of whom a network finds points in the image alone, in COCO-WholeBody order.

    Args:
        position: px of the image.
        confidence: 0 to 1.
        skeleton: What the points are; COCO's 17 come first.
        factor: A point's noise in px of a 256 px crop.
        side: Of the crop, in px of the image.
    """
    sigma = believe(confidence, factor, side=side)
    arranged = convert_keypoints(confidence, skeleton, WHOLE_BODY, axis=-1, missing=0.0)
    return PersonLandmarks(
        position=convert_keypoints(position, skeleton, WHOLE_BODY).astype(np.float32),
        confidence=arranged.astype(np.float32),
        sigma=convert_keypoints(sigma, skeleton, WHOLE_BODY, axis=-1).astype(np.float32),
        world=np.full((len(WHOLE_BODY), 3), np.nan, np.float32),
        score=float(np.mean(confidence[:17])),
        box=bound_points(position, confidence).astype(np.float32),
    )


def bound_points(
    position: Float[np.ndarray, "K 2"], confidence: Float[np.ndarray, "K"]
) -> Float[np.ndarray, "4"]:
    """Return the tight box around the points more likely seen than not; NaN if there are none."""
    sure = position[confidence > 0.5]
    if not len(sure):
        return np.full(4, np.nan)
    return np.concatenate([sure.min(0), sure.max(0)])
