"""From what programs say of people, in camera or world axes, to a take.

Axes. A camera's axes are OpenCV's (x right, y down, z away). Where a program knows no world, the
camera is taken to be level and at the world's origin: camera (x, y, z) is marey's (x, z, -y). A
program's own world with +Y up becomes marey's by (x, -z, y). Points in space stay in the camera's
axes and say so (`frame`), so that they can be measured beside other files in these axes.

Root. A `translation` of the SMPL family moves the whole body, whose pelvis is not at its origin:
the root joint is at translation + rest pelvis, which only the licensed body knows (about 0.2 m).
Programs that also write the pelvis joint give the root exactly. For the others it is added if the
body is given; else the root is the translation itself, and the take's provenance says so.

Shape. A person has one shape: the median of the coefficients over the frames.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from marey.core import Skeleton
from marey.io.sightings import check_name

FROM_CAMERA = Rotation.from_matrix([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
FROM_Y_UP = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
FROM_Z_UP = Rotation.identity()


@dataclass(frozen=True, slots=True, kw_only=True)
class Posed:
    """A body of the SMPL family over L frames, in the program's own axes."""

    root: Float[np.ndarray, "L 4"]
    """Rotation of the rest pose, quaternion wxyz; NaN where unknown."""
    joints: Float[np.ndarray, "L J 4"]
    position: Float[np.ndarray, "L 3"]
    """m; of the root joint, or the translation if `is_translation`."""
    betas: Float[np.ndarray, "L S"]
    is_translation: bool
    axes: Rotation
    """From the program's axes to marey's world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Keypoints over L frames: px (D = 2) or m in the camera's axes (D = 3)."""

    skeleton: Skeleton
    position: Float[np.ndarray, "L K D"]
    confidence: Float[np.ndarray, "L K"] | None = None
    """1 where there is a position, if None."""
    frame: Literal["camera", "root"] = "camera"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One person in the L frames in which a program saw them."""

    name: str
    frame: Int[np.ndarray, "L"]
    body: Posed | None = None
    image: Points | None = None
    space: Points | None = None
    box: Float[np.ndarray, "L 4"] | None = None
    """x0 y0 x1 y1, px."""
    score: Float[np.ndarray, "L"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user may know of a file that it does not say itself."""

    frame_rate: float | None = None
    size: tuple[int, int] | None = None
    up: Literal["y", "z"] | None = None
    body: str | None = None


def name_person(value: object, path: Path) -> str:
    """Return a person's name from a program's number or word."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= value < 10**9:
        return f"{int(value):02d}"
    return check_name(str(value), path)
