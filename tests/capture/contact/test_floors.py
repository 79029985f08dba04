"""A floor for each: one's own, unless one is carried."""

import numpy as np

from marey.capture.contact.floors import FLOORS_APART_M, choose_floors, find_low


def test_the_floor_is_as_low_as_feet_come_but_for_outliers():
    heights = np.concatenate([np.full(97, 0.05), [-0.6], np.linspace(0.1, 1.0, 100), [np.nan]])
    assert find_low(heights) == 0.05
    assert np.isnan(find_low(np.full(3, np.nan)))


def test_who_is_carried_has_the_floor_of_the_lowest():
    low, nearly, carried = 0.1, 0.1 + 0.9 * FLOORS_APART_M, 0.1 + 1.1 * FLOORS_APART_M
    assert choose_floors([nearly, low, carried]) == [nearly, low, low]


def test_who_has_no_feet_has_a_floor_where_anybody_has_one():
    assert choose_floors([0.2, np.nan]) == [0.2, 0.2]
    assert np.isnan(choose_floors([np.nan, np.nan])).all() and choose_floors([]) == []
