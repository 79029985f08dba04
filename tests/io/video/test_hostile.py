"""Files that are missing, broken, cut off, disguised or malicious."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from marey.core.errors import FormatError, InputError
from marey.io.video import probe_clip, read_frames
from tests.io.clips import frame_of, make_video

EVEN = np.arange(60) / 30


def move_index_to_front(source, target):
    """Remux so that a cut at the end loses pictures, not the index."""
    with (
        av.open(str(source)) as old,
        av.open(str(target), "w", options={"movflags": "faststart"}) as new,
    ):
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        for packet in old.demux(stream):
            if packet.size:
                packet.stream = copy
                new.mux(packet)
    return target


def cut_file(source, target, fraction):
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * fraction)])
    return target


@pytest.mark.parametrize("fraction", [0.85, 0.9, 0.97, 0.995])
def test_cut_off_mp4_keeps_what_decodes_and_says_so(tmp_path, fraction):
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    images = [np.roll(noise, 3 * i, axis=1) for i in range(60)]
    whole = make_video(tmp_path / "whole.mp4", EVEN, images=images)
    path = cut_file(move_index_to_front(whole, tmp_path / "a.mp4"), tmp_path / "cut.mp4", fraction)
    clip = probe_clip(path)
    indices = [frame.index for frame in read_frames(clip)]
    assert indices == list(range(clip.num_frames))
    assert 20 < len(indices) < 60
    assert "60 frames" in clip.warnings[0] or "damaged" in clip.warnings[0]


def test_cut_off_matroska_keeps_what_decodes_and_says_so(tmp_path):
    whole = make_video(tmp_path / "a.mkv", EVEN * 3)
    clip = probe_clip(cut_file(whole, tmp_path / "cut.mkv", 0.6))
    assert [f.index for f in read_frames(clip)] == list(range(clip.num_frames))
    assert 5 < clip.num_frames < 60
    assert "cut off" in clip.warnings[0]


@pytest.mark.parametrize(("size", "is_cut"), [(1.0, False), (0.9, True), (0.6, True)])
def test_frames_dropped_in_the_recording_are_no_damage(tmp_path, size, is_cut):
    """AVI's header counts them, as empty packets keep their place."""
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    kept = np.delete(np.arange(60), [3, 4, 17, 40])
    path = make_video(
        tmp_path / "whole.avi",
        kept / 30,
        codec="mpeg4",
        images=[np.roll(noise, 3 * i, axis=1) for i in kept],
        time_base=Fraction(1, 30),
    )
    clip = probe_clip(cut_file(path, tmp_path / "cut.avi", size))
    if is_cut:
        assert f"cut off after {clip.num_frames} of 60 frames" in clip.warnings[0]
    else:
        assert clip.warnings == ()
        np.testing.assert_allclose(clip.time, kept / 30)


def test_damage_in_the_middle_keeps_the_indices_of_later_frames(tmp_path):
    path = make_video(tmp_path / "a.mp4", EVEN, options={"x264-params": "keyint=10:bframes=0"})
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][25]
        position, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[position : position + size] = b"\xff" * size
    path.write_bytes(data)
    clip = probe_clip(path)
    frames = list(read_frames(clip))
    assert clip.num_frames == 60
    assert 25 not in [frame.index for frame in frames]
    # From the next key frame on, index and picture agree again.
    assert [(f.index, frame_of(f.image)) for f in frames[-30:]] == [
        (i, i % 30) for i in range(30, 60)
    ]


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("empty.mp4", b"", InputError, "empty"),
        ("text.mp4", b"not a video\n" * 50, FormatError, "not a video marey can read"),
        ("noise.mkv", bytes(range(256)) * 20, FormatError, "not a video marey can read"),
        ("broken.png", b"\x89PNG\r\n\x1a\nrubbish", FormatError, "not an image"),
        ("empty.jpg", b"", InputError, "empty"),
    ],
)
def test_files_without_pictures_are_refused_in_one_sentence(tmp_path, name, content, kind, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(kind, match=message) as caught:
        probe_clip(path)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.mp4 does not exist; check the spelling"):
        probe_clip(tmp_path / "gone.mp4")


def test_an_mp4_without_its_index_is_refused(tmp_path):
    whole = make_video(tmp_path / "a.mp4", EVEN)  # the index stands at the end
    with pytest.raises(FormatError, match="may be cut off"):
        probe_clip(cut_file(whole, tmp_path / "cut.mp4", 0.5))


def test_sound_is_no_video(tmp_path):
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(InputError, match="holds no video"):
        probe_clip(path)


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "ffconcat version 1.0\nfile secret.mp4\n"),
        ("list.mpd", '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>'),
    ],
)
def test_playlists_cannot_pull_in_other_files(tmp_path, name, script):
    make_video(tmp_path / "secret.mp4", EVEN)
    path = tmp_path / name
    path.write_text(script)
    with pytest.raises(FormatError):
        probe_clip(path)


@pytest.mark.parametrize("name", ["http://127.0.0.1:9/a.mp4", "concat:a.mp4|b.mp4", "file:a.mp4"])
def test_addresses_are_only_ever_file_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "a.mp4", EVEN)
    with pytest.raises(InputError, match="does not exist"):
        probe_clip(name)


def test_gigantic_pictures_are_refused_before_they_are_decoded(tmp_path):
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + b"\0" * 9)
    with pytest.raises(FormatError, match="60000x60000 px"):
        probe_clip(path)


def test_gigantic_video_frames_are_refused(tmp_path):
    black = np.zeros((16, 17_000, 3), np.uint8)
    path = make_video(
        tmp_path / "wide.mkv",
        [0.0],
        codec="ffv1",
        size=(17_000, 16),
        images=[black],
        time_base=Fraction(1, 1000),
    )
    with pytest.raises(FormatError, match="17000x16 px"):
        probe_clip(path)
