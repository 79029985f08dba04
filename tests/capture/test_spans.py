"""Bridged gaps: exact answers on small masks."""

import numpy as np

from marey.capture.spans import bridge_gaps


def mask(text: str) -> np.ndarray:
    return np.array([letter == "x" for letter in text])


def test_a_gap_of_half_a_second_is_bridged_and_a_longer_one_is_not():
    time = np.arange(40) / 10.0
    seen = mask("." * 2 + "x" * 8 + "." * 4 + "x" * 8 + "." * 5 + "x" * 8 + "." * 5)
    solved = bridge_gaps(seen, time, max_gap=0.5)
    # Four missing frames at 10 per second lie between observations 0.5 s apart, five 0.6 s apart.
    assert solved[10:14].all()
    assert not solved[22:27].any()


def test_ends_are_never_extrapolated():
    time = np.arange(6) / 30.0
    solved = bridge_gaps(mask(".xx..."), time, max_gap=10.0)
    assert list(solved) == [False, True, True, False, False, False]


def test_gaps_are_measured_on_the_clock_and_not_in_frames():
    time = np.array([0.0, 0.1, 2.0, 2.1])
    assert not bridge_gaps(mask("x.xx"), time, max_gap=0.5).all()
