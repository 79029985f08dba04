"""What the networks answered, frame by frame, in a file that survives whatever ends the run.

Finding people is one causal pass whose cost is the networks. Their answers are appended to a
journal as the frames pass; when an interrupted run begins again, frames are decoded and people
followed as before, but the journal answers in place of the networks until it ends. The result is
the same to the last bit, since it is made by the same steps from the same answers.

An answer is found by what was asked (see `recorded`), not by its place: calls run in several
threads. A question the journal does not know is asked of the network, so nothing depends on the
journal being complete.

The file is a line that says what it is, then records: length and CRC-32 (4 bytes each, little
endian), then content. The first holds what the run is made of, each other one frame. A record that
was cut off or damaged ends the journal; it and whatever follows are cut away.
"""

import os
import struct
import time as clock
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

from marey.io.video import Frame

_MAGIC = b"marey journal 1\n"
_HEAD = struct.Struct("<II")
_GROUP = struct.Struct("<QI")
_ENTRY = struct.Struct("<16sI")
_FLUSH_SECONDS, _SYNC_SECONDS = 0.5, 5.0
"""How much is lost when the process dies, and when the machine does."""
_BEHIND = 2
"""A frame's calls are over when the frame after the next one begins."""

Answers = dict[bytes, bytes]


class Journal:
    """Answers of the networks by frame.

    Args:
        path: The file; made if it is not there.
        identity: What the run is made of; a journal of another run is begun anew.
    """

    def __init__(self, path: Path, identity: bytes):
        self._lock, self._path = Lock(), path
        self._reading: Iterator[tuple[int, Answers]] = iter(())
        self._next: tuple[int, Answers] | None = None
        self._known: deque[tuple[int, Answers]] = deque(maxlen=_BEHIND + 2)
        self._open: dict[int, Answers] = {}
        self._frame = -1
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._flushed = self._synced = clock.monotonic()
        self.num_frames, end = _measure(path, identity)
        """Frames that the file holds."""
        if end:
            self._file.truncate(end)
            self._reading = _read_groups(path, end)
            self._next = next(self._reading, None)
        else:
            self._file.truncate(0)
            self._file.write(_MAGIC)
            self._append(identity)
            self._file.flush()
        self._file.seek(0, os.SEEK_END)

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass frames on, and take note where one ends and the next begins."""
        for frame in frames:
            self.advance()
            yield frame

    def advance(self) -> None:
        """Take note that a frame ends and the next begins."""
        with self._lock:
            self._frame += 1
            self._load(self._frame + 1)
        self._write_groups(self._frame - _BEHIND)

    def recall(self, key: bytes) -> bytes | None:
        """Return the answer to a question of about this frame, if it is known."""
        with self._lock:
            for _, answers in self._known:
                if key in answers:
                    return answers[key]
        return None

    def keep(self, key: bytes, answer: bytes) -> None:
        """Take note of an answer."""
        with self._lock:
            if self._frame >= self.num_frames:
                self._open.setdefault(self._frame, {})[key] = answer

    def close(self) -> None:
        """Write what is left and close the file."""
        with suppress(OSError):
            self._write_groups(self._frame)
        self._file.close()

    def _load(self, last: int) -> None:
        """Read the groups up to a frame: a call may be noted one frame later than it comes."""
        while self._next is not None and self._next[0] <= last:
            self._known.append(self._next)
            self._next = next(self._reading, None)

    def _write_groups(self, last: int) -> None:
        with self._lock:
            ready = [self._open.pop(number, {}) for number in range(self.num_frames, last + 1)]
        for answers in ready:
            entries = [_ENTRY.pack(key, len(value)) + value for key, value in answers.items()]
            self._append(_GROUP.pack(self.num_frames, len(entries)) + b"".join(entries))
            self.num_frames += 1
        now = clock.monotonic()
        if ready and now - self._flushed > _FLUSH_SECONDS:
            self._file.flush()
            self._flushed = now
            if now - self._synced > _SYNC_SECONDS:
                os.fsync(self._file.fileno())
                self._synced = now

    def _append(self, content: bytes) -> None:
        self._file.write(_HEAD.pack(len(content), zlib.crc32(content)) + content)


def _measure(path: Path, identity: bytes) -> tuple[int, int]:
    """Return how many frames and bytes are sound; zeros if the journal is of another run."""
    num_frames = size = 0
    for number, (content, end) in enumerate(_read_records(path, path.stat().st_size)):
        if number == 0 and content != identity:
            break
        if number > 0 and not _is_group(content, number - 1):
            break
        num_frames, size = number, end
    return num_frames, size


def _read_records(path: Path, size: int) -> Iterator[tuple[bytes, int]]:
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            if length > size - file.tell():
                return
            content = file.read(length)
            if zlib.crc32(content) != checksum:
                return
            yield content, file.tell()


def _read_groups(path: Path, size: int) -> Iterator[tuple[int, Answers]]:
    for number, (content, _) in enumerate(_read_records(path, size)):
        if number > 0:
            yield number - 1, _split(content)


def _is_group(content: bytes, number: int) -> bool:
    return len(content) >= _GROUP.size and _GROUP.unpack_from(content)[0] == number


def _split(content: bytes) -> Answers:
    answers, place = {}, _GROUP.size
    for _ in range(_GROUP.unpack_from(content)[1]):
        key, length = _ENTRY.unpack_from(content, place)
        place += _ENTRY.size
        answers[key] = content[place : place + length]
        place += length
    return answers
