"""Acclaim's motions (AMC): a frame number on a line of its own, then a line for each bone."""

from array import array
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from marey.core.errors import FormatError, NothingFoundError
from marey.io.bvh._lines import LineReader, open_lines

MAX_VALUES = 2**25
"""Numbers of a trial; an hour at 120 frames per second has 27 million."""


def read_frames(
    path: Path, columns: Mapping[str, int]
) -> tuple[int, dict[str, Float64[np.ndarray, "T n"]]]:
    """Read an .amc file, which may be gzipped.

    Args:
        path: The motion.
        columns: How many numbers each bone of the skeleton has.

    Returns:
        The number of the first frame, and the numbers of each bone.

    Raises:
        FormatError: If a frame lacks a bone, has another number of values, or a value that is
            no finite number; if frame numbers have gaps, or the file is beyond the limits.
        NothingFoundError: If there is no frame.
    """
    values = {name: array("d") for name in columns}
    first, count = 1, 0
    with open_lines(path) as lines:
        while (words := lines.read_words()) is not None:
            if len(words) == 1 and words[0].isdecimal():
                number = int(words[0][:18])
                first = number if count == 0 else first
                if number != first + count:
                    raise lines.fault(f"frame {first + count}", f"frame {number}")
                _check_frame(lines, values, columns, count)
                count += 1
                if count * sum(columns.values()) > MAX_VALUES:
                    raise lines.fault(f"at most {MAX_VALUES} numbers", "more; cut the trial")
            elif count and not words[0].startswith(("#", ":")):
                _take(lines, words, values, columns)
        _check_frame(lines, values, columns, count)
    if not count:
        raise NothingFoundError(f"{path} holds no frames; is it an .amc file?")
    tables = {
        name: np.frombuffer(flat).reshape(count, columns[name]) for name, flat in values.items()
    }
    for name, table in tables.items():
        if not np.isfinite(table).all():
            raise FormatError(f"{path}: {name} has a value that is not finite; export it again")
    return first, tables


def _take(
    lines: LineReader, words: list[str], values: Mapping[str, array], columns: Mapping[str, int]
) -> None:
    name, numbers = words[0], words[1:]
    if columns.get(name, -1) != len(numbers):
        expected = f"{columns[name]} numbers for {name}" if name in columns else "a known bone"
        raise lines.fault(f"{expected}, as the skeleton says", f"'{' '.join(words)}'")
    try:
        values[name].extend(map(float, numbers))
    except ValueError as error:
        raise lines.fault(f"numbers after {name}", f"'{' '.join(words)}'") from error


def _check_frame(
    lines: LineReader, values: Mapping[str, array], columns: Mapping[str, int], count: int
) -> None:
    """Refuse frames in which a bone is missing or named twice."""
    for name, width in columns.items():
        if len(values[name]) != count * width:
            raise lines.fault(f"each bone once in a frame, {name} too", "another number of lines")
