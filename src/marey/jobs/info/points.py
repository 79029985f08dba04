"""Files of points in space."""

from pathlib import Path

import numpy as np

from marey.core import Keypoints3D
from marey.jobs.info.description import Description, Fact
from marey.jobs.info.phrases import say_clock, say_file_size


def describe_trc(path: Path) -> Description:
    """Describe a TRC file.

    Raises:
        FormatError: If it is none, or damaged.
    """
    from marey.io.trc import read_trc

    return _describe_points(path, "TRC points", read_trc(path))


def describe_c3d(path: Path) -> Description:
    """Describe a C3D file.

    Raises:
        MissingExtraError: If the package that reads them is not installed.
        FormatError: If it is none, or damaged.
    """
    from marey.io.c3d import read_c3d

    return _describe_points(path, "C3D points", read_c3d(path))


def _describe_points(path: Path, kind: str, points: Keypoints3D) -> Description:
    names, valid = points.skeleton.keypoints, np.isfinite(points.position).all(-1)
    present = float(valid.mean()) if valid.size else 0.0
    facts = [
        Fact("people", [*points.people], ", ".join(points.people)),
        Fact("skeleton", points.skeleton.name),
        Fact("points", [*names], f"{len(names)}: {', '.join(names)}"),
        *say_clock(points.time),
        Fact("axes_of", points.frame),
        Fact("present", present, f"{100 * present:.1f} % of all points"),
    ]
    if valid.any():
        low, high = points.position[valid].min(0).tolist(), points.position[valid].max(0).tolist()
        spans = (f"{a:.2f} to {b:.2f}" for a, b in zip(low, high, strict=True))
        facts.append(Fact("bounds_m", [low, high], f"{', '.join(spans)} m (x, y, z)"))
    return Description(path=path, kind=kind, facts=(*facts, say_file_size(path)))
