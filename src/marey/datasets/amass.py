"""AMASS: `<collection>/<subject>/<motion>_poses.npz` (or `_stageii.npz`), SMPL-H or SMPL-X.

The files are those of `marey.io.amass`, which reads one; here is how a folder of them is listed.

Licence: non-commercial research. Tried on one real file.
"""

from collections.abc import Iterator
from pathlib import Path

from marey.core import BodyMotion
from marey.datasets._folder import find_files
from marey.io.amass import read_amass


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the motions below a folder; files of shapes alone are left out.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    patterns = ("**/*_poses.npz", "**/*_stageii.npz", "amass_*.npz")
    yield from find_files(folder, *patterns, what="motions of AMASS")


def read_sequence(path: str | Path) -> BodyMotion:
    """Read a motion as that of one person.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no motion of AMASS.
    """
    return read_amass(path)
