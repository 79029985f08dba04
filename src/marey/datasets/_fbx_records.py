"""The container of binary FBX: a tree of records, each with typed properties; arrays may be packed.

A record holds the offset of its end, the number of its properties, its name, the properties and the
records inside it; from version 7500 on its numbers are 64 bits wide.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from marey.core.errors import FormatError

MAX_DEPTH = 32
MAX_RECORDS = 1_000_000
MAX_UNPACKED = 2**28
"""Bytes of all arrays together."""

_MAGIC = b"Kaydara FBX Binary  \x00"
_PLAIN = {"Y": "<h", "C": "<?", "I": "<i", "F": "<f", "D": "<d", "L": "<q"}
_ARRAYS = {"f": "<f4", "d": "<f8", "l": "<i8", "i": "<i4", "b": "?"}


@dataclass(frozen=True, slots=True)
class Record:
    """A node of the file."""

    name: str
    values: list[Any]
    children: list["Record"]

    def find(self, name: str) -> "Record":
        """Return the first child of a name.

        Raises:
            FormatError: If there is none.
        """
        for child in self.children:
            if child.name == name:
                return child
        raise FormatError(f"the record '{self.name}' has no '{name}'; export the file again")


def parse_records(data: bytes) -> Record:
    """Return a record without a name that holds those of the file.

    Raises:
        FormatError: If it is no binary FBX file, is damaged, or is beyond the limits.
    """
    if not data.startswith(_MAGIC):
        raise FormatError("it does not begin as binary FBX files do; export it as binary FBX")
    try:
        return _Parser(data).read()
    except (struct.error, zlib.error, IndexError, ValueError, UnicodeError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"it is damaged ({error}); copy it again") from error


class _Parser:
    def __init__(self, data: bytes):
        self._data = data
        wide = struct.unpack_from("<I", data, 23)[0] >= 7500
        self._head = struct.Struct("<QQQB" if wide else "<IIIB")
        self._count = self._unpacked = 0

    def read(self) -> Record:
        root, place = Record("", [], []), 27
        while (found := self._record(place, len(self._data), 0)) is not None:
            record, place = found
            root.children.append(record)
        return root

    def _record(self, place: int, limit: int, depth: int) -> tuple[Record, int] | None:
        stop, count, _, length = self._head.unpack_from(self._data, place)
        place += self._head.size
        if stop == 0:
            return None
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_RECORDS:
            raise FormatError(f"it has more than {MAX_RECORDS} records or {MAX_DEPTH} levels")
        if not place <= stop <= limit or count > stop - place:
            raise FormatError("a record reaches beyond what holds it; copy the file again")
        record = Record(self._data[place : place + length].decode("latin1"), [], [])
        place += length
        for _ in range(count):
            value, place = self._value(place)
            record.values.append(value)
        while place < stop:
            found = self._record(place, stop, depth + 1)
            if found is None:
                break
            child, place = found
            record.children.append(child)
        return record, stop

    def _value(self, place: int) -> tuple[Any, int]:
        kind, place = chr(self._data[place]), place + 1
        if kind in _PLAIN:
            value = struct.unpack_from(_PLAIN[kind], self._data, place)[0]
            return value, place + struct.calcsize(_PLAIN[kind])
        if kind in "SR":
            size = struct.unpack_from("<I", self._data, place)[0]
            raw = self._data[place + 4 : place + 4 + size]
            if len(raw) < size:
                raise FormatError("a text reaches beyond the file; copy it again")
            return raw.decode("latin1") if kind == "S" else raw, place + 4 + size
        if kind not in _ARRAYS:
            raise FormatError(f"a property of the unknown kind {kind!r}")
        count, packed, size = struct.unpack_from("<III", self._data, place)
        dtype = np.dtype(_ARRAYS[kind])
        raw = self._data[place + 12 : place + 12 + size]
        self._unpacked += count * dtype.itemsize
        if self._unpacked > MAX_UNPACKED:
            raise FormatError(f"its arrays hold more than {MAX_UNPACKED} bytes")
        if packed:
            # Never more than was announced, whatever the stream would unpack to.
            raw = zlib.decompressobj().decompress(raw, count * dtype.itemsize or 1)
        if len(raw) < count * dtype.itemsize:
            raise FormatError("an array is shorter than announced; copy the file again")
        return np.frombuffer(raw, dtype, count), place + 12 + size
