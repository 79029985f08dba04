"""Parsing TRC files from outside, line by line and within limits."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from marey.core.errors import FormatError, InputError

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}

MAX_BYTES = 2**31
MAX_LINE = 2**20
"""Characters of a line; a frame of a thousand markers has a twentieth of that."""
MAX_MARKERS = 10_000
VALUES_PER_BYTE = 4
"""Lines may end early, but a file whose lines hold next to nothing is no table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrcTable:
    """What a TRC file says, in metres and in its own axes (+Y up)."""

    labels: tuple[str, ...]
    time: Float[np.ndarray, "T"]
    position: Float32[np.ndarray, "T K 3"]


def parse_trc(path: Path) -> TrcTable:
    """Read a TRC file.

    Raises:
        InputError: If the file is missing or cannot be read.
        FormatError: If it is not a TRC file, or of another unit, or too large.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the path of a .trc file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise FormatError(f"{path} has {size / 1e9:.0f} GB; marey reads TRC files of up to 2 GB")
    try:
        lines = _read_lines(path)
        scale, labels = _read_header(path, lines)
        time, position = _read_rows(path, lines, 3 * len(labels), 2**20 + VALUES_PER_BYTE * size)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    position = position.reshape(len(time), len(labels), 3)
    position *= np.float32(scale)
    return TrcTable(labels=labels, time=time, position=position)


def _read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line, without its end."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise _fault(path, number, "a line of text", f"more than {MAX_LINE} characters")
            yield number, line.rstrip("\n")


def _read_header(path: Path, lines: Iterator[tuple[int, str]]) -> tuple[float, tuple[str, ...]]:
    """Return metres per unit and the markers' names; leaves the lines at the first of data."""
    head = [line for _, line in zip(range(5), (text for _, text in lines), strict=False)]
    if len(head) < 5 or not head[0].startswith("PathFileType"):
        raise FormatError(f"{path} does not begin with the five lines of a TRC header")
    facts = dict(zip(head[1].split(), head[2].split(), strict=False))
    unit = facts.get("Units", "")
    if unit.lower() not in METRES:
        raise _fault(path, 3, f"the unit {', '.join(METRES)}", repr(unit))
    names = head[3].split("\t") if "\t" in head[3] else head[3].split()
    labels = tuple(name.strip() for name in names[2:] if name.strip())
    if not 1 <= len(labels) <= MAX_MARKERS:
        raise _fault(path, 4, f"1 to {MAX_MARKERS} names of markers", str(len(labels)))
    return METRES[unit.lower()], labels


def _read_rows(
    path: Path, lines: Iterator[tuple[int, str]], width: int, max_values: int
) -> tuple[Float[np.ndarray, "T"], Float32[np.ndarray, "T width"]]:
    times: list[float] = []
    values = bytearray()
    for number, line in lines:
        if not line.strip():
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        row = _parse_fields(path, number, fields[1:])
        # Some programs end every line with a tab.
        while len(row) > width + 1 and math.isnan(row[-1]):
            row.pop()
        if len(row) > width + 1:
            found = f"{len(row) - 1}"
            raise _fault(path, number, f"{width} coordinates as the header says", found)
        if not row or not math.isfinite(row[0]) or (times and row[0] <= times[-1]):
            raise _fault(path, number, "a time after that of the line before", repr(fields[1:2]))
        times.append(row[0])
        if len(times) * width > max_values:
            raise _fault(path, number, f"{width} coordinates a line", "mostly unfinished lines")
        row += [math.nan] * (width + 1 - len(row))
        values += _to_bytes(row[1:])
    if not times:
        raise FormatError(f"{path} has a header but no frames; export it again")
    return np.array(times), np.frombuffer(values, np.float32).reshape(len(times), width)


def _parse_fields(path: Path, number: int, fields: list[str]) -> list[float]:
    try:
        return [float(field) if field and not field.isspace() else math.nan for field in fields]
    except ValueError as error:
        raise _fault(path, number, "numbers", str(error)) from error


def _to_bytes(row: list[float]) -> bytes:
    # Numbers beyond float32 become infinite, which is as missing as any.
    with np.errstate(over="ignore"):
        return np.array(row).astype(np.float32).tobytes()


def _fault(path: Path, number: int, expected: str, found: str) -> FormatError:
    shown = found if len(found) <= 60 else f"{found[:57]}..."
    return FormatError(
        f"{path}, line {number}: expected {expected}, found {shown}; export the file again"
    )
