"""Numbers as people read them."""

import pytest

from marey.jobs.phrases import format_bytes, format_count, format_seconds


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (999_600, "1 MB"),
        (24.5e9, "24.5 GB"),
        (8e13, "80 TB"),
    ],
)
def test_bytes(size, text):
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0333, "0.0333 s"),
        (1.6667, "1.67 s"),
        (59.97, "1 min 00 s"),
        (119.6, "2 min 00 s"),
        (3725, "1 h 02 min 05 s"),
    ],
)
def test_durations(seconds, text):
    assert format_seconds(seconds) == text


def test_counts():
    assert format_count(1, "person", "people") == "1 person"
    assert format_count(0, "person", "people") == "0 people"
    assert format_count(2, "frame") == "2 frames"
