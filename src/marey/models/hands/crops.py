"""Where the hand network should look: from the body's points, or from its own last result.

Both ways give a crop turned along wrist -> middle knuckle. The body's three points of a hand are
coarse, so the first crop is wider and a second look follows; afterwards the hand carries itself.
"""

import numpy as np
from jaxtyping import Float

from marey.models.crop import SquareCrop, point_up
from marey.models.hands.network import HandLandmarks

_WRIST, _INDEX, _MIDDLE, _RING = 0, 5, 9, 13
_BODY_SIDE = 3.0
"""Side of the first crop over the distance from wrist to middle knuckle."""
_HAND_SIDE = 2.0
"""Side of a following crop over the longer side of the turned box around the 12 palm points."""
_SHIFT = 0.1
"""How far a following crop moves towards the fingertips, as a fraction of the box."""
_PALM = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)


def crop_from_body(
    wrist: Float[np.ndarray, "2"],
    index: Float[np.ndarray, "2"],
    pinky: Float[np.ndarray, "2"],
    *,
    min_length: float = 0.0,
) -> SquareCrop:
    """Return the crop with which to start on a hand, given three points of the body network.

    Args:
        wrist: px
        index: Index knuckle, px.
        pinky: Pinky knuckle, px.
        min_length: Least distance from wrist to middle knuckle to assume, in px. A hand that points
            at the camera looks short but is as large as ever when it opens.
    """
    # The middle knuckle lies between the two, nearer to the index.
    middle = (2 * np.asarray(index) + pinky) / 3
    length = max(float(np.linalg.norm(middle - wrist)), min_length)
    return SquareCrop(center=middle, side=_BODY_SIDE * length, angle=point_up(wrist, middle))


def crop_from_hand(hand: HandLandmarks) -> SquareCrop:
    """Return the crop for the next frame, or for a second look at the same frame."""
    points = hand.position
    knuckles = (points[_MIDDLE] + (points[_INDEX] + points[_RING]) / 2) / 2
    crop = SquareCrop(center=points[_WRIST], side=1.0, angle=point_up(points[_WRIST], knuckles))
    palm = points[list(_PALM)] @ crop.axes
    low, high = palm.min(0), palm.max(0)
    length = float((high - low).max())
    center = (low + high) / 2 - np.array([0.0, _SHIFT * length])
    return SquareCrop(center=crop.axes @ center, side=_HAND_SIDE * length, angle=crop.angle)
