"""A file, packed or not, that is read in order and never beyond a limit.

What a file says of its own lengths is a claim: a few bytes can promise gigabytes, and a packed file
can hold a thousand times its size. Nothing here is allocated before the bytes are there.
"""

import bz2
import lzma
import zlib
from io import BufferedIOBase, BufferedReader, RawIOBase
from pathlib import Path

from marey.core.errors import FormatError, InputError

CHUNK = 1 << 20
LONGEST_LINE = 16 << 20
LZMA_MEMORY = 256 << 20
"""Bytes that unpacking may need for itself; the strongest setting of xz needs 65 MiB."""

UNPACK_FAULTS = (zlib.error, lzma.LZMAError, EOFError, OSError)
"""What damaged packed files make the standard library raise."""


class BoundedSource:
    """Reads from a file as `pickle` does, but refuses lengths that cannot be true."""

    def __init__(self, file: BufferedIOBase, limit: int):
        self._file, self._left = file, limit

    def read(self, count: int) -> bytes | bytearray:
        """Return exactly `count` bytes; long ones as a bytearray that nobody else holds.

        Raises:
            FormatError: If there are fewer.
        """
        if count > self._left:
            raise FormatError(
                f"it promises {count} bytes where at most {self._left} can follow; it is cut off, "
                "damaged or too large"
            )
        self._left -= count
        if count <= CHUNK:
            data: bytes | bytearray = self._file.read(count)
        else:
            data = bytearray()
            while len(data) < count and (part := self._file.read(min(CHUNK, count - len(data)))):
                data += part
        if len(data) < count:
            raise FormatError("it is cut off; copy it again")
        return data

    def readline(self) -> bytes:
        """Return a line.

        Raises:
            FormatError: If it is absurdly long.
        """
        line = self._file.readline(min(LONGEST_LINE, self._left))
        if len(line) == LONGEST_LINE:
            raise FormatError(f"it holds a line of more than {LONGEST_LINE} bytes")
        self._left -= len(line)
        return line


def open_source(path: Path, *, max_bytes: int) -> tuple[BufferedIOBase, BoundedSource]:
    """Open a file, unpacking zlib, gzip, bzip2, lzma and xz as it is read.

    Args:
        path: The file.
        max_bytes: How much may be read, after unpacking.

    Returns:
        The file, to be closed, and the source that reads it.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is larger, or packed in a way that cannot be read.
    """
    try:
        file = path.open("rb")
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    try:
        if size > max_bytes:
            raise FormatError(f"it is larger than {max_bytes} bytes; is it the right file?")
        unpacker = _find_unpacker(file.peek(6))
        if unpacker is None:
            return file, BoundedSource(file, size)
        return file, BoundedSource(BufferedReader(_Unpacked(file, unpacker), CHUNK), max_bytes)
    except BaseException:
        file.close()
        raise


class _Zlib:
    """zlib's decompressor in the manner of the others: it keeps what it had no room for."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # a zlib or a gzip header

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


_Unpacker = bz2.BZ2Decompressor | lzma.LZMADecompressor | _Zlib


def _find_unpacker(head: bytes) -> _Unpacker | None:
    """Return what unpacks a file that begins so; None if it is not packed.

    Raises:
        FormatError: If it is packed in a way that cannot be read.
    """
    if head.startswith(b"ZF"):
        raise FormatError(
            "it was packed by a joblib older than 0.10 (z-file); load it with joblib and save it "
            "again"
        )
    if head.startswith(b"\x04\x22\x4d\x18"):
        raise FormatError("it is packed by lz4; load it with joblib and save it with compress=3")
    if head.startswith(b"BZh"):
        return bz2.BZ2Decompressor()
    if head.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        return lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=LZMA_MEMORY)
    is_zlib = len(head) > 1 and head[0] == 0x78 and (head[0] * 256 + head[1]) % 31 == 0
    return _Zlib() if is_zlib or head.startswith(b"\x1f\x8b") else None


class _Unpacked(RawIOBase):
    """The content of a packed file, as a raw stream."""

    def __init__(self, file: BufferedIOBase, unpacker: _Unpacker):
        super().__init__()
        self._file, self._unpacker = file, unpacker

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._unpacker.eof:
            packed = self._file.read(1 << 16) if self._unpacker.needs_input else b""
            if self._unpacker.needs_input and not packed:
                raise EOFError("the packed data ends too early")
            data = self._unpacker.decompress(packed, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
        return 0
