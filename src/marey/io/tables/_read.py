"""Reading long tables of joints from outside, within limits, and checking that they are whole."""

import csv
import math
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from marey.core import Keypoints3D
from marey.core.errors import FormatError, InputError
from marey.io._markers import make_marker_skeleton
from marey.io.tables._rows import COLUMNS

NEEDED = ("person", "frame", "time_s", "joint", "x_m", "y_m", "z_m")

MAX_BYTES = 2**32
MAX_LINE = 2**16
MAX_NAMES = 10_000
"""Different people, and different joints."""
MAX_NAME = 256
SPREAD = 32
"""How many times larger than the table the grid of people, frames and joints may be."""
SMALL_GRID = 2**20


class PointRows:
    """Collects rows and lays them out as points."""

    def __init__(self, path: Path):
        self._path = path
        self._people: dict[str, int] = {}
        self._joints: dict[str, int] = {}
        self._codes = (array("i"), array("q"), array("i"))
        self._numbers = array("d")
        """Time, x, y, z, confidence of each row."""

    def add(self, person: str, frame: int, joint: str, numbers: list[float]) -> None:
        """Add a row: time, x, y, z and confidence are its numbers."""
        if not 0 <= frame < 2**62:
            raise self.fault(f"has the frame {frame}; expected a count from 0")
        for table, name in ((self._people, person), (self._joints, joint)):
            if name not in table and not (0 < len(name) <= MAX_NAME and len(table) < MAX_NAMES):
                raise self.fault(
                    f"has rows without a name, a name of more than {MAX_NAME} characters, or more "
                    f"than {MAX_NAMES} names"
                )
        self._codes[0].append(self._people.setdefault(person, len(self._people)))
        self._codes[1].append(frame)
        self._codes[2].append(self._joints.setdefault(joint, len(self._joints)))
        self._numbers.extend(numbers)

    def fault(self, what: str) -> FormatError:
        """Return the error that says what is wrong with the table."""
        return FormatError(f"{self._path} {what}; export the table again")

    def lay_out(self) -> Keypoints3D:
        """Return the rows as points on a clock of the frames that occur.

        Raises:
            FormatError: If the table is empty or contradicts itself.
        """
        people, frames, joints = (np.frombuffer(codes, codes.typecode) for codes in self._codes)
        if not len(frames):
            raise self.fault("has no rows")
        numbers = np.frombuffer(self._numbers, np.float64).reshape(-1, 5)
        known, first, place = np.unique(frames, return_index=True, return_inverse=True)
        shape = (len(self._people), len(known), len(self._joints))
        if math.prod(shape) > SPREAD * len(frames) + SMALL_GRID:
            raise self.fault("has few rows for its many people, frames and joints")
        time = numbers[first, 0]
        if not (np.isfinite(time).all() and (np.diff(time) > 0).all()):
            raise self.fault("has frames whose times do not increase")
        if (numbers[:, 0] != time[place]).any():
            raise self.fault("gives one frame two times")
        cell = np.ravel_multi_index((people, place, joints), shape)
        position, confidence = np.full((*shape, 3), np.nan, np.float32), np.zeros(shape, np.float32)
        if np.bincount(cell, minlength=1).max() > 1:
            raise self.fault("holds a joint of a person twice in one frame")
        valid = np.isfinite(numbers[:, 1:4]).all(-1) & (numbers[:, 4] > 0)
        position.reshape(-1, 3)[cell[valid]] = numbers[valid, 1:4]
        confidence.reshape(-1)[cell[valid]] = numbers[valid, 4]
        return Keypoints3D(
            skeleton=make_marker_skeleton(self._path.stem, tuple(self._joints)),
            people=tuple(self._people),
            time=time,
            position=position,
            frame="world",
            confidence=confidence,
        )


def check_file(path: Path, suffix: str) -> None:
    """Refuse what is no file or too large to be a table.

    Raises:
        InputError: If there is no such file.
        FormatError: If it is too large.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the path of a {suffix} file")
    if path.stat().st_size > MAX_BYTES:
        raise FormatError(f"{path} is larger than the 4 GB marey reads; export fewer frames")


def read_csv_points(path: Path) -> Keypoints3D:
    """Read a CSV table (see `marey.io.tables`)."""
    check_file(path, ".csv")
    rows = PointRows(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(_iterate_lines(file, rows), strict=True)
            header = next(reader, [])
            if tuple(header) != COLUMNS:
                raise rows.fault(f"must begin with the columns {','.join(COLUMNS)}")
            for record in reader:
                _add_record(rows, record, reader.line_num)
    except (csv.Error, UnicodeDecodeError) as error:
        raise rows.fault(f"is no CSV table ({error})") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return rows.lay_out()


def _iterate_lines(file, rows: PointRows) -> Iterator[str]:
    while line := file.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise rows.fault(f"has a line of more than {MAX_LINE} characters")
        yield line


def _add_record(rows: PointRows, record: list[str], number: int) -> None:
    if len(record) != len(COLUMNS):
        raise rows.fault(f"has {len(record)} fields in line {number}, expected {len(COLUMNS)}")
    person, frame, time, joint, x, y, z = record[:7]
    try:
        numbers = [float(field) if field else math.nan for field in (time, x, y, z, record[-1])]
        rows.add(person, int(frame), joint, numbers)
    except ValueError as error:
        if isinstance(error, FormatError):
            raise
        raise rows.fault(f"has something other than a number in line {number}") from error
