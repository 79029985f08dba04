"""CSV and Parquet: long tables of joints, +Z up and metres as in marey's world, angles in degrees.

One row is one joint of one person in one frame, so any program that groups rows can work with it:

    person, frame, time_s, joint, x_m, y_m, z_m, rot_x_deg, rot_y_deg, rot_z_deg, confidence

- `frame` counts the frames of the whole take from 0; `time_s` is the take's own, uneven clock.
- `joint` names the root, the joints and, on parametric bodies, some points of the skin.
- `rot_*_deg` is the rotation to the parent (the root's: to the world) as a rotation vector, see
  `marey.body.trajectories.joint_angles`. Points of the skin and bare points have none.
- Frames in which a person is absent have no rows. A missing value is an empty field in CSV and null
  in Parquet, never 0; its confidence is 0.

A motion is worked through in blocks of frames, so memory does not grow with its length. Parquet
needs the package pyarrow: `pip install "marey[tables]"`. Reading takes these tables only and gives
the points; the rotations of a table cannot make a motion, since the body's shape is not in it.
"""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from marey.body.model import Body
from marey.core import BodyMotion, Keypoints3D
from marey.core.errors import NothingFoundError
from marey.core.files import atomic_path
from marey.io._markers import check_world
from marey.io.tables import _parquet
from marey.io.tables._read import read_csv_points
from marey.io.tables._rows import COLUMNS, Block, iterate_blocks


def write_csv(
    source: BodyMotion | Keypoints3D,
    path: str | Path,
    *,
    body: Body | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write a motion or points of the world as one long CSV table.

    Args:
        source: A motion, whose joints and angles are computed on the way, or points.
        path: The file; all people are in it.
        body: The body of the motion; loaded by its name if not given.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The one file written.

    Raises:
        InputError: If the points are not in the world or their times do not increase, or no body
            has the motion's name.
        NothingFoundError: If nobody is present in any frame.
        OutputExistsError: If the file exists and `overwrite` is off.
    """
    path = Path(path)
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for block in _iterate(source, body):
            writer.writerows(_format_rows(block))
    return [path]


def write_parquet(
    source: BodyMotion | Keypoints3D,
    path: str | Path,
    *,
    body: Body | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write a motion or points of the world as one long Parquet table.

    Args, returns and errors are those of `write_csv`, and:

    Raises:
        MissingExtraError: If pyarrow is not installed.
    """
    path = Path(path)
    _parquet.load_pyarrow()
    with atomic_path(path, overwrite=overwrite) as temporary:
        _parquet.write_blocks(_iterate(source, body), temporary)
    return [path]


def read_csv(path: str | Path) -> Keypoints3D:
    """Read the points of a CSV table that `write_csv` wrote.

    Args:
        path: The file.

    Returns:
        Points in the world, m. The clock holds the frames that occur in the table.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such table, contradicts itself, or is too large.
    """
    return read_csv_points(Path(path))


def read_parquet(path: str | Path) -> Keypoints3D:
    """Read the points of a Parquet table that `write_parquet` wrote.

    Args, returns and errors are those of `read_csv`, and:

    Raises:
        MissingExtraError: If pyarrow is not installed.
    """
    return _parquet.read_points(Path(path))


def _iterate(source: BodyMotion | Keypoints3D, body: Body | None) -> Iterator[Block]:
    if isinstance(source, Keypoints3D):
        check_world(source, "table")
    empty = True
    for block in iterate_blocks(source, body=body):
        empty = False
        yield block
    if empty:
        raise NothingFoundError("nobody is present in any frame, so there are no rows to write")


def _format_rows(block: Block) -> Iterator[tuple[str | int, ...]]:
    for row, frame in enumerate(block.frame.tolist()):
        time = repr(float(block.time[row]))
        places, turns = block.position[row].tolist(), block.rotation[row].tolist()
        confidences = block.confidence[row].tolist()
        for joint, place, turn, sure in zip(block.joints, places, turns, confidences, strict=True):
            numbers = (_format(value) for value in (*place, *turn))
            yield block.person, frame, time, joint, *numbers, f"{sure:.6g}"


def _format(value: float) -> str:
    """Return a length to the thousandth of a millimetre, an angle to the millionth of a degree."""
    return "" if math.isnan(value) else f"{value:.6f}"
