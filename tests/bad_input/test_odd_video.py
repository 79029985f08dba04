"""Sound recordings of uncommon kinds are solved; those without pictures or people are refused."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from marey.io.video import probe_clip, read_frames, write_video
from tests.io.clips import make_video

from .conftest import check_take, read_report

EVEN = np.arange(12) / 30
MILLISECONDS = Fraction(1, 1000)


def size_of(images: list[np.ndarray]) -> tuple[int, int]:
    return images[0].shape[1], images[0].shape[0]


def encode(name: str, images: list[np.ndarray], times=EVEN, **options) -> Path:
    size = size_of(images)
    return make_video(Path(name), list(times), size=size, images=images, **options)


def solve(run, name: str) -> str:
    ended = run("solve", name, "-o", "clip.take")
    assert ended.code == 0, ended.said
    return ended.said


@pytest.mark.usefixtures("stand_ins")
class TestPictures:
    @pytest.mark.parametrize(
        ("name", "codec", "pix_fmt"),
        [
            ("grey.mkv", "libx264", "gray"),
            ("ten_bits.mkv", "libx264", "yuv420p10le"),
            ("grey_16_bits.mkv", "ffv1", "gray16le"),
            ("colour_16_bits.mov", "png", "rgba64be"),
            ("alpha.mov", "qtrle", "argb"),
            ("palette.gif", "gif", "rgb8"),
        ],
    )
    def test_depths_and_channels(self, run, images, name, codec, pix_fmt):
        encode(name, images[:4], EVEN[:4], codec=codec, pix_fmt=pix_fmt)
        assert solve(run, name) == ""
        assert check_take(Path("clip.take")).clips[0].size == size_of(images)
        frame = next(read_frames(name)).image.astype(int)
        wanted = images[0].mean(-1) if "grey" in name else images[0]
        found = frame.mean(-1) if "grey" in name else frame
        assert np.abs(found - wanted).mean() < (20 if "palette" in name else 8)

    @pytest.mark.parametrize("degrees", [90, 180, 270])
    def test_rotation(self, run, images, degrees):
        encode("turned.mp4", images[:4], EVEN[:4], rotation=(degrees, False, False))
        assert solve(run, "turned.mp4") == ""
        take = check_take(Path("clip.take"))
        width, height = size_of(images)
        shown = (width, height) if degrees == 180 else (height, width)
        assert take.clips[0].size == shown
        assert take.cameras is not None
        assert tuple(take.cameras.size[0]) == shown

    @pytest.mark.parametrize("size", [(359, 467), (179, 233)])
    def test_odd_sizes(self, run, images, size):
        small = [cv2.resize(image, size) for image in images[:4]]
        encode("odd.mkv", small, EVEN[:4], codec="ffv1", pix_fmt="bgr0")
        solve(run, "odd.mkv")
        assert check_take(Path("clip.take")).clips[0].size == size
        assert run("export", "clip.take", "odd.mp4").code == 0
        assert probe_clip("odd.mp4").size == (size[0] + 1, size[1] + 1)

    @pytest.mark.parametrize("size", [(1, 1), (2, 2), (360, 3), (3, 360)])
    def test_sizes_in_which_nobody_fits(self, run, images, size):
        small = [cv2.resize(image, size) for image in images[:2]]
        encode("tiny.mkv", small, EVEN[:2], codec="ffv1", pix_fmt="bgr0")
        ended = run("solve", "tiny.mkv")
        assert ended.code == 2
        assert "no people were found in tiny.mkv" in ended.said

    def test_one_frame(self, run, images):
        encode("one.mp4", images[:1], EVEN[:1])
        assert solve(run, "one.mp4") == ""
        assert len(check_take(Path("clip.take")).time) == 1
        assert "one.mp4" in read_report(Path("clip.take"))


@pytest.mark.usefixtures("stand_ins")
class TestClocks:
    @pytest.mark.parametrize("seconds", [10, 1_000_000])
    def test_a_jump(self, run, images, seconds):
        times = np.concatenate([EVEN[:6], EVEN[6:] + seconds])
        encode("jump.mkv", images, times, time_base=MILLISECONDS)
        said = solve(run, "jump.mkv")
        assert f"the clock of jump.mkv jumps 1 time, first by {seconds}.0 s after 0.2 s" in said
        take = check_take(Path("clip.take"))
        np.testing.assert_allclose(take.time, times, atol=0.002)
        assert "the clock of jump.mkv jumps 1 time" in read_report(Path("clip.take"))
        # Formats of one frame rate do not fill the time in between.
        for suffix in ("bvh", "npz", "c3d", "trc", "csv", "json", "mp4", "glb"):
            ended = run("export", "clip.take", f"out.{suffix}", "--quiet")
            assert ended.code in (0, 2), suffix
        assert sum(path.stat().st_size for path in Path().glob("out*")) < 10e6
        assert len(list(Path().glob("out_part*.bvh"))) == 2

    def test_backward(self, run, images):
        encode("late.ts", images, EVEN + 3)
        encode("early.ts", images, EVEN)
        Path("back.ts").write_bytes(Path("late.ts").read_bytes() + Path("early.ts").read_bytes())
        said = solve(run, "back.ts")
        assert "12 time stamps of back.ts do not come after the frame before" in said
        assert len(check_take(Path("clip.take")).time) == 24
        assert "12 time stamps of back.ts" in read_report(Path("clip.take"))

    def test_the_same_times_again(self, run, images):
        encode("once.ts", images, EVEN)
        Path("twice.ts").write_bytes(Path("once.ts").read_bytes() * 2)
        assert "time stamps of twice.ts do not come after" in solve(run, "twice.ts")
        assert len(check_take(Path("clip.take")).time) == 24

    def test_a_variable_frame_rate_is_no_fault(self, run, images):
        times = np.cumsum([0, 0.02, 0.05, 0.03, 0.4, 0.02, 0.1, 0.03, 0.03, 0.03, 0.03, 0.2])
        encode("phone.mp4", images, times)
        assert solve(run, "phone.mp4") == ""
        np.testing.assert_allclose(check_take(Path("clip.take")).time, times, atol=1e-4)


def test_sound_only(run):
    with av.open("sound.mp4", "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
        for packet in (*stream.encode(frame), *stream.encode()):
            container.mux(packet)
    ended = run("solve", "sound.mp4")
    assert ended.code == 2
    assert "sound.mp4 holds no video, only sound or other data; give a video file" in ended.said


def test_nobody_by_the_true_networks(run):
    """Noise, grey and black: sound videos in which the shipped networks see no one."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (3, 160, 120, 3), np.uint8)
    flat = [np.full((160, 120, 3), level, np.uint8) for level in (0, 128, 255)]
    write_video("nobody.mp4", [*noise, *flat], frame_rate=30)
    ended = run("solve", "nobody.mp4", "--export", "nobody.glb")
    assert ended.code == 2
    assert "no people were found in nobody.mp4; check that someone is visible" in ended.said


def test_somebody_by_the_true_networks(run, clip):
    """The clip of all these tests is one in which people are found."""
    Path("clip.mp4").write_bytes(clip)
    ended = run("solve", "clip.mp4", "--end", "0.15")
    assert (ended.code, ended.said) == (0, "")
    assert len(check_take(Path("clip.take")).people) >= 1
