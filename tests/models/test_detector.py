"""The shipped detector: its arithmetic on made-up numbers, the network on real frames."""

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marey.models.detector import SsdPersonDetector
from marey.models.detector.anchors import decode_boxes, make_anchors
from marey.models.detector.tiles import plan_windows, touches_inner_border
from marey.models.suppression import suppress_overlaps


def test_anchors_are_the_published_ones():
    anchors = make_anchors()
    assert anchors.shape == (1917, 4)
    # The first cell of the 19 x 19 map: a square of 0.1, then scale 0.2 at ratios 2 and 1/2.
    np.testing.assert_allclose(anchors[0], [0.5 / 19, 0.5 / 19, 0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(anchors[1, 2:], [0.2 / 2**0.5, 0.2 * 2**0.5], rtol=1e-6)
    # The last: the one cell of the coarsest map, scale sqrt(0.95 * 1).
    np.testing.assert_allclose(anchors[-1], [0.5, 0.5, 0.95**0.5, 0.95**0.5], rtol=1e-6)
    # Rows first: the second cell of the first map lies to the right of the first.
    assert anchors[3, 1] > anchors[0, 1]
    assert anchors[3, 0] == anchors[0, 0]


def test_codes_decode_to_boxes():
    anchor = np.float32([[0.5, 0.4, 0.2, 0.1]])
    np.testing.assert_allclose(
        decode_boxes(np.zeros((1, 4), np.float32), anchor), [[0.35, 0.4, 0.45, 0.6]], atol=1e-6
    )
    moved = decode_boxes(np.float32([[10, 0, 5 * np.log(2), 0]]), anchor)
    # One anchor height down, and twice as high.
    np.testing.assert_allclose(moved, [[0.35, 0.5, 0.45, 0.9]], atol=1e-6)


def test_of_two_boxes_on_one_person_the_surer_stays():
    box = np.float32([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]])
    chosen = suppress_overlaps(box, np.float32([0.5, 0.6, 0.4]), max_iou=0.5)
    assert chosen.tolist() == [1, 2]


def test_a_minor_box_inside_a_person_goes_even_if_surer():
    box = np.float32([[0, 0, 100, 200], [10, 10, 40, 60]])
    minor = np.array([False, True])
    confidence = np.float32([0.4, 0.9])
    assert suppress_overlaps(box, confidence, max_iou=0.5, minor=minor).tolist() == [0]
    assert len(suppress_overlaps(box, confidence, max_iou=0.5)) == 2


@given(st.lists(st.tuples(*[st.floats(0, 50)] * 4, st.floats(0, 1)), max_size=20))
def test_what_suppression_keeps_hardly_overlaps(rows):
    rows = np.array(rows, np.float64).reshape(-1, 5)
    box = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4] + 1], 1)
    chosen = box[suppress_overlaps(box, rows[:, 4], max_iou=0.5)]
    for i, a in enumerate(chosen):
        for b in chosen[:i]:
            shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
            union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared
            assert shared / union <= 0.5 + 1e-9
    assert (len(chosen) > 0) == (len(box) > 0)


@given(st.integers(50, 4000), st.integers(50, 4000), st.integers(100, 1000))
def test_whoever_is_small_is_whole_in_some_tile(width, height, tile):
    windows = plan_windows(width, height, tile=tile)
    assert windows[0] == (0, 0, width, height)
    small = tile // 3 - 1  # tiles start at whole pixels
    for x in range(0, max(width - small, 1), max(1, width // 13)):
        for y in range(0, max(height - small, 1), max(1, height // 13)):
            assert any(
                x0 <= x and y0 <= y and x1 >= min(x + small, width) and y1 >= min(y + small, height)
                for x0, y0, x1, y1 in windows[1:] or windows
            )


def test_boxes_at_a_tiles_inner_border_are_cut():
    window = (100, 0, 400, 300)
    box = np.float32([[101, 50, 150, 90], [200, 0, 250, 90], [350, 10, 399, 50], [200, 9, 250, 90]])
    cut = touches_inner_border(box, window, image_size=(1000, 600), margin=5.0)
    # The second touches the border of the image itself, which cuts nobody.
    assert cut.tolist() == [True, False, True, False]


def test_a_blank_image_holds_nobody():
    (found,) = SsdPersonDetector().detect([np.full((120, 200, 3), 128, np.uint8)])
    assert len(found) == 0
    assert found.box.shape == (0, 4)


def test_no_images_give_no_results():
    assert SsdPersonDetector().detect([]) == []


def read_frame(path, index):
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == index:
                return frame.to_ndarray(format="rgb24")
    raise AssertionError(f"{path} has no frame {index}")


@pytest.fixture(scope="module")
def two_people(shared):
    return read_frame(shared / "data" / "videos" / "mmaction2_two_person_hug.mp4", 5)


def test_two_people_are_found_where_they_stand(two_people):
    """Boxes read off the picture by eye; 30 px are a twentieth of the people's height."""
    (found,) = SsdPersonDetector().detect([two_people])
    assert len(found) == 2
    left, right = found.box[np.argsort(found.box[:, 0])]
    np.testing.assert_allclose(left[[1, 3]], [280, 925], atol=30)
    np.testing.assert_allclose(right[[1, 3]], [250, 890], atol=30)
    assert left[2] < right[2]


def test_the_place_in_a_batch_does_not_matter(two_people):
    mirrored = two_people[:, ::-1].copy()
    detector = SsdPersonDetector()
    together = detector.detect([two_people, mirrored, two_people])
    (alone,) = detector.detect([two_people])
    for found in (together[0], together[2]):
        np.testing.assert_allclose(found.box, alone.box, atol=0.05)
    assert len(together[1]) == 2


def test_tiles_find_far_people(two_people):
    """The same two people, 160 px tall, somewhere in a frame of 4000 x 2400 px."""
    canvas = np.full((2400, 4000, 3), 160, np.uint8)
    scene = cv2.resize(two_people, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    canvas[1500 : 1500 + len(scene), 2100 : 2100 + scene.shape[1]] = scene
    (coarse,) = SsdPersonDetector().detect([canvas])
    (fine,) = SsdPersonDetector(smallest_person=150.0).detect([canvas])
    (alone,) = SsdPersonDetector().detect([two_people])
    assert len(coarse) < 2
    expected = alone.box * 0.25 + np.float32([2100, 1500, 2100, 1500])
    for box in expected:
        # A person of 160 px is found to a tenth of that.
        assert np.abs(fine.box - box).max(1).min() < 16


def test_limbs_in_tiles_are_no_people(two_people):
    """The two fill half of the frame; tiles show their arms and legs as large as people."""
    (fine,) = SsdPersonDetector(smallest_person=60.0).detect([two_people])
    assert len(fine) == 2
