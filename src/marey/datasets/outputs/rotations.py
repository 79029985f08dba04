"""Rotations of other programs as quaternions wxyz: rotation vectors, matrices, six numbers."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core.errors import FormatError
from marey.datasets._fields import to_array

TOLERANCE = 0.05
"""How far from orthonormal a matrix may be; float16 and float32 networks stay far below."""


def from_vectors(
    value: Any, field: str, path: Path, *, count: int | None = None
) -> Float[np.ndarray, "L J 4"]:
    """Return quaternions of rotation vectors (rad) in rows of 3 J numbers.

    Rows with a value that is not finite become NaN.

    Raises:
        FormatError: If they are no numbers of that shape.
    """
    columns = None if count is None else 3 * count
    flat = to_array(_rows(value), field, path, (None, columns), missing=True)
    if flat.shape[1] % 3:
        raise FormatError(f"{path}: '{field}' has {flat.shape[1]} columns; expected threes")
    known = np.asarray(np.isfinite(flat).all(1))
    turn = Rotation.from_rotvec(np.where(known[:, None], flat, 0).reshape(-1, 3))
    result = turn.as_quat(scalar_first=True).reshape(len(flat), -1, 4)
    result[~known] = np.nan
    return result


def from_matrices(value: Any, field: str, path: Path, *, count: int) -> Float[np.ndarray, "L J 4"]:
    """Return quaternions of rotation matrices (L, J, 3, 3); rows that are not finite become NaN.

    Raises:
        FormatError: If they are no rotation matrices.
    """
    R = to_array(value, field, path, (None, count, 3, 3), missing=True)
    known = np.asarray(np.isfinite(R).all((1, 2, 3)))
    R = np.where(known[:, None, None, None], R, np.eye(3)).reshape(-1, 3, 3)
    error = np.abs(R @ R.swapaxes(1, 2) - np.eye(3)).max(initial=0)
    if error > TOLERANCE or (np.linalg.det(R) < 0).any():
        raise FormatError(f"{path}: '{field}' holds matrices that are no rotations")
    result = Rotation.from_matrix(R).as_quat(scalar_first=True).reshape(-1, count, 4)
    result[~known] = np.nan
    return result


def turn_places(turn: Rotation, positions: Float[np.ndarray, "L 3"]) -> Float[np.ndarray, "L 3"]:
    """Rotate points; those that are missing stay missing."""
    return np.einsum("ij,lj->li", turn.as_matrix(), positions)


def turn_rotations(turn: Rotation, q: Float[np.ndarray, "L 4"]) -> Float[np.ndarray, "L 4"]:
    """Rotate by another rotation after each; those that are missing stay missing."""
    known = np.isfinite(q).all(-1)
    result = np.full_like(q, np.nan)
    own = Rotation.from_quat(q[known], scalar_first=True)
    result[known] = (turn * own).as_quat(scalar_first=True)
    return result


def _rows(value: Any) -> Any:
    """Flatten (L, J, 3) to rows."""
    if isinstance(value, np.ndarray) and value.ndim == 3 and value.shape[2] == 3:
        return value.reshape(len(value), -1)
    return value
