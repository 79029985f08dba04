"""CMU motion capture as exponential maps: the text files of the motion prediction benchmark.

A line per frame of CMU's 120 per second: the root's position (CMU's unit, +Y up), then 38 joints
by three numbers of an exponential map, the root's orientation first. Rotations act on row vectors
there, so they are inverted here. The first line of the files is a rest pose that was put in front
of the motion; it is left out, and the clock begins at the second line's 1/120 s. The benchmark
itself takes every second line.

The files carry no bone lengths; the skeleton below is the benchmark's, one for all subjects, with
the 2.1 units between thorax, neck and clavicles that its table leaves out and every Acclaim
skeleton has. Joint angles are the subject's, limb lengths are not.

Licence: CMU's, as in `marey.datasets.acclaim`. Tried on 26 real files.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from marey.core import BodyMotion
from marey.datasets._figure import (
    CMU_UNIT_M,
    count_inserted,
    make_motion,
    make_rotations,
)
from marey.datasets._folder import find_files
from marey.datasets._tables import read_table

FRAME_RATE = 120.0

_THORAX = (0.0, 2.1, 0.0)
_BONES = (
    ("root", "", (0, 0, 0)),
    ("lhipjoint", "root", (0, 0, 0)),
    ("lfemur", "lhipjoint", (1.65674, -1.80282, 0.62477)),
    ("ltibia", "lfemur", (2.5972, -7.13576, 0)),
    ("lfoot", "ltibia", (2.49236, -6.8477, 0)),
    ("ltoes", "lfoot", (0.19704, -0.54136, 2.14581)),
    ("ltoes_end", "ltoes", (0, 0, 1.11249)),
    ("rhipjoint", "root", (0, 0, 0)),
    ("rfemur", "rhipjoint", (-1.6107, -1.80282, 0.62476)),
    ("rtibia", "rfemur", (-2.59502, -7.12977, 0)),
    ("rfoot", "rtibia", (-2.4678, -6.78024, 0)),
    ("rtoes", "rfoot", (-0.23024, -0.63258, 2.13368)),
    ("rtoes_end", "rtoes", (0, 0, 1.11569)),
    ("lowerback", "root", (0, 0, 0)),
    ("upperback", "lowerback", (0.01961, 2.0545, -0.14112)),
    ("thorax", "upperback", (0.01021, 2.06436, -0.05921)),
    ("lowerneck", "thorax", _THORAX),
    ("upperneck", "lowerneck", (0.00713, 1.56711, 0.14968)),
    ("head", "upperneck", (0.03429, 1.56041, -0.10006)),
    ("head_end", "head", (0.01305, 1.6256, -0.05265)),
    ("lclavicle", "thorax", _THORAX),
    ("lhumerus", "lclavicle", (3.54205, 0.90436, -0.17364)),
    ("lradius", "lhumerus", (4.86513, 0, 0)),
    ("lwrist", "lradius", (3.35554, 0, 0)),
    ("lhand", "lwrist", (0, 0, 0)),
    ("lfingers", "lhand", (0.66117, 0, 0)),
    ("lfingers_end", "lfingers", (0.53306, 0, 0)),
    ("lthumb", "lwrist", (0, 0, 0)),
    ("lthumb_end", "lthumb", (0.5412, 0, 0.5412)),
    ("rclavicle", "thorax", _THORAX),
    ("rhumerus", "rclavicle", (-3.49802, 0.75994, -0.32616)),
    ("rradius", "rhumerus", (-5.02649, 0, 0)),
    ("rwrist", "rradius", (-3.36431, 0, 0)),
    ("rhand", "rwrist", (0, 0, 0)),
    ("rfingers", "rhand", (-0.73041, 0, 0)),
    ("rfingers_end", "rfingers", (-0.58887, 0, 0)),
    ("rthumb", "rwrist", (0, 0, 0)),
    ("rthumb_end", "rthumb", (-0.59786, 0, 0.59786)),
)
"""Joint, parent, offset in CMU's unit."""

JOINTS = tuple(name for name, _, _ in _BONES)


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the files below a folder (`<train|test>/<action>/<action>_<n>.txt`, also .gz).

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, "**/*_[0-9]*.txt", "**/*_[0-9]*.txt.gz", what="files of CMU")


def read_sequence(path: str | Path) -> BodyMotion:
    """Read a file as the motion of one person at 120 frames per second.

    Raises:
        InputError: If it cannot be read.
        FormatError: If a line does not hold 117 finite numbers.
    """
    width = 3 + 3 * len(_BONES)
    table = read_table(path, width, f"{width} numbers a frame, exponential maps of CMU")
    first = count_inserted(table[:, 3:6])
    table, number = table[first:], np.arange(first, len(table))
    return make_motion(
        Path(path).name.split(".")[0],
        joints=JOINTS,
        parents=[JOINTS.index(parent) if parent else -1 for _, parent, _ in _BONES],
        offset=np.array([offset for _, _, offset in _BONES]) * CMU_UNIT_M,
        local=(make_rotations(-table[:, k : k + 3]) for k in range(3, width, 3)),
        position=table[:, :3] * CMU_UNIT_M,
        time=number / FRAME_RATE,
    )
