"""Reading video: times, indices, pictures."""

import threading
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from marey.core.errors import FormatError, InputError
from marey.io.video import probe_clip, read_frames, select_frames
from tests.io.clips import frame_of, make_video
from tests.peak import run_program

UNEVEN = np.concatenate([[0.0], np.cumsum(np.random.default_rng(7).uniform(0.01, 0.1, 49))])
"""Presentation times of a variable frame rate, s."""

EVEN = np.arange(50) / 30


def video_paths(shared: Path) -> list[Path]:
    folders = (shared / "data" / "videos", shared / "data" / "pose2sim_single")
    return [
        p for folder in folders for p in sorted(folder.iterdir()) if p.suffix in (".mp4", ".avi")
    ]


@pytest.mark.parametrize(
    ("name", "resolution"), [("a.mp4", 1 / 90_000), ("a.mov", 1 / 90_000), ("a.mkv", 1e-3)]
)
def test_variable_frame_rate_survives(tmp_path, name, resolution):
    """The container's own clock (90 kHz here; always 1 kHz in Matroska) is all that may be lost."""
    clip = probe_clip(make_video(tmp_path / name, UNEVEN))
    np.testing.assert_allclose(clip.time, UNEVEN, atol=resolution, rtol=0)
    frames = list(read_frames(clip))
    assert [frame.index for frame in frames] == list(range(50))
    assert [frame.time for frame in frames] == clip.time.tolist()
    assert [frame_of(frame.image) for frame in frames] == [i % 30 for i in range(50)]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("b_frames.avi", "libx264", "yuv420p"),  # FFmpeg's time stamps trade places here
        ("hidden_frames.webm", "libvpx", "yuv420p"),  # alternate references are never shown
        ("stream.ts", "libx264", "yuv420p"),
        ("old.mpg", "mpeg2video", "yuv420p"),
        ("raw.h264", "libx264", "yuv420p"),
        ("ten_bit.mp4", "libx264", "yuv444p10le"),
        ("grey.mkv", "ffv1", "gray"),
        ("animation.gif", "gif", "rgb8"),
    ],
)
def test_awkward_files_keep_times_and_frames_in_step(tmp_path, name, codec, pix_fmt):
    time_base = Fraction(1, 100 if codec == "gif" else 30)
    options = {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "400k"} if codec == "libvpx" else {}
    path = make_video(
        tmp_path / name, EVEN, codec=codec, pix_fmt=pix_fmt, time_base=time_base, options=options
    )
    clip = probe_clip(path)
    frames = list(read_frames(clip))
    assert [frame.index for frame in frames] == list(range(clip.num_frames)) == list(range(50))
    assert (np.diff(clip.time) > 0).all()
    assert [frame_of(frame.image) for frame in frames] == [i % 30 for i in range(50)]


SHORT = ("mmhuman3d_multi.mp4", "mmhuman3d_single.mp4", "cam01.mp4", "dancer_pirouette.mp4")


@pytest.mark.parametrize("names", [SHORT, pytest.param((), marks=pytest.mark.slow)])
def test_shared_clips_yield_as_many_frames_as_times(shared, names):
    """The short ones always, all of them (about 2000 frames of high resolution) when asked."""
    for path in video_paths(shared):
        if names and path.name not in names:
            continue
        clip = probe_clip(path)
        indices = [frame.index for frame in read_frames(clip)]
        assert indices == list(range(clip.num_frames)), path.name
        assert clip.warnings == (), path.name


