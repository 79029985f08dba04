"""HumanML3D's joints: `new_joints/<id>.npy`, [T, 22, 3] m, +Y up, 20 frames per second.

The 22 joints are SMPL's without the hands. Missing hands are NaN in `smpl-24`.

Licence: the motions derive from AMASS and HumanAct12 (research only). Tried on one real file.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from marey.core import load_skeleton
from marey.core.errors import FormatError
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import make_keypoints3d
from marey.datasets.recording import Recording
from marey.io.npz import read_npy

FRAME_RATE = 20.0
NUM_JOINTS = 22


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the files of joints below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    patterns = ("**/new_joints/*.npy", "new_joints_*.npy")
    yield from find_files(folder, *patterns, what="joints of HumanML3D")


def read_sequence(path: str | Path) -> Recording:
    """Read the joints of one motion.

    Raises:
        InputError: If the file is missing.
        FormatError: If it does not hold 22 finite points a frame.
    """
    path = check_file(path, "an .npy file of joints")
    points = read_npy(path)
    sound = points.dtype.kind == "f" and points.shape[1:] == (NUM_JOINTS, 3) and len(points)
    if not sound or not np.isfinite(points).all():
        raise FormatError(
            f"{path} is {points.dtype} {points.shape}; expected finite joints (T, {NUM_JOINTS}, 3)"
        )
    full = np.full((1, len(points), len(load_skeleton("smpl-24")), 3), np.nan)
    x, y, z = np.moveaxis(points.astype(np.float64), -1, 0)
    full[0, :, :NUM_JOINTS] = np.stack([x, -z, y], -1)
    frame = np.arange(len(points))
    return Recording(
        name=path.stem.removeprefix("new_joints_"),
        frame=frame,
        keypoints3d=make_keypoints3d("smpl-24", ("person",), frame / FRAME_RATE, full),
        frame_rate=FRAME_RATE,
    )
