"""Moments as people write them."""

import pytest

from marey.core.errors import InputError
from marey.jobs.moments import parse_moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("83.5", 83.5), (".5", 0.5), ("1:23.5", 83.5), ("1:00:01", 3601), (" 90 ", 90)],
)
def test_moments(text, seconds):
    assert parse_moment(text, "--start") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "-1", "1:", ":30", "1:2:3:4", "nan", "1e3", "1,5"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(InputError, match="--end must be seconds or mm:ss"):
        parse_moment(text, "--end")
