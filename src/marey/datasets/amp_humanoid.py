"""Motions of the AMP humanoid: CMU clips retargeted to 15 bodies, as poselib saves them (.npy).

A file holds one dictionary: `rotation.arr` (T, 15, 4) local quaternions xyzw,
`root_translation.arr` (T, 3) m, `skeleton_tree` (`node_names`, `parent_indices.arr`,
`local_translation.arr` (15, 3) m) and `fps`. It rests with its arms hanging, +X forward, +Y left,
+Z up; it is turned here to marey's axes. The dictionary is a pickle and is read by
`marey.core.restricted_pickle`.

Licence: CMU's, as in `marey.datasets.acclaim`; the repository's files are BSD-3. Tried on 6 real
files.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion
from marey.core.errors import FormatError
from marey.datasets._fields import get_array, get_dict
from marey.datasets._figure import make_motion
from marey.datasets._folder import check_file, find_files
from marey.datasets._object_npy import read_object_npy

MAX_BYTES = 2**27

_R_OWN_FILE = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], float)


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the motions in a folder (`amp_humanoid_*.npy`).

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, "amp_humanoid_*.npy", what="motions of the AMP humanoid")


def read_sequence(path: str | Path) -> BodyMotion:
    """Read a motion as that of one person.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is not of this format.
    """
    path = check_file(path, "an .npy file of poselib")
    if path.stat().st_size > MAX_BYTES:
        raise FormatError(f"{path} is larger than {MAX_BYTES / 1e6:.0f} MB; cut it into parts")
    data = get_dict(read_object_npy(path), path)
    tree = get_dict(data.get("skeleton_tree"), path, "skeleton_tree")
    names, parents = _read_tree(tree, path)
    num_joints = len(names)
    turn = _array(data, "rotation", path, (None, num_joints, 4))
    if len(turn) == 0 or (np.abs(np.linalg.norm(turn, axis=-1) - 1) > 0.01).any():
        raise FormatError(f"{path}: 'rotation' should hold unit quaternions of at least one frame")
    rate = float(get_array(data, "fps", path, ()))
    if rate <= 0:
        raise FormatError(f"{path}: 'fps' is {rate:g}; expected more than 0 frames per second")
    return make_motion(
        path.stem.removeprefix("amp_humanoid_"),
        joints=names,
        parents=parents,
        offset=_array(tree, "local_translation", path, (num_joints, 3)) @ _R_OWN_FILE.T,
        local=(
            _R_OWN_FILE @ Rotation.from_quat(turn[:, k]).as_matrix() @ _R_OWN_FILE.T
            for k in range(num_joints)
        ),
        position=_array(data, "root_translation", path, (len(turn), 3)) @ _R_OWN_FILE.T,
        time=np.arange(len(turn)) / rate,
    )


def _read_tree(tree: dict[str, Any], path: Path) -> tuple[list[str], list[int]]:
    names = tree.get("node_names")
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise FormatError(f"{path}: 'skeleton_tree.node_names' is no list of names")
    parents = _array(tree, "parent_indices", path, (len(names),)).astype(int).tolist()
    if parents[0] != -1 or not all(0 <= p < k for k, p in enumerate(parents[1:], start=1)):
        raise FormatError(f"{path}: 'skeleton_tree.parent_indices' is no tree, parents first")
    return names, parents


def _array(data: dict[str, Any], key: str, path: Path, shape: tuple[int | None, ...]) -> np.ndarray:
    return get_array(get_dict(data.get(key), path, key), "arr", path, shape, within=key)
