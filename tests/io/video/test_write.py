"""Writing video, judged by OpenCV's decoder and by the bytes of the file."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from marey.core.errors import InputError, ShapeError
from marey.io.video import open_video_writer, probe_clip, read_frames, write_video
from tests.io.clips import frame_of, grey


def grey_images(count, size=(64, 48)):
    return [np.full((size[1], size[0], 3), grey(i), np.uint8) for i in range(count)]


@pytest.mark.parametrize("offset", [0.0, 0.4])
def test_variable_times_are_kept_to_a_tick(tmp_path, offset):
    times = offset + np.cumsum(np.random.default_rng(3).uniform(0.005, 0.2, 40))
    write_video(tmp_path / "a.mp4", iter(grey_images(40)), times=times)
    clip = probe_clip(tmp_path / "a.mp4")
    np.testing.assert_allclose(clip.time, times, atol=0.6 / 90_000, rtol=0)
    assert [frame_of(f.image) for f in read_frames(clip)] == [i % 30 for i in range(40)]


@pytest.mark.parametrize("frame_rate", [24.0, 30.0, 30000 / 1001, 59.94])
def test_constant_frame_rate(tmp_path, frame_rate):
    write_video(tmp_path / "a.mp4", grey_images(90), frame_rate=frame_rate)
    clip = probe_clip(tmp_path / "a.mp4")
    np.testing.assert_allclose(clip.time, np.arange(90) / frame_rate, atol=0.6 / 90_000, rtol=0)
    assert cv2.VideoCapture(str(tmp_path / "a.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 90


def test_colours_come_back(tmp_path):
    """Pure colours differ most between BT.601 and BT.709 (by up to 30), so a mix-up shows."""
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (90, 160, 40), (255, 255, 255)]
    images = [np.full((48, 64, 3), colour, np.uint8) for colour in colours]
    write_video(tmp_path / "a.mp4", images, quality=4)
    for colour, frame in zip(colours, read_frames(tmp_path / "a.mp4"), strict=True):
        assert np.abs(frame.image.reshape(-1, 3).mean(0) - colour).max() < 5


def test_odd_sizes_are_padded_with_the_edge(tmp_path):
    images = grey_images(3, size=(63, 47))
    write_video(tmp_path / "a.mp4", images)
    frame = next(read_frames(tmp_path / "a.mp4"))
    assert frame.image.shape == (48, 64, 3)
    assert np.abs(frame.image.astype(int) - grey(0)).max() < 4


def test_the_index_stands_before_the_pictures(tmp_path):
    write_video(tmp_path / "a.mp4", grey_images(10))
    data = (tmp_path / "a.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


WRITE_NOISE = """
import os, sys
import numpy as np
from marey.io.video import write_video
if len(sys.argv) > 2:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
rng = np.random.default_rng(5)
wall = rng.integers(0, 256, (64, 80, 3), np.uint8).repeat(4, 0).repeat(4, 1)
write_video(sys.argv[1], (np.roll(wall, (k, 3 * k), (0, 1)) for k in range(30)))
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a choice of processors")
def test_equal_frames_are_equal_bytes_however_many_processors(tmp_path):
    for name, *options in (("a", "one processor"), ("b",), ("c",)):
        path = str(tmp_path / f"{name}.mp4")
        subprocess.run([sys.executable, "-c", WRITE_NOISE, path, *options], check=True)
    whole = (tmp_path / "a.mp4").read_bytes()
    assert (tmp_path / "b.mp4").read_bytes() == whole
    assert (tmp_path / "c.mp4").read_bytes() == whole


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, grey_images(3))
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), open_video_writer(path) as writer:
        writer.write(grey_images(1)[0])
        raise ZeroDivisionError
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("images", "times", "kind"),
    [
        (grey_images(3), np.array([0.0, 0.2, 0.1]), InputError),
        (grey_images(3), np.array([0.0, 0.1]), InputError),
        (grey_images(1), np.array([0.0, 0.1]), InputError),
        ([], None, InputError),
        ([*grey_images(1), *grey_images(1, size=(80, 48))], None, ShapeError),
    ],
)
def test_contradictions_are_refused(tmp_path, images, times, kind):
    with pytest.raises(kind):
        write_video(tmp_path / "a.mp4", images, times=times)
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffixes_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.mp4"):
        write_video(tmp_path / "a.txt", grey_images(1))
