"""DeepMimic's reference motions: JSON of a humanoid of 15 bodies.

A motion is `{"Loop", "Frames"}`; a frame holds its duration in s, the root's position (m, +Y up)
and quaternion (wxyz), then for each joint of `ORDER` a quaternion or, for knees and elbows, one
angle about the joint's Z axis. The humanoid stands in `humanoid3d.txt`
(`humanoid3d_character.txt`): arms hang, +X is forward, +Z to the right; it is turned here to
marey's axes.

Licence: MIT (the clips were retargeted from CMU's and SFU's recordings). Tried on 15 real motions.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets._figure import make_motion
from marey.datasets._folder import check_file, find_files
from marey.io.json_file import JsonFault, get_objects, read_json, read_numbers

ORDER = (
    *(("chest", 4), ("neck", 4), ("right_hip", 4), ("right_knee", 1), ("right_ankle", 4)),
    *(("right_shoulder", 4), ("right_elbow", 1), ("left_hip", 4), ("left_knee", 1)),
    *(("left_ankle", 4), ("left_shoulder", 4), ("left_elbow", 1)),
)
"""The joints after the root, and how many numbers each has."""

COLUMNS = 8 + sum(size for _, size in ORDER)
MAX_FRAMES = 1_000_000
MAX_JOINTS = 256
MAX_ERROR = 0.5
"""How much longer or shorter than 1 a quaternion may be; it is normalised."""

_R_OWN_FILE = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]], float)


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the motions in a folder (`humanoid3d_*.txt`).

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    for path in find_files(folder, "humanoid3d_*.txt", what="motions of DeepMimic"):
        if not path.stem.endswith("character"):
            yield path


def read_sequence(path: str | Path, character: str | Path | None = None) -> BodyMotion:
    """Read a motion as that of one person, on the clock its frames' durations make.

    Args:
        path: The motion.
        character: The humanoid; the `humanoid3d_character.txt` or `humanoid3d.txt` beside the
            motion if None.

    Raises:
        InputError: If a file is missing.
        FormatError: If a file is not of this format.
    """
    path = check_file(path, "a motion of DeepMimic")
    names, parents, offset = _read_character(_find_character(path, character))
    table = _read_frames(path)
    local = np.tile(np.eye(3), (len(table), len(names), 1, 1))
    local[:, 0] = _turn(table[:, 4:8], path, "the root")
    column = 8
    for joint, size in ORDER:
        if joint not in names:
            raise FormatError(f"{path}: its humanoid has no joint '{joint}'; give the right one")
        local[:, names.index(joint)] = _turn(table[:, column : column + size], path, joint)
        column += size
    return make_motion(
        path.stem.removeprefix("humanoid3d_"),
        joints=names,
        parents=parents,
        offset=offset @ _R_OWN_FILE.T,
        local=np.moveaxis(_R_OWN_FILE @ local @ _R_OWN_FILE.T, 1, 0),
        position=table[:, 1:4] @ _R_OWN_FILE.T,
        time=np.concatenate([[0.0], np.cumsum(table[:-1, 0])]),
    )


def _find_character(path: Path, character: str | Path | None) -> Path:
    if character is not None:
        return check_file(character, "a humanoid of DeepMimic")
    for name in ("humanoid3d_character.txt", "humanoid3d.txt"):
        if (path.parent / name).is_file():
            return path.parent / name
    raise InputError(f"no humanoid3d.txt lies beside {path}; give the humanoid's file")


def _turn(values: Float[np.ndarray, "T n"], path: Path, joint: str) -> Float[np.ndarray, "T 3 3"]:
    if values.shape[1] == 1:
        return Rotation.from_rotvec(values * [[0, 0, 1]]).as_matrix()
    # Some clips were edited by hand; the shortest quaternion in them is 0.58 long.
    if (np.abs(np.linalg.norm(values, axis=1) - 1) > MAX_ERROR).any():
        raise FormatError(f"{path}: the rotation of {joint} is no unit quaternion in some frame")
    return Rotation.from_quat(values, scalar_first=True).as_matrix()


def _read_frames(path: Path) -> Float[np.ndarray, "T 44"]:
    data = read_json(path)
    frames = data.get("Frames") if isinstance(data, dict) else None
    if not isinstance(frames, list) or len(frames) > MAX_FRAMES:
        raise FormatError(f"{path} has no list 'Frames' of at most {MAX_FRAMES}; is it a motion?")
    if not frames:
        raise NothingFoundError(f"{path}: 'Frames' is empty")
    try:
        rows = [read_numbers(frame, f"Frames[{k}]") for k, frame in enumerate(frames)]
    except JsonFault as fault:
        raise FormatError(f"{path}: {fault}") from fault
    wrong = next((k for k, row in enumerate(rows) if len(row) != COLUMNS), None)
    if wrong is not None:
        raise FormatError(
            f"{path}: 'Frames[{wrong}]' holds {len(rows[wrong])} numbers; expected {COLUMNS}"
        )
    table = np.stack(rows)
    if len(table) > 1 and not (table[:-1, 0] > 0).all():
        raise FormatError(f"{path}: a frame lasts no time; expected durations above 0 s")
    return table


def _read_character(path: Path) -> tuple[list[str], list[int], Float[np.ndarray, "K 3"]]:
    data: Any = read_json(path)
    try:
        rows = get_objects(data.get("Skeleton") if isinstance(data, dict) else None, "Joints")
        names = [str(row.get("Name")) for row in rows]
        offset = [read_numbers([row.get(f"Attach{a}") for a in "XYZ"], "Attach") for row in rows]
    except JsonFault as fault:
        raise FormatError(f"{path} is no humanoid of DeepMimic: {fault}") from fault
    parents: list[Any] = [row.get("Parent") for row in rows]
    if not _is_tree(parents) or len(set(names)) < len(names):
        raise FormatError(f"{path}: 'Joints' is no tree of named joints, parents first")
    return names, parents, np.stack(offset)


def _is_tree(parents: Sequence[Any]) -> bool:
    if not 0 < len(parents) <= MAX_JOINTS or parents[0] != -1:
        return False
    return all(type(p) is int and 0 <= p < k for k, p in enumerate(parents[1:], start=1))
