"""CSV and JSON: which parts of people touch, a row for every touch, in either person's name.

    person, frame, time_s, part, other, other_part, gap_m

`frame` counts the frames of the whole take from 0, `gap_m` is the least distance of the two skins,
negative where they enter each other. JSON is a list of such rows as objects.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from marey.core import BodyMotion
from marey.core.errors import InputError, NothingFoundError
from marey.core.files import atomic_path

COLUMNS = ("person", "frame", "time_s", "part", "other", "other_part", "gap_m")


def write_touches(motion: BodyMotion, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write the touches of a motion as `.csv` or `.json`.

    Args:
        motion: With touches; see `marey.fit.contact.touch`.
        path: The file.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The one file written.

    Raises:
        NothingFoundError: If nobody has looked for touches in this motion.
        InputError: If the suffix is neither.
        OutputExistsError: If the file exists and `overwrite` is off.
    """
    path = Path(path)
    if motion.touch is None:
        raise NothingFoundError(
            "nobody has looked which parts touch in this motion; marey.fit.contact.touch does "
            "(mark_touches), and marey solve with several cameras"
        )
    if path.suffix.lower() not in (".csv", ".json"):
        raise InputError(f"touches are written as .csv or .json, not as '{path.name}'")
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        if path.suffix.lower() == ".csv":
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(_rows(motion))
        else:
            rows = [dict(zip(COLUMNS, row, strict=True)) for row in _rows(motion)]
            json.dump(rows, file, ensure_ascii=False, indent=0)
            file.write("\n")
    return [path]


def _rows(motion: BodyMotion) -> Iterator[tuple[str | int | float, ...]]:
    touch = motion.touch
    assert touch is not None
    for row in range(len(touch.frame)):
        frame = int(touch.frame[row])
        yield (
            motion.people[touch.person[row]],
            frame,
            round(float(motion.time[frame]), 6),
            touch.parts[touch.part[row]],
            touch.others[touch.other[row]],
            touch.parts[touch.other_part[row]],
            round(float(touch.gap[row]), 4),
        )
