"""Boxes: areas and overlaps by hand, and what must hold for any two of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marey.capture.boxes import area, centre, overlap

coordinate = st.floats(-100, 100)
boxes = st.tuples(coordinate, coordinate, st.floats(0.1, 50), st.floats(0.1, 50)).map(
    lambda b: np.array([[b[0], b[1], b[0] + b[2], b[1] + b[3]]])
)


def test_overlaps_by_hand():
    a = np.array([[0.0, 0.0, 10.0, 10.0]])
    b = np.array([[5.0, 0.0, 15.0, 10.0], [2.0, 2.0, 4.0, 4.0], [20.0, 0.0, 30.0, 10.0]])
    union, smaller = overlap(a, b)
    np.testing.assert_allclose(union, [[50 / 150, 4 / 100, 0.0]])
    np.testing.assert_allclose(smaller, [[0.5, 1.0, 0.0]])
    np.testing.assert_allclose(area(b), [100.0, 4.0, 100.0])
    np.testing.assert_allclose(centre(b), [[10, 5], [3, 3], [25, 5]])


def test_turned_over_and_missing_boxes():
    assert area(np.array([3.0, 3.0, 1.0, 9.0])) == 0
    union, _ = overlap(np.full((1, 4), np.nan), np.array([[0.0, 0.0, 1.0, 1.0]]))
    assert not (union > 0).any()
    assert overlap(np.zeros((0, 4)), np.zeros((3, 4)))[0].shape == (0, 3)


@given(a=boxes, b=boxes)
def test_overlap_is_symmetric_and_bounded(a, b):
    union, smaller = overlap(a, b)
    np.testing.assert_allclose(union, overlap(b, a)[0].T)
    assert 0 <= union[0, 0] <= smaller[0, 0] + 1e-9
    assert smaller[0, 0] <= 1 + 1e-6
    np.testing.assert_allclose(overlap(a, a)[0], 1.0, rtol=1e-6)
