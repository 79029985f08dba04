"""Sequences in the layout of Harmony4D, written for tests."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

TURN = Rotation.from_rotvec([0.3, -0.2, 0.5])


def body(offset: float) -> dict[str, object]:
    return {
        "global_orient": TURN.as_rotvec()[None],
        "body_pose": np.zeros(69),
        "betas": np.full((1, 10), offset),
        "transl": np.array([offset, 0, 1.0]),
        "epoch_loss": 0.1,
        "joints": np.full((45, 3), offset) + np.linspace(-0.4, 0.4, 135).reshape(45, 3),
        "vertices": np.full((6890, 3), offset, np.float32),
    }


def write_harmony4d(folder: Path, frames: int = 3) -> Path:
    for part, make in (("smpl", body), ("poses3d", lambda offset: np.full((17, 4), offset + 1))):
        (folder / "processed_data" / part).mkdir(parents=True, exist_ok=True)
        for frame in range(1, frames + 1):
            people = {"aria01": make(0.5)} | ({"aria02": make(1.5)} if frame != 2 else {})
            path = folder / "processed_data" / part / f"{frame:05d}.npy"
            np.save(path, np.array(people, dtype=object), allow_pickle=True)
    return folder


def write_cameras(folder: Path) -> None:
    """Two pinhole cameras that look along +Z from 6 m behind the people."""
    colmap = folder / "colmap/workplace"
    colmap.mkdir(parents=True)
    (colmap / "cameras.txt").write_text("1 PINHOLE 3840 2160 1800 1801 1920 1080\n")
    (colmap / "images.txt").write_text(
        "1 1 0 0 0 -1 -1 6 1 cam01/00001.jpg\n\n2 1 0 0 0 -2 -1 6 1 cam02/00001.jpg\n\n"
    )
