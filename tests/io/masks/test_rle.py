"""Run lengths: round trips, values worked out by hand, and damage."""

import contextlib
import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from marey.io.json_file import JsonFault
from marey.io.masks._rle import decode_text, encode_text, fill_runs, find_runs, read_segmentation

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@given(masks)
def test_masks_survive_both_ways_of_writing(mask):
    size = (mask.shape[1], mask.shape[0])
    runs = find_runs(mask)
    np.testing.assert_array_equal(fill_runs(runs, size), mask)
    text = encode_text(runs)
    np.testing.assert_array_equal(decode_text(text), runs)
    for counts in (runs.tolist(), text):
        value = {"size": list(mask.shape), "counts": counts}
        np.testing.assert_array_equal(read_segmentation(value, size), mask)


@given(st.lists(st.integers(0, 2**30), min_size=1, max_size=30))
def test_long_runs_survive_as_text(runs):
    np.testing.assert_array_equal(decode_text(encode_text(np.array(runs))), runs)


def test_text_by_hand():
    """3 is '3'; 40 = 8 + 32: first 8 with the sixth bit, then 1; the fourth run is a difference."""
    assert decode_text("3").tolist() == [3]
    assert decode_text("X1").tolist() == [40]
    # 5, 6, 7, then 6 - 2 = 4 as the difference -2 = 30 in five bits, whose fifth bit is its sign.
    assert decode_text("567N").tolist() == [5, 6, 7, 4]


def test_runs_go_down_the_columns():
    mask = read_segmentation({"size": [3, 2], "counts": [2, 2, 2]}, (2, 3))
    np.testing.assert_array_equal(mask, [[0, 1], [0, 0], [1, 0]])


def test_polygons_fill_the_pixels_whose_centres_they_hold():
    square = [2, 1, 6, 1, 6, 4, 2, 4]
    mask = read_segmentation([square, [0, 0, 1, 0, 1, 1, 0, 1]], (8, 6))
    assert mask[2, 3] and mask[0, 0] and not mask[5].any() and not mask[:, 7].any()
    assert 12 <= mask.sum() <= 25


def test_ochuman_masks_hold_their_keypoints(shared):
    """Real text: labelled keypoints that are visible lie within the mask or close beside it."""
    data = json.loads((shared / "data" / "ochuman" / "test_ochuman.json").read_text())
    sizes = {image["id"]: (image["width"], image["height"]) for image in data["images"]}
    inside = []
    for row in data["annotations"]:
        mask = read_segmentation(row["segmentation"], sizes[row["image_id"]])
        near = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8))
        points = np.array(row["keypoints"]).reshape(-1, 3)
        x, y = points[points[:, 2] == 2, :2].astype(int).T
        inside += near[y, x].tolist()
    assert len(inside) > 40
    assert np.mean(inside) > 0.95


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        {"size": [3, 2]},
        {"size": [2, 3], "counts": [6]},
        {"size": None, "counts": [6]},
        {"size": [3, 2], "counts": [7]},
        {"size": [3, 2], "counts": [7, -1]},
        {"size": [3, 2], "counts": [2.0, 4]},
        {"size": [3, 2], "counts": [2**62, 2**62, 2**62]},
        {"size": [3, 2], "counts": "6o"},
        {"size": [3, 2], "counts": "oooooooooooooooooooo"},
        {"size": [3, 2], "counts": "\x00"},
        {"size": [3, 2], "counts": "é"},
        [[1, 2, 3]],
        [["a", 2]],
        [[1e30, 0, 1, 1, 2, 2]],
        [5],
    ],
)
def test_damage_is_a_fault_in_a_sentence(value):
    with pytest.raises(JsonFault):
        read_segmentation(value, (2, 3))


@given(st.text(max_size=20))
def test_no_text_is_more_than_a_fault(text):
    with contextlib.suppress(JsonFault):
        read_segmentation({"size": [3, 2], "counts": text}, (2, 3))
