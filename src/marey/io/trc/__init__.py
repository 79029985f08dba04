"""TRC: (x, y, z) of marey's world (+Z up) becomes (x, z, -y) of TRC (+Y up), metres.

A TRC file is a table of the places of one person's markers: tabs between the columns, five lines of
header, a line a frame. OpenSim, Pose2Sim and OpenCap read and write it. Files say their unit; marey
writes `m` as Pose2Sim does, and reads `m`, `cm` and `mm`.

- TRC itself names no axes. OpenSim's world has +Y up, and so have Pose2Sim's files; that is what
  is read and written. The direction called X is free, so only the vertical survives programs.
- A missing marker is an empty field. OpenSim takes that for missing; the text `NaN` stops inverse
  kinematics of several programs. The reader takes empty fields, `NaN`, and lines that end early.
- The column `Time` holds the truth. `DataRate` is the median rate; the clock may be uneven.
- Several people become several files, each from the first to the last frame of its person; `Frame#`
  counts the frames of the whole take from 1.
- Names of markers are kept, save that white space, which would break the header, becomes `_`.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from marey.core.files import atomic_path, refuse_existing
from marey.core.keypoints import Keypoints3D
from marey.io._markers import check_world, find_rate, find_span, make_marker_skeleton, name_files
from marey.io.trc._read import parse_trc

DECIMALS = 6
"""Of metres: a thousandth of a millimetre."""


def write_trc(points: Keypoints3D, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write points of the world as TRC files, one per person.

    Args:
        points: Joints or markers in the world, m, for example of `joint_trajectories`.
        path: `name.trc`; several people become `name_<person>.trc`.
        overwrite: Whether existing files may be replaced.

    Returns:
        The files written; people of whom nothing is seen have none.

    Raises:
        InputError: If the points are not in the world or their times do not increase.
        NothingFoundError: If no point exists.
        OutputExistsError: If a file exists and `overwrite` is off.
    """
    check_world(points, "TRC")
    plan = [
        (target, row, find_span(points.valid[row]))
        for row, target in enumerate(name_files(Path(path), points.people))
        if points.valid[row].any()
    ]
    refuse_existing(*(target for target, _, _ in plan), overwrite=overwrite)
    for target, row, span in plan:
        with (
            atomic_path(target, overwrite=overwrite) as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as file,
        ):
            file.writelines(_make_header(points, span, target))
            rows = _make_rows(points.position[row], points.valid[row], points.time, span)
            file.writelines(rows)
    return [target for target, _, _ in plan]


def read_trc(path: str | Path) -> Keypoints3D:
    """Read a TRC file as the points of one person, who is called as the file.

    Args:
        path: The file.

    Returns:
        Points in the world (+Z up), m, N = 1; confidence is 1 where a marker is and 0 elsewhere.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is not a TRC file, or of another unit, or too large.
    """
    path = Path(path)
    table = parse_trc(path)
    x, y, z = np.moveaxis(table.position, -1, 0)
    position = np.stack([x, -z, y], -1)
    valid = np.asarray(np.isfinite(position).all(-1))
    position[~valid] = np.nan
    return Keypoints3D(
        skeleton=make_marker_skeleton(path.stem, table.labels),
        people=(path.stem,),
        time=table.time,
        position=position[None],
        frame="world",
        confidence=valid[None].astype(np.float32),
    )


def _make_header(points: Keypoints3D, span: slice, path: Path) -> Iterator[str]:
    labels = ["_".join(label.split()) for label in points.skeleton.keypoints]
    rate = f"{find_rate(points.time):.6f}".rstrip("0").rstrip(".")
    count = span.stop - span.start
    yield f"PathFileType\t4\t(X/Y/Z)\t{' '.join(path.name.split())}\n"
    yield "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame"
    yield "\tOrigNumFrames\n"
    yield f"{rate}\t{rate}\t{count}\t{len(labels)}\tm\t{rate}\t{span.start + 1}\t{count}\n"
    yield "Frame#\tTime\t" + "\t\t\t".join(labels) + "\t\t\n"
    axes = (f"{axis}{n}" for n in range(1, len(labels) + 1) for axis in "XYZ")
    yield "\t\t" + "\t".join(axes) + "\n"


def _make_rows(
    position: Float[np.ndarray, "T K 3"],
    valid: Bool[np.ndarray, "T K"],
    time: Float[np.ndarray, "T"],
    span: slice,
) -> Iterator[str]:
    for frame in range(span.start, span.stop):
        fields = (
            f"{x:.{DECIMALS}f}\t{z:.{DECIMALS}f}\t{-y:.{DECIMALS}f}" if exists else "\t\t"
            for (x, y, z), exists in zip(position[frame].tolist(), valid[frame], strict=True)
        )
        yield "\t".join(itertools.chain([str(frame + 1), repr(float(time[frame]))], fields)) + "\n"