def test_pictures_agree_with_opencv(shared):
    """OpenCV decodes with its own build of FFmpeg and its own colour conversion."""
    for path in video_paths(shared):
        clip = probe_clip(path)
        capture = cv2.VideoCapture(str(path))
        for frame in read_frames(clip, stop=3):
            found, expected = capture.read()
            assert found and expected.shape[1::-1] == clip.size
            difference = np.abs(frame.image.astype(int) - expected[..., ::-1].astype(int))
            # Chroma is upsampled by another filter: edges differ, areas do not. A BT.601 matrix
            # taken for BT.709, or swapped channels, would shift the mean by 5 and more.
            assert difference.mean() < 2.5, path.name


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize(("hflip", "vflip"), [(False, False), (True, False), (False, True)])
def test_display_matrix_agrees_with_opencv_or_pixels(tmp_path, degrees, hflip, vflip):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :32] = 250  # bright: top left
    image[32:, :16] = 120  # grey: bottom left
    path = make_video(
        tmp_path / "turned.mp4", [0, 0.1], rotation=(degrees, hflip, vflip), images=[image] * 2
    )
    # FFmpeg's degrees turn counter-clockwise; the mirror acts on the turned picture.
    expected = np.rot90(image, degrees // 90)
    expected = expected[:, ::-1] if hflip else expected
    expected = expected[::-1] if vflip else expected
    clip = probe_clip(path)
    shown = next(read_frames(clip)).image
    assert clip.size == (expected.shape[1], expected.shape[0]) == shown.shape[1::-1]
    assert np.abs(shown.astype(int) - expected).mean() < 4
    if not (hflip or vflip):  # OpenCV knows rotations only
        found, oracle = cv2.VideoCapture(str(path)).read()
        assert found and np.abs(shown.astype(int) - oracle[..., ::-1]).mean() < 4


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
def test_any_range_equals_the_full_read(tmp_path, name):
    time_base = Fraction(1, 30) if name == "a.avi" else Fraction(1, 90_000)
    clip = probe_clip(make_video(tmp_path / name, EVEN, time_base=time_base))
    whole = [frame.image for frame in read_frames(clip)]
    for start, stop, every in [(0, 5, 1), (13, 14, 1), (17, 40, 3), (49, None, 1), (5, 5, 1)]:
        part = list(read_frames(clip, start=start, stop=stop, every=every))
        assert [frame.index for frame in part] == list(range(50))[start:stop:every]
        assert all(np.array_equal(frame.image, whole[frame.index]) for frame in part)


def test_ranges_past_the_end_are_empty_or_cut(tmp_path):
    clip = probe_clip(make_video(tmp_path / "a.mp4", EVEN))
    assert [frame.index for frame in read_frames(clip, start=48, stop=99)] == [48, 49]
    assert list(read_frames(clip, start=99)) == []


@pytest.mark.parametrize("options", [{"start": -1}, {"every": 0}, {"start": 4, "stop": 2}])
def test_senseless_ranges_are_refused_at_the_call(tmp_path, options):
    path = make_video(tmp_path / "a.mp4", EVEN)
    with pytest.raises(InputError, match="cannot be read"):
        read_frames(path, **options)


def prefetch_threads() -> int:
    return sum(thread.name == "marey-prefetch" for thread in threading.enumerate())


def test_a_consumer_that_stops_early_leaves_no_thread(tmp_path):
    path = make_video(tmp_path / "a.mp4", EVEN)
    for _ in range(3):
        frames = read_frames(path)
        next(frames)
        assert prefetch_threads() == 1
        frames.close()
        assert prefetch_threads() == 0
    for _ in read_frames(path):
        break
    assert prefetch_threads() == 0


def test_decoding_runs_ahead_by_a_bounded_number(tmp_path, monkeypatch):
    converted = []
    path = make_video(tmp_path / "a.mp4", EVEN)
    clip = probe_clip(path)
    monkeypatch.setattr(
        "marey.io.video.Orientation.apply",
        lambda self, image: converted.append(1) or image,
    )
    frames = read_frames(clip, prefetched=3)
    next(frames)
    deadline = time.monotonic() + 5
    while len(converted) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)  # time enough for dozens more, were the queue unbounded
    # One consumed, three waiting, one in the thread's hand.
    assert len(converted) == 5
    frames.close()


