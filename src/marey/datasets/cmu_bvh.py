"""CMU motion capture in BVH: the conversions by B. Hahne (cgspeed) and what was made of them.

The files are those of `marey.io.bvh`; what belongs to this corpus is its unit (inches times 0.45,
chosen by the skeleton's size) and the T-pose that was put in front of the motion as frame 0. It is
left out, and the clock begins at frame 1. For pairs of salsa dancers see
`marey.datasets.cmu_salsa`.

The conversion lost the length of one bone: neck and collars hang where the Acclaim skeleton's
thorax begins, not where it ends, about 0.12 m too low. Everything else agrees with the Acclaim
files to micrometres (tests/datasets/test_acclaim.py); where limb positions matter, read those.

Licence: CMU's, as in `marey.datasets.acclaim`. Tried on 89 real files.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion
from marey.datasets._figure import count_inserted
from marey.datasets._folder import find_files
from marey.io.bvh import read_bvh


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the trials (.bvh, .bvh.gz) below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, "**/*.bvh", "**/*.bvh.gz", what="trials in BVH")


def read_sequence(path: str | Path) -> BodyMotion:
    """Read a trial as the motion of one person.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no BVH file.
        NothingFoundError: If it has no frames.
    """
    motion = read_bvh(path)
    # The file's own rotations are those to a world with +Y up.
    upright = Rotation.from_rotvec([-np.pi / 2, 0, 0])
    root = upright * Rotation.from_quat(motion.T_world_root[0, :2, :4], scalar_first=True)
    return drop_frames(motion, count_inserted(root.as_rotvec()))


def drop_frames(motion: BodyMotion, first: int) -> BodyMotion:
    """Return a motion from a frame on; the clock keeps its times."""
    return replace(
        motion,
        time=motion.time[first:],
        T_world_root=motion.T_world_root[:, first:],
        R_parent_joint=motion.R_parent_joint[:, first:],
        confidence=motion.confidence[:, first:],
    )
