"""C3D: marey's world as it is (+Z up), millimetres.

C3D is the binary file of motion capture laboratories: labelled points in space at one frame rate.
marey reads and writes it through the package c3d.

- Axes: C3D has none of its own; laboratories have +Z up. Files of ours say so in `POINT:X_SCREEN`
  (+X) and `POINT:Y_SCREEN` (+Z). Those of others are read as they are, since many programs fill in
  that pair without meaning it; `up="y"` turns files with +Y up.
- Units: written as `mm`; `POINT:UNITS` of `mm`, `cm` and `m` are read, and mm where it is absent.
- A missing point has residual -1 and zero coordinates, in the way of the format.
- One file holds everyone. Labels are plain names for one person and `person:name` for several,
  the way laboratories name subjects; the reader takes labels apart in the same way.
- One frame rate: an uneven clock is resampled linearly at its median rate, and nothing is invented
  in gaps longer than half a second. The first frame's number holds the time at which it begins, to
  the nearest frame (1 is the start; a start beyond frame 65535 becomes 1).
- More than 255 points continue in `POINT:LABELS2` and so on; more than 65535 frames are counted in
  `TRIAL:ACTUAL_END_FIELD` and `POINT:LONG_FRAMES`.
- Points that are no places (the groups `ANGLES`, `FORCES`, ...) and analogue channels are not read.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from marey.core.files import atomic_path
from marey.core.keypoints import Keypoints3D
from marey.io._markers import check_world, make_marker_skeleton, space_evenly
from marey.io.c3d._read import C3dPoints, read_points
from marey.io.c3d._write import check_labels, write_points


def write_c3d(points: Keypoints3D, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write points of the world as a C3D file with everyone in it.

    Args:
        points: Joints or markers in the world, m, for example of `joint_trajectories`.
        path: The file.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The one file written; people of whom nothing is seen are not in it.

    Raises:
        InputError: If the points are not in the world, their times do not increase, or their names
            are more or longer than the format has room for.
        NothingFoundError: If no point exists.
        OutputExistsError: If the file exists and `overwrite` is off.
    """
    path = Path(path)
    check_world(points, "C3D")
    present = np.flatnonzero(points.valid.any((1, 2)))
    names = points.skeleton.keypoints
    several = len(points.people) > 1
    labels = [f"{points.people[n]}:{k}" if several else k for n in present for k in names]
    packed = check_labels(labels)
    valid = points.valid[present, ..., None]
    rate, position = space_evenly(points.time, np.where(valid, points.position[present], np.nan))
    first = round(float(points.time[0]) * rate) + 1
    with atomic_path(path, overwrite=overwrite) as temporary:
        write_points(
            temporary, packed, position, rate=rate, first_frame=first if 1 <= first < 65536 else 1
        )
    return [path]


def read_c3d(path: str | Path, *, up: Literal["y", "z"] = "z") -> Keypoints3D:
    """Read the points of a C3D file.

    Args:
        path: The file.
        up: Which axis of the file points up.

    Returns:
        Points in the world (+Z up), m. Labels of the form `person:name` become several people;
        else there is one, who is called as the file. Confidence is 1 where a point is, 0 elsewhere.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is not a sound C3D file, holds no points or is in another unit.
    """
    path = Path(path)
    found = read_points(path)
    people = _group_labels(found.labels, path.stem)
    names = tuple(dict.fromkeys(name for columns in people.values() for name in columns))
    position = _lay_out(found, list(people.values()), names)
    if up == "y":
        x, y, z = np.moveaxis(position, -1, 0)
        position = np.stack([x, -z, y], -1)
    valid = np.isfinite(position).all(-1)
    return Keypoints3D(
        skeleton=make_marker_skeleton(path.stem, names),
        people=tuple(people),
        time=(found.first_frame - 1 + np.arange(len(found.position))) / found.rate,
        position=position,
        frame="world",
        confidence=np.asarray(valid).astype(np.float32),
    )


def _group_labels(labels: tuple[str, ...], fallback: str) -> dict[str, dict[str, int]]:
    """Return, for each person, the column of each of their points."""
    parts = [label.partition(":") for label in labels]
    named = all(person.strip() and name.strip() for person, _, name in parts)
    people: dict[str, list[tuple[str, int]]] = {}
    for column, (label, (person, _, name)) in enumerate(zip(labels, parts, strict=True)):
        owner, own = (person.strip(), name) if named else (fallback, label)
        people.setdefault(owner, []).append((own, column))
    return {
        person: dict(
            zip(
                make_marker_skeleton(person, [name for name, _ in points]).keypoints,
                (column for _, column in points),
                strict=True,
            )
        )
        for person, points in people.items()
    }


def _lay_out(
    found: C3dPoints, people: list[dict[str, int]], names: tuple[str, ...]
) -> Float[np.ndarray, "N T K 3"]:
    shape = (len(people), len(found.position), len(names), 3)
    position = np.full(shape, np.nan, np.float32)
    for row, columns in enumerate(people):
        places = [names.index(name) for name in columns]
        position[row][:, places] = found.position[:, list(columns.values())]
    return position
