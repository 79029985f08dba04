"""Averages: what counts, and in which order."""

import numpy as np
import pytest

from marey.evaluate import Score, average, summarise


def test_summary_pools_frames_and_joints():
    errors = np.array([[1.0, np.nan], [2.0, 3.0], [np.nan, np.nan]])
    score = summarise(errors)
    assert (score.value, score.num_frames, score.num_values) == (2.0, 2, 3)


def test_orders_of_averaging_differ_where_something_is_missing():
    long = np.array([[1.0, 3.0], [5.0, np.nan]])
    short = np.array([[7.0, 9.0]])
    values = {
        "values": (1 + 3 + 5 + 7 + 9) / 5,
        "frames": (2 + 5 + 8) / 3,
        "joints": ((1 + 5 + 7) / 3 + (3 + 9) / 2) / 2,
        "sequences": (3 + 8) / 2,
    }
    for order, expected in values.items():
        score = average([long, short], order=order)
        assert score.value == pytest.approx(expected)
        assert (score.num_frames, score.num_values) == (3, 5)


def test_what_should_have_counted_is_said():
    errors = np.array([[1.0, np.nan, np.nan]])
    score = summarise(errors, expected=np.array([[True, True, False]]))
    assert score == Score(value=1.0, num_frames=1, num_values=1, num_missing=1)


def test_nothing_is_nan_in_every_order():
    nothing = np.full((2, 3), np.nan)
    for order in ("values", "frames", "joints", "sequences"):
        assert np.isnan(average([nothing], order=order).value)
        assert np.isnan(average([], order=order).value)
