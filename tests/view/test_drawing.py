"""Marks on pictures: where they should be, in the colour that means something."""

import numpy as np
import pytest

from marey.core import load_skeleton
from marey.view.colors import LEFT, MIDLINE, RIGHT, side_colors
from marey.view.drawing import draw_boxes, draw_keypoints, draw_names

SKELETON = load_skeleton("coco-17")


def blank() -> np.ndarray:
    return np.zeros((120, 160, 3), np.uint8)


def one_point(name: str, place: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    position = np.full((17, 2), np.nan, np.float32)
    confidence = np.zeros(17, np.float32)
    position[SKELETON.index(name)], confidence[SKELETON.index(name)] = place, 1
    return position, confidence


@pytest.mark.parametrize("place", [(40.5, 60.5), (41.0, 60.25), (80.3, 33.8)])
def test_a_dot_is_centred_on_its_keypoint(place):
    image = blank()
    draw_keypoints(image, SKELETON, *one_point("left_wrist", place), width=4.0)
    weight = image.sum(-1).astype(float)
    rows, columns = np.mgrid[:120, :160]
    assert (weight * (columns + 0.5)).sum() / weight.sum() == pytest.approx(place[0], abs=0.1)
    assert (weight * (rows + 0.5)).sum() / weight.sum() == pytest.approx(place[1], abs=0.1)


@pytest.mark.parametrize(
    ("name", "color"), [("left_knee", LEFT), ("right_knee", RIGHT), ("nose", MIDLINE)]
)
def test_sides_have_their_colours(name, color):
    image = blank()
    draw_keypoints(image, SKELETON, *one_point(name, (50.5, 50.5)), width=4.0)
    assert tuple(image[50, 50]) == color
    assert tuple(side_colors(SKELETON)[SKELETON.index(name)]) == color


def test_uncertain_keypoints_are_faint_and_missing_ones_absent():
    sure, unsure, missing = blank(), blank(), blank()
    position, confidence = one_point("nose", (50.5, 50.5))
    draw_keypoints(sure, SKELETON, position, confidence)
    draw_keypoints(unsure, SKELETON, position, confidence * 0.2)
    draw_keypoints(missing, SKELETON, position, confidence * 0)
    assert 10 < unsure.max() < sure.max() / 2
    assert not missing.any()


def test_limbs_join_their_ends():
    image = blank()
    position, confidence = one_point("left_hip", (30.5, 30.5))
    position[SKELETON.index("left_knee")] = (90.5, 70.5)
    confidence[SKELETON.index("left_knee")] = 1
    draw_keypoints(image, SKELETON, position, confidence)
    assert tuple(image[50, 60]) == LEFT


def test_dots_of_a_small_face_leave_room_between_them():
    """Three points 3 px apart on a line: their dots must not touch; far apart they are full."""
    skeleton = load_skeleton("coco-wholebody-133")
    rows = [skeleton.index(f"left_jaw{k}") for k in (1, 2, 3)]

    def thickness(step):
        image = np.zeros((600, 200, 3), np.uint8)
        position = np.full((133, 2), np.nan)
        position[rows] = [[20.5 + step * k, 100.5] for k in range(3)]
        confidence = np.isfinite(position).all(-1).astype(float)
        draw_keypoints(image, skeleton, position, confidence, width=6.0)
        return int((image[:, 20 + step] > 60).any(-1).sum())

    assert thickness(3) <= 5
    assert thickness(60) >= 6


@pytest.mark.parametrize("place", [(1e9, 1e9), (-1e7, 5.0), (np.nan, 4.0), (-500.0, -500.0)])
def test_points_far_outside_leave_the_picture_alone(place):
    image = blank()
    draw_keypoints(image, SKELETON, *one_point("nose", place))
    draw_boxes(image, np.array([[*place, *place]]), np.ones((1, 3)))
    assert not image.any()


def test_boxes_are_drawn_on_their_edges():
    image = blank()
    draw_boxes(image, np.array([[20.5, 30.5, 90.5, 80.5], [np.nan] * 4]), np.ones((2, 3)))
    assert image[30, 50].all() and image[60, 20].all() and not image[60, 50].any()


def test_names_keep_inside_and_apart():
    image = np.full((120, 160, 3), 200, np.uint8)
    anchors = np.array([[80.0, 60.0], [85.0, 62.0], [np.nan, np.nan]])
    draw_names(image, ["Ada", "Bo", "Cy"], anchors, np.eye(3))
    dark = (image < 150).all(-1)
    rows = np.flatnonzero(dark.any(1))
    assert len(rows) > 0
    # Two labels one above the other, with a gap of untouched rows between.
    assert (np.diff(rows) > 1).sum() == 1
    corner = np.full((120, 160, 3), 200, np.uint8)
    draw_names(corner, ["Ada"], np.array([[-50.0, -50.0]]), np.eye(3)[:1])
    assert (corner[:5, :5] < 150).all()
