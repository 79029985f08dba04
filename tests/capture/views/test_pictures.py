"""Pictures of several clips at the moments of one clock: the right ones, and no others decoded."""

import numpy as np
import pytest

from marey.capture.views import pictures
from marey.capture.views.pictures import find_pictures, read_pictures
from marey.io.video import read_frames
from tests.view.ring import read_clock, write_clock


def test_pictures_of_clips_are_those_of_the_moments(tmp_path):
    """One camera as fast as the clock, one of half its rate that began a tenth of a second late."""
    clips = [
        write_clock(tmp_path / "a.mp4", np.arange(8) / 30, size=(64, 48)),
        write_clock(tmp_path / "b.mp4", np.arange(4) / 15, size=(64, 48)),
    ]
    times = [clips[0].time, clips[1].time + 0.1]
    read = read_pictures(clips, times, np.arange(8) / 30)
    shown = {frame: read_clock(image) for frame, image in read(0, [2, 3, 6])}
    assert shown == {frame: pytest.approx(frame / 30, abs=0.005) for frame in (2, 3, 6)}
    shown = {frame: read_clock(image) for frame, image in read(1, range(8))}
    # It has a picture for every other moment, from the third on.
    assert shown == {frame: pytest.approx(frame / 30 - 0.1, abs=0.005) for frame in (3, 5, 7)}
    assert list(read(1, [0, 4])) == []


def test_of_a_slow_camera_each_picture_is_of_its_own_moment(tmp_path):
    """At a quarter of the clock's rate two moments beside each picture's are near it as well."""
    clip = write_clock(tmp_path / "a.mp4", np.arange(4) / 30, size=(64, 48))
    clock = np.arange(16) / 120
    found = find_pictures(clip, clip.time, clock, range(16))
    assert found == {0: 0, 4: 1, 8: 2, 12: 3}
    assert find_pictures(clip, clip.time, clock, [3, 5, 6]) == {3: 1}


def test_what_nobody_wants_is_skipped(tmp_path, monkeypatch):
    """Two moments far apart are two short reads; near ones are one."""
    clip = write_clock(tmp_path / "a.mp4", np.arange(80) / 200, size=(64, 48))
    spans = []

    def read(clip, *, start, stop):
        spans.append((start, stop))
        return read_frames(clip, start=start, stop=stop)

    monkeypatch.setattr(pictures, "read_frames", read)
    shown = read_pictures([clip], [clip.time], clip.time)(0, [2, 5, 75])
    clock = {frame: read_clock(image) for frame, image in shown}
    assert clock == {frame: pytest.approx(frame / 200, abs=0.005) for frame in (2, 5, 75)}
    assert spans == [(2, 6), (75, 76)]
