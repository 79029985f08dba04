"""The journal answers what it was told, forgets what was cut off, and never anything else."""

from pathlib import Path

import numpy as np
import pytest

from marey.io.video import Frame
from marey.jobs.solve.journal import Journal

RUN = b"clip and options"


def frames(count: int):
    for index in range(count):
        yield Frame(index=index, time=index / 30, image=np.zeros((2, 2, 3), np.uint8))


def key(number: int, name: str = "a") -> bytes:
    return f"{name}{number}".encode().ljust(16)


def play(path: Path, count: int, *, identity: bytes = RUN) -> list[int]:
    """Ask one question in each frame; return the frames in which the network had to answer."""
    journal, live = Journal(path, identity), []
    for frame in journal.watch(frames(count)):
        answer = journal.recall(key(frame.index))
        if answer is None:
            live.append(frame.index)
            journal.keep(key(frame.index), b"answer %d" % frame.index)
        else:
            assert answer == b"answer %d" % frame.index
    journal.close()
    return live


def test_what_was_answered_is_not_asked_again(tmp_path):
    path = tmp_path / "journal"
    assert play(path, 10) == [*range(10)]
    assert play(path, 15) == [*range(10, 15)]
    assert play(path, 15) == []


def test_a_late_answer_is_found_a_frame_later(tmp_path):
    path = tmp_path / "journal"
    journal = Journal(path, RUN)
    for frame in journal.watch(frames(6)):
        if frame.index:
            journal.keep(key(frame.index - 1, "late"), b"x")
    journal.close()
    journal = Journal(path, RUN)
    for frame in journal.watch(frames(5)):
        assert journal.recall(key(frame.index, "late")) == b"x"
        assert journal.recall(key(frame.index + 3, "late")) is None
    journal.close()


def test_another_run_begins_anew(tmp_path):
    path = tmp_path / "journal"
    play(path, 10)
    assert play(path, 4, identity=b"other options") == [0, 1, 2, 3]


@pytest.mark.parametrize("lost", [1, 7, 20, 100, 200])
def test_a_torn_tail_is_cut_away(tmp_path, lost):
    path = tmp_path / "journal"
    play(path, 10)
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    live = play(path, 10)
    assert live == [*range(min(live), 10)]
    assert path.read_bytes() == whole


def test_a_flipped_bit_ends_the_journal_there(tmp_path):
    path = tmp_path / "journal"
    play(path, 10)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 25):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        live = play(path, 10)
        assert live == [*range(min(live), 10)]
        assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"junk", b"marey journal 1\n" + b"\xff" * 9])
def test_what_is_no_journal_is_replaced(tmp_path, content):
    path = tmp_path / "journal"
    path.write_bytes(content)
    assert play(path, 3) == [0, 1, 2]


def test_frames_leave_the_memory(tmp_path):
    journal = Journal(tmp_path / "journal", RUN)
    for frame in journal.watch(frames(100)):
        journal.keep(key(frame.index), b"x")
        assert len(journal._open) <= 4
    journal.close()
