"""MATLAB's files of level 5 (-v6 and -v7), read within limits.

A file is a header of 128 bytes and a row of elements: type, length, content, padded to 8 bytes;
elements of up to 4 bytes are written into their own tag. A matrix element holds flags (its class),
dimensions, a name and its values; cells and structures hold further matrices; packed elements are
zlib streams of one element. Values are stored column by column.

Numbers come back as arrays, text as `str`, cells as arrays of objects, a structure as a dictionary
(several as an array of dictionaries). Functions, objects and sparse matrices are refused, and so
are files of level 7.3, which are HDF5.
"""

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marey.core.errors import FormatError, InputError

MAX_BYTES = 2**29
"""Of the file, and of everything unpacked from it."""
MAX_DEPTH = 16
MAX_ELEMENTS = 2_000_000

_NUMBERS = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"},
    **{12: "i8", 13: "u8"},
}
_TEXT = {2: "latin1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _PACKED = 14, 15
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMERIC = range(6, 16)
_COMPLEX = 0x0800


def read_mat(path: str | Path, wanted: Sequence[str] | None = None) -> dict[str, Any]:
    """Return variables of a .mat file by name.

    Args:
        path: The file.
        wanted: Names; all if None. Others are skipped unread.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is no such file, is damaged, too large or holds more than plain data.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"it is larger than {MAX_BYTES / 1e6:.0f} MB; cut it into parts")
        data = path.read_bytes()
        return _File(data, wanted).read()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except (struct.error, zlib.error, ValueError, OverflowError, MemoryError) as error:
        raise FormatError(f"{path} is a damaged MATLAB file ({error}); copy it again") from error


class _File:
    def __init__(self, data: bytes, wanted: Sequence[str] | None):
        if data[:8] == b"\x89HDF\r\n\x1a\n" or b"MATLAB 7.3" in data[:20]:
            raise FormatError("it is of level 7.3 (HDF5); save it in MATLAB with '-v7'")
        if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
            raise FormatError("it does not begin as MATLAB's files of level 5 do")
        self._order = "<" if data[126:128] == b"IM" else ">"
        self._data, self._wanted = data, wanted
        self._count = self._unpacked = 0

    def read(self) -> dict[str, Any]:
        result = {}
        for outer in self._elements(memoryview(self._data)[128:]):
            kind, content = self._unpack(outer[1]) if outer[0] == _PACKED else outer
            if kind == _MATRIX:
                name, value = self._matrix(content, 0, top=True)
                if name:
                    result[name] = value
        return result

    def _unpack(self, content: memoryview) -> tuple[int, memoryview]:
        room = MAX_BYTES - self._unpacked
        raw = zlib.decompressobj().decompress(content, room + 1)
        self._unpacked += len(raw)
        if len(raw) > room:
            raise FormatError(f"it unpacks to more than {MAX_BYTES / 1e6:.0f} MB")
        return next(self._elements(memoryview(raw)), (0, memoryview(b"")))

    def _elements(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        place = 0
        while place + 8 <= len(data):
            self._count += 1
            if self._count > MAX_ELEMENTS:
                raise FormatError(f"it has more than {MAX_ELEMENTS} elements")
            kind, size = struct.unpack_from(f"{self._order}II", data, place)
            small = kind >> 16
            if small:
                kind, size, start, after = kind & 0xFFFF, small, place + 4, place + 8
            else:
                start = place + 8
                # Packed elements alone are not padded.
                after = start + (size if kind == _PACKED else -(-size // 8) * 8)
            if small > 4 or start + size > len(data):
                raise FormatError("an element reaches beyond what holds it; copy the file again")
            yield kind, data[start : start + size]
            place = after

    def _matrix(self, data: memoryview, depth: int, *, top: bool = False) -> tuple[str, Any]:
        if depth > MAX_DEPTH:
            raise FormatError(f"it is nested deeper than {MAX_DEPTH} levels")
        if not len(data):
            return "", np.zeros((0, 0))
        parts = self._elements(data)
        flags = int(self._numbers(*self._next(parts))[0])
        shape = tuple(int(n) for n in self._numbers(*self._next(parts)))
        name = bytes(self._next(parts)[1]).decode("latin1")
        if top and self._wanted is not None and name not in self._wanted:
            return "", None
        count = math.prod(shape)
        if not 2 <= len(shape) <= 32 or min(shape) < 0 or count > len(data):
            raise FormatError(f"'{name}' of shape {shape} does not fit into its place")
        kind = flags & 0xFF
        if kind == _CELL:
            return name, self._cells(parts, shape, count, depth)
        if kind == _STRUCT:
            return name, self._structures(parts, shape, count, depth)
        if kind == _CHAR:
            return name, self._text(*next(parts, (2, memoryview(b""))), shape)
        if kind not in _NUMERIC or flags & _COMPLEX:
            raise FormatError(f"'{name}' is no plain data (class {kind})")
        values = self._numbers(*self._next(parts)) if count else np.zeros(0)
        if len(values) != count:
            raise FormatError(f"'{name}' of shape {shape} holds {len(values)} values")
        return name, values.reshape(shape, order="F")

    @staticmethod
    def _next(parts: Iterator[tuple[int, memoryview]]) -> tuple[int, memoryview]:
        found = next(parts, None)
        if found is None:
            raise FormatError("a matrix lacks a part; copy the file again")
        return found

    def _numbers(self, kind: int, data: memoryview) -> np.ndarray:
        if kind not in _NUMBERS:
            raise FormatError(f"numbers of the unknown type {kind}")
        values = np.frombuffer(data, self._order + _NUMBERS[kind])
        return values.astype(values.dtype.newbyteorder("="))

    def _text(self, kind: int, data: memoryview, shape: tuple[int, ...]) -> Any:
        encoding = _TEXT.get(kind)
        if encoding is None:
            raise FormatError(f"text of the unknown type {kind}")
        if encoding in ("utf-16", "utf-32"):
            encoding += "-le" if self._order == "<" else "-be"
        text = bytes(data).decode(encoding, errors="replace")
        if shape[0] <= 1:
            return text
        # Rows of a matrix of letters; letters are stored column by column.
        rows = [text[row :: shape[0]].rstrip() for row in range(shape[0])]
        array = np.empty(len(rows), object)
        array[:] = rows
        return array

    def _cells(
        self,
        parts: Iterator[tuple[int, memoryview]],
        shape: tuple[int, ...],
        count: int,
        depth: int,
    ) -> np.ndarray:
        cells = np.empty(count, object)
        for row in range(count):
            cells[row] = self._inner(parts, depth)
        return cells.reshape(shape, order="F")

    def _structures(
        self,
        parts: Iterator[tuple[int, memoryview]],
        shape: tuple[int, ...],
        count: int,
        depth: int,
    ) -> Any:
        length = int(self._numbers(*self._next(parts))[0])
        raw = bytes(self._next(parts)[1])
        if not 0 < length <= 256:
            raise FormatError(f"a structure has names of {length} letters")
        names = [
            raw[start : start + length].split(b"\0")[0].decode("latin1")
            for start in range(0, len(raw), length)
        ]
        rows = np.empty(count, object)
        for row in range(count):
            rows[row] = {name: self._inner(parts, depth) for name in names}
        return rows[0] if count == 1 else rows.reshape(shape, order="F")

    def _inner(self, parts: Iterator[tuple[int, memoryview]], depth: int) -> Any:
        kind, content = self._next(parts)
        if kind != _MATRIX:
            raise FormatError(f"an element of type {kind} where a matrix was expected")
        return self._matrix(content, depth + 1)[1]
