"""Runs, bridged gaps and windows: exact answers on small masks, coverage by property."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marey.capture.spans import bridge_gaps, runs, windows


def mask(text: str) -> np.ndarray:
    return np.array([letter == "x" for letter in text])


def test_runs_of_a_small_mask():
    assert runs(mask(".xx..x")) == [slice(1, 3), slice(5, 6)]
    assert runs(mask("...")) == []
    assert runs(mask("xxx")) == [slice(0, 3)]


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


@given(
    start=st.integers(0, 50),
    length=st.integers(1, 400),
    size=st.integers(1, 100),
    ahead=st.integers(0, 30),
)
def test_windows_keep_every_frame_once_and_in_order(start, length, size, ahead):
    kept = []
    for window, keep in windows(slice(start, start + length), size=size, ahead=ahead):
        assert window.start == keep.start
        assert keep.stop <= window.stop <= start + length
        kept.extend(range(keep.start, keep.stop))
    assert kept == list(range(start, start + length))
