"""What marker files have in common: skeletons made of labels, a file per person, even clocks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from marey.core import Skeleton
from marey.core.errors import InputError, NothingFoundError
from marey.core.keypoints import Keypoints3D
from marey.core.skeleton import mirror_name
from marey.io._amass_runs import check_growth
from marey.io.file_names import make_file_names

LONGEST_BRIDGE_S = 0.5
"""Nothing is interpolated between frames farther apart."""

EVEN_SPACING = 0.05
"""Largest deviation from even spacing that is taken for rounded time stamps, in frames."""


def make_marker_skeleton(name: str, labels: Sequence[str]) -> Skeleton:
    """Return a skeleton of labelled points without edges; left and right follow from the names.

    Nameless points become `marker` with their number; a name that comes again is numbered, too.
    """
    names: dict[str, int] = {}
    for number, label in enumerate(labels, start=1):
        bare = label.strip() or f"marker{number}"
        unique, repeat = bare, 1
        while unique in names:
            repeat += 1
            unique = f"{bare}_{repeat}"
        names[unique] = len(names)
    return Skeleton(
        name=name,
        keypoints=tuple(names),
        edges=(),
        mirror=tuple(names.get(mirror_name(one), own) for one, own in names.items()),
    )


def check_world(points: Keypoints3D, suffix: str) -> None:
    """Refuse points that are not in the world, of which nobody is present, or without a clock.

    Raises:
        InputError: If the points are in other axes, or the times do not increase.
        NothingFoundError: If no point exists.
    """
    if points.frame != "world":
        raise InputError(
            f"{suffix} files hold points of the world, these are in the frame '{points.frame}'; "
            "give the joints of a solved motion"
        )
    if not np.isfinite(points.time).all() or not (np.diff(points.time) > 0).all():
        raise InputError(f"{suffix} files need frame times that increase; resample the points")
    if not any(valid.any() for valid in points.valid):
        raise NothingFoundError("nobody is present in any frame, so there are no points to write")


def name_files(path: Path, people: Sequence[str]) -> list[Path]:
    """Return a file for each person: the path itself if there is one, else `name_<person>`."""
    if len(people) == 1:
        return [path]
    names = make_file_names(people, fallback="person")
    return [path.with_name(f"{path.stem}_{name}{path.suffix}") for name in names]


def find_span(valid: Bool[np.ndarray, "T K"]) -> slice:
    """Return the frames from the first to the last in which any point exists."""
    frames = np.flatnonzero(valid.any(-1))
    return slice(int(frames[0]), int(frames[-1]) + 1) if len(frames) else slice(0, 0)


def find_rate(time: Float[np.ndarray, "T"]) -> float:
    """Return the frames per second by the median interval; 30 for a single frame."""
    return 1.0 / float(np.median(np.diff(time))) if len(time) > 1 else 30.0


def space_evenly(
    time: Float[np.ndarray, "T"], position: Float[np.ndarray, "N T K 3"]
) -> tuple[float, Float[np.ndarray, "N t K 3"]]:
    """Return frames per second and positions at that rate, from the first frame's time on.

    Evenly spaced frames stay as they are. Others are interpolated linearly at the median rate; a
    point is missing where one of its two neighbours in time is, or they are half a second apart.
    """
    count = len(time) - 1
    if count < 1:
        return 30.0, position
    rate = count / float(time[-1] - time[0])
    if np.abs((time - time[0]) * rate - np.arange(count + 1)).max() < EVEN_SPACING:
        return rate, position
    rate = find_rate(time)
    num_even = int((time[-1] - time[0]) * rate + 1e-6) + 1
    check_growth(count + 1, num_even)
    wanted = time[0] + np.arange(num_even) / rate
    after = np.clip(np.searchsorted(time, wanted), 1, count)
    gap = time[after] - time[after - 1]
    weight = (np.minimum(wanted, time[-1]) - time[after - 1]) / gap
    # A frame that is hit exactly needs no neighbour.
    near, far = np.abs(weight) < 1e-6, np.abs(weight - 1) < 1e-6
    weight = np.where((gap > LONGEST_BRIDGE_S) & ~near & ~far, np.nan, weight)
    w = weight[:, None, None].astype(position.dtype)
    even = np.empty((len(position), len(wanted), *position.shape[2:]), position.dtype)
    for row, points in enumerate(position):
        even[row] = points[after - 1] * (1 - w) + points[after] * w
        even[row, near], even[row, far] = points[after - 1][near], points[after][far]
    return rate, even
