"""One camera's pictures at moments of another clock."""

import numpy as np
import pytest

from marey.view.view_pictures import ViewPictures

from .ring import read_clock, write_clock

SIZE = (64, 48)


def ask(clip, moments, *, offset=0.0):
    pictures = ViewPictures(clip, size=(32, 24), offset=offset, start=float(moments[0]))
    try:
        answers = [pictures.at(float(time)) for time in moments]
    finally:
        pictures.close()
    return [(None if image is None else read_clock(image), is_now) for image, is_now in answers]


def test_every_moment_has_the_nearest_picture(tmp_path):
    """A camera of 15 pictures a second that began 0.2 s late, asked 30 times a second."""
    times = np.arange(6) / 15 + 0.02
    clip = write_clock(tmp_path / "slow.mp4", times, size=SIZE)
    moments = 0.2 + np.arange(12) / 30
    for moment, (shown, is_now) in zip(moments, ask(clip, moments, offset=0.2), strict=True):
        own = times + 0.2
        nearest = own[np.abs(own - moment).argmin()]
        assert is_now == (abs(nearest - moment) <= 0.51 / 15)
        if is_now:
            assert shown + 0.2 == pytest.approx(nearest, abs=0.005)


def test_a_faster_camera_leaves_pictures_out(tmp_path):
    clip = write_clock(tmp_path / "fast.mp4", np.arange(24) / 60, size=SIZE)
    moments = np.arange(10) / 25
    for moment, (shown, is_now) in zip(moments, ask(clip, moments), strict=True):
        assert is_now and abs(shown - moment) < 0.5 / 60 + 0.003


def test_dropped_pictures_are_told_and_the_last_one_stays(tmp_path):
    times = np.delete(np.arange(12) / 30, [4, 5, 6])
    clip = write_clock(tmp_path / "gap.mp4", times, size=SIZE)
    answers = ask(clip, np.arange(14) / 30)
    assert [is_now for _, is_now in answers] == [True] * 4 + [False] * 3 + [True] * 5 + [False] * 2
    assert answers[5][0] == pytest.approx(3 / 30, abs=0.005)
    assert answers[13][0] == pytest.approx(11 / 30, abs=0.005)


def test_before_the_first_picture_there_is_none(tmp_path):
    clip = write_clock(tmp_path / "late.mp4", 0.2 + np.arange(4) / 30, size=SIZE)
    answers = ask(clip, np.arange(8) / 30)
    assert answers[0] == (None, False)
    assert answers[6] == (pytest.approx(0.2, abs=0.005), True)


def test_a_clip_that_begins_earlier_is_entered_in_the_middle(tmp_path):
    clip = write_clock(tmp_path / "early.mp4", np.arange(12) / 30, size=SIZE)
    (shown, is_now), *_ = ask(clip, [8 / 30])
    assert is_now and shown == pytest.approx(8 / 30, abs=0.005)
