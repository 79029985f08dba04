"""A drawn face whose places are known: enough of one for the face network to be sure of it."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

SIZE = 192
_SCALE = 4

# px of the upright picture; the person's left is on the right.
PLACES = {
    "right_eye_outer": (66.0, 90.0),
    "right_eye_inner": (86.0, 90.0),
    "left_eye_inner": (106.0, 90.0),
    "left_eye_outer": (126.0, 90.0),
    "right_mouth_corner": (79.0, 137.0),
    "left_mouth_corner": (113.0, 137.0),
    "right_brow3": (76.0, 76.0),
    "left_brow3": (116.0, 76.0),
    "nose_base": (96.0, 123.0),
    "lower_lip_outer": (96.0, 142.5),
    "upper_lip_outer": (96.0, 131.5),
    "chin": (96.0, 162.0),
}
EYES = np.array([[116.0, 90.0], [76.0, 90.0]])
"""Centres of the left and the right eye."""
MOUTH = np.array([96.0, 137.0])


def draw_face() -> UInt8[np.ndarray, "S S 3"]:
    """Draw a face seen from the front, symmetric about the middle of the picture."""
    image = np.full((SIZE * _SCALE, SIZE * _SCALE, 3), (120, 150, 170), np.uint8)

    def ellipse(centre, axes, color, *, arc=(0, 360), width=-1):
        ends = [tuple(round(value * _SCALE) for value in pair) for pair in (centre, axes)]
        stroke = width if width < 0 else width * _SCALE
        cv2.ellipse(image, *ends, 0, *arc, color, stroke, cv2.LINE_AA)

    ellipse((96, 150), (24, 45), (190, 140, 115))
    ellipse((96, 84), (56, 70), (50, 35, 30))
    ellipse((96, 102), (46, 60), (215, 170, 145))
    for side in (-1, 1):
        eye, nostril = 96 + 20 * side, 96 + 7 * side
        ellipse((eye, 90), (10, 5), (245, 240, 235))
        ellipse((eye, 90), (4.5, 4.8), (60, 40, 30))
        ellipse((eye, 90), (11, 6), (90, 60, 50), arc=(180, 360), width=2)
        ellipse((eye, 82), (14, 6), (60, 40, 30), arc=(200, 340), width=4)
        ellipse((nostril, 121), (3, 2), (120, 70, 60))
        ellipse((96 + 11 * side, 118), (3, 4), (185, 135, 115))
    ellipse((96, 112), (7, 11), (228, 185, 160))
    ellipse((96, 137), (17, 5.5), (180, 80, 80))
    ellipse((96, 136.6), (15, 1), (110, 45, 45))
    small = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (0, 0), 1)


def turn_points(
    points: Float[np.ndarray, "*P 2"], angle: float, scale: float, shift: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "*P 2"]:
    """Turn points clockwise on screen about the origin (rad), enlarge and shift them."""
    cos, sin = np.cos(angle), np.sin(angle)
    return scale * points @ np.array([[cos, sin], [-sin, cos]]) + shift


def place_face(
    size: tuple[int, int], angle: float, scale: float, shift: Float[np.ndarray, "2"]
) -> UInt8[np.ndarray, "H W 3"]:
    """Return a picture (height, width) with the drawn face moved as `turn_points` moves points."""
    linear = turn_points(np.eye(2), angle, scale, np.zeros(2)).T
    offset = linear @ np.full(2, 0.5) + shift - 0.5
    matrix = np.column_stack([linear, offset])
    return cv2.warpAffine(
        draw_face(), matrix, size[::-1], borderMode=cv2.BORDER_CONSTANT, borderValue=(120, 150, 170)
    )