def test_size_change_within_a_video_is_an_error(tmp_path):
    parts = [
        make_video(tmp_path / f"{n}.h264", EVEN[:10], size=size, time_base=Fraction(1, 30))
        for n, size in enumerate([(64, 48), (96, 48)])
    ]
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = read_frames(path)
    assert next(frames).image.shape == (48, 64, 3)
    with pytest.raises(FormatError, match=r"frame 10 .* 96x48 px after frames of 64x48 px"):
        list(frames)


MEMORY_PROGRAM = """
import sys
from marey.io.video import read_frames
from tests.peak import peak_bytes
for frame in read_frames(sys.argv[1]):
    pass
print(frame.index + 1, peak_bytes())
"""


def peak_memory(path: Path) -> tuple[int, int]:
    frames, peak = run_program(MEMORY_PROGRAM, str(path), folder=path.parent).stdout.split()
    return int(frames), int(peak)


def test_memory_does_not_grow_with_length(tmp_path):
    """Ten times the frames; were they kept, 450 more of 0.9 MB would be resident."""
    size = (640, 480)
    short = make_video(tmp_path / "short.mp4", EVEN, size=size)
    long = make_video(tmp_path / "long.mp4", np.arange(500) / 30, size=size)
    (num_short, peak_short), (num_long, peak_long) = peak_memory(short), peak_memory(long)
    assert (num_short, num_long) == (50, 500)
    assert peak_long < peak_short + 20_000_000  # 20 MB: allocator noise, 5 % of the frames' size


@pytest.mark.parametrize("name", ["part.mp4", "part.mkv", "part.avi", "part.webm"])
@pytest.mark.parametrize(
    ("start", "end", "every"),
    [(None, None, 1), (0.5, None, 1), (None, 1.0, 3), (0.71, 1.33, 1), (0.2, 1.5, 4)],
)
def test_a_part_has_the_frames_and_times_of_the_whole(tmp_path, name, start, end, every):
    time = UNEVEN if not name.endswith((".avi", ".webm")) else EVEN
    options = {"codec": "libvpx"} if name.endswith(".webm") else {}
    whole = probe_clip(make_video(tmp_path / name, time, **options))
    part = select_frames(whole, start=start, end=end, every=every)
    moments = whole.time - whole.time[0]
    inside = (moments >= (start or 0) - 5e-4) & (moments < (9 if end is None else end) - 5e-4)
    expected = np.flatnonzero(inside)[::every]
    np.testing.assert_array_equal(part.time, whole.time[expected])
    frames = list(read_frames(part))
    assert [frame.index for frame in frames] == [*range(len(expected))]
    assert [frame.time for frame in frames] == part.time.tolist()
    assert [frame_of(frame.image) for frame in frames] == [i % 30 for i in expected]
    few = [frame.index for frame in read_frames(part, start=2, stop=9, every=3)]
    assert few == [*range(len(expected))][2:9:3]


def test_a_part_of_a_folder_of_images(tmp_path):
    for index in range(8):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((16, 16, 3), 30 * index, np.uint8))
    part = select_frames(probe_clip(tmp_path), start=0.06, every=2)
    assert [int(frame.image.mean()) // 30 for frame in read_frames(part)] == [2, 4, 6]


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (5.0, None, r"a\.mp4 ends before 5 s; its last frame is at 1\.63 s"),
        (0.5, 0.5, r"the end, 0\.5 s, must come after the start, 0\.5 s"),
        (1.0, 0.5, r"the end, 0\.5 s, must come after the start, 1 s"),
        (0.501, 0.502, r"no frame of a\.mp4 lies between 0\.501 s and 0\.502 s"),
    ],
)
def test_a_part_without_frames_is_refused(tmp_path, start, end, said):
    clip = probe_clip(make_video(tmp_path / "a.mp4", EVEN))
    with pytest.raises(InputError, match=said):
        select_frames(clip, start=start, end=end)
    with pytest.raises(InputError, match="at least 1"):
        select_frames(clip, every=0)
