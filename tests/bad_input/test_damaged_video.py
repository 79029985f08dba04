"""A real recording, damaged in many ways: it is refused in one sentence, or solved with a warning.

What the decoder hides by itself (blocks of wrong pixels) nobody can know and is not warned of.
"""

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from marey.io.video import probe_clip, read_frames

from .conftest import check_take, read_report
from .damage import damage

SEEDS = [*range(10), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 200))]

pytestmark = pytest.mark.usefixtures("stand_ins")


def solve(run, data: bytes, name: str = "clip.mp4") -> tuple[bool, str]:
    """Solve a file with some content; whether it could be solved, and what was said."""
    Path(name).write_bytes(data)
    ended = run("solve", name, "-o", "clip.take")
    if ended.code:
        assert name in ended.said
        return False, ended.said
    take = check_take(Path("clip.take"))
    assert len(take.time) == len(list(read_frames(probe_clip(name))))
    # What is said is what the take keeps.
    said = [line.removeprefix("marey: ") for line in ended.said.splitlines()]
    assert said == list(take.clips[0].warnings)
    # No frame is lost without a word.
    assert said or len(take.time) == probe_clip(name).num_frames
    return True, ended.said


@pytest.mark.parametrize("seed", SEEDS)
def test_damage(run, clip, seed):
    solve(run, damage(clip, seed=seed))


def test_the_clip_itself_has_no_warning(run, clip):
    """Guards the tests here: whatever they say is due to the damage."""
    assert solve(run, clip) == (True, "")


def find_box(data: bytes, kind: bytes) -> tuple[int, int]:
    """Return where a box of an mp4 file begins and ends."""
    place = 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == kind:
            return place, place + size
        place += size
    raise AssertionError(kind)


def cut_after_index(data: bytes) -> bytes:
    """Return a header that promises a video of which nothing came."""
    return data[: find_box(data, b"moov")[1]]


def cut_in_index(data: bytes) -> bytes:
    return data[: find_box(data, b"moov")[1] - 300]


def keep_first_box(data: bytes) -> bytes:
    return data[: find_box(data, b"ftyp")[1]]


def empty_pictures(data: bytes) -> bytes:
    start, stop = find_box(data, b"mdat")
    return data[: start + 8] + bytes(stop - start - 8) + data[stop:]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: b"", "is empty (0 bytes); copy or record it again"),
        (lambda data: b"\0", "is not a video marey can read"),
        (lambda data: bytes(len(data)), "is not a video marey can read"),
        (keep_first_box, "is not a video marey can read"),
        (cut_in_index, "is not a video marey can read"),
        (cut_after_index, "not one frame of clip.mp4 can be decoded"),
        (empty_pictures, "not one frame of clip.mp4 can be decoded"),
    ],
)
def test_files_of_which_nothing_is_left(run, clip, change: Callable[[bytes], bytes], sentence):
    solved, said = solve(run, change(clip))
    assert not solved
    assert sentence in said


def test_a_cut_off_video_is_solved_as_far_as_it_goes(run, clip):
    start, stop = find_box(clip, b"mdat")
    solved, said = solve(run, clip[: stop - (stop - start) // 8])
    assert solved
    assert "clip.mp4 is cut off after" in said
    assert "of 12 frames; copy or export it again" in said
    assert "clip.mp4 is cut off after" in read_report(Path("clip.take"))


def test_frames_lost_in_the_middle_are_said(run, clip):
    Path("whole.mp4").write_bytes(clip)
    with av.open("whole.mp4") as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][5]
    Path("whole.mp4").unlink()
    assert packet.pos is not None
    stop = packet.pos + packet.size
    data = clip[: packet.pos] + b"\xff" * packet.size + clip[stop:]
    solved, said = solve(run, data)
    assert solved
    assert "clip.mp4 is damaged: 1 of its 12 frames could not be decoded" in said
    assert "could not be decoded" in read_report(Path("clip.take"))
