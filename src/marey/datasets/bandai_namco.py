"""Bandai-Namco Research's motion data set 1: BVH of 22 joints, 30 frames per second, centimetres.

Files: `dataset-1_<motion>_<style>_<number>.bvh`. A node on the floor (`joint_Root`) carries the
hips; it gives way to them, as `marey.io.bvh` does everywhere.

Licence: CC BY-NC 4.0. Tried on 8 real files.
"""

from collections.abc import Iterator
from pathlib import Path

from marey.core import BodyMotion
from marey.datasets._folder import find_files
from marey.io.bvh import read_bvh

UNIT_M = 0.01


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the motions below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, "**/dataset-*_*.bvh", what="motions of Bandai-Namco")


def read_sequence(path: str | Path) -> BodyMotion:
    """Read a motion as that of one person.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no BVH file.
        NothingFoundError: If it has no frames.
    """
    return read_bvh(path, unit_m=UNIT_M)
