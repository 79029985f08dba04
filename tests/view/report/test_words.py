"""Numbers and times as people read them."""

import numpy as np
import pytest

from marey.view.report.words import count, duration, moment, number, percent, spans_text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0099, "< 0.01"), (-0.001, "0"), (0.0123, "0.012"),
     (3.14159, "3.1"), (312, "310"), (1234567, "1 200 000"),
     (-2.55, "-2.5"), (9.96, "10"), (0.996, "1.0"), (np.nan, "\N{EN DASH}"),
     (np.inf, "\N{EN DASH}")],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.999, "> 99 %"), (0.987, "99 %"), (0.5, "50 %"), (0.0123, "1.2 %"),
     (0.0002, "< 0.1 %"), (0.0, "0 %"), (1.5, "150 %"), (np.nan, "\N{EN DASH}")],
)  # fmt: skip
def test_percentages_never_round_to_all_or_nothing(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (3.24, "3.2 s"), (59.96, "1:00.0"), (63.24, "1:03.2"), (7263.2, "2:01:03.2"),
     (-1.5, "\N{MINUS SIGN}1.5 s")],
)  # fmt: skip
def test_moments(seconds, text):
    assert moment(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.042, "42 ms"), (4.21, "4.2 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_spans():
    assert (
        spans_text(((1.0, 1.01), (2.0, 3.5), (59.0, 61.0)))
        == "1.0 s, 2.0\N{EN DASH}3.5 s, 59.0 s\N{EN DASH}1:01.0"
    )
    many = tuple((float(k), k + 0.5 + (k == 19)) for k in range(20))
    text = spans_text(many)
    assert text.endswith("and 12 more") and "19.0\N{EN DASH}20.5 s" in text  # the longest is kept


def test_counts():
    assert count(1, "frame") == "1 frame" and count(0, "person", "people") == "0 people"
    assert count(1234567, "frame") == "1 234 567 frames"
