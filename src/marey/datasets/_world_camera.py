"""Poses of cameras given as 4 x 4 or 3 x 4 matrices, and points moved by them."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core.errors import FormatError


def make_poses(
    matrices: Float[np.ndarray, "T R 4"], field: str, path: Path
) -> Float[np.ndarray, "T 7"]:
    """Return quaternions and translations of world-to-camera matrices; NaN where those are.

    Raises:
        FormatError: If one holds no rotation.
    """
    R, t = matrices[:, :3, :3], matrices[:, :3, 3]
    known = np.asarray(np.isfinite(matrices).all((1, 2)))
    square = R[known] @ R[known].swapaxes(-1, -2)
    if not np.allclose(square, np.eye(3), atol=1e-3) or (np.linalg.det(R[known]) < 0).any():
        raise FormatError(f"{path}: '{field}' holds a matrix that is no rotation and translation")
    pose = np.full((len(matrices), 7), np.nan)
    if known.any():
        pose[known, :4] = Rotation.from_matrix(R[known]).as_quat(scalar_first=True)
        pose[known, 4:] = t[known]
    return pose


def move_points(
    pose: Float[np.ndarray, "T 7"], points: Float[np.ndarray, "T K 3"]
) -> Float[np.ndarray, "T K 3"]:
    """Return points in each frame's camera; NaN where its pose is."""
    known = np.asarray(np.isfinite(pose).all(-1))
    safe = np.where(known[:, None], pose, [1, 0, 0, 0, 0, 0, 0])
    R = Rotation.from_quat(safe[:, :4], scalar_first=True).as_matrix()
    moved = points @ R.swapaxes(-1, -2) + safe[:, None, 4:]
    return np.where(known[:, None, None], moved, np.nan)


def make_intrinsics(K: Float[np.ndarray, "*C 3 3"]) -> Float[np.ndarray, "*C 3 3"]:
    """Return OpenCV's intrinsics with marey's pixel centres."""
    return K + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
