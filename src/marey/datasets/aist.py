"""AIST++: dances in SMPL, with joints and nine calibrated cameras, 60 frames per second.

`motions/<name>.pkl` holds `smpl_poses` (T, 72), `smpl_trans` (T, 3) and `smpl_scaling` (1), by
which the translation is divided to be in m; `keypoints3d/<name>.pkl` `keypoints3d_optim` or
`keypoints3d` (T, 17, 3) of COCO-17 in cm; `cameras/<setting>.json` a list of cameras with `name`,
`size`, `matrix` (3, 3), `rotation` (rotation vector, world to camera), `translation` (cm) and
`distortions` (5), and `cameras/mapping.txt` which setting a name was recorded in. The pickles are
read by `marey.core.restricted_pickle`. The world has +Y up; here (x, y, z) becomes (x, -z, y).

Bodies and joints have scales of their own: the motion's metres are those of SMPL's body, the
joints' those of the cameras.

Licence: annotations CC BY 4.0; videos under AIST's terms. Tried on files written in this layout; no
real one was at hand.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion, Cameras, Keypoints3D
from marey.core.errors import FormatError, InputError
from marey.core.restricted_pickle import read_pickle
from marey.datasets._fields import describe, get_array, get_dict, get_text
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import make_keypoints3d, make_times
from marey.datasets._smpl import make_body_motion
from marey.datasets._world_camera import make_intrinsics
from marey.datasets.recording import Recording
from marey.io.bvh._lines import open_lines
from marey.io.json_file import read_json

FRAME_RATE = 60.0
MAX_CAMERAS = 100

_UPRIGHT = Rotation.from_rotvec([np.pi / 2, 0, 0])


def sequences(folder: str | Path) -> Iterator[str]:
    """Yield the names of the motions in a folder that holds `motions`.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    for path in find_files(folder, "motions/*.pkl", what="motions of AIST++"):
        yield path.stem


def read_sequence(folder: str | Path, name: str) -> Recording:
    """Read one dance.

    Args:
        folder: What holds `motions`, and maybe `keypoints3d` and `cameras`.
        name: One of `sequences(folder)`.

    Raises:
        InputError: If there is no such motion.
        FormatError: If a file is not of this layout, or says anything but plain data.
    """
    folder = Path(folder)
    path = check_file(folder / "motions" / f"{name}.pkl", "a motion of AIST++")
    motion, scale = _read_motion(path)
    joints = folder / "keypoints3d" / f"{name}.pkl"
    mapping = folder / "cameras" / "mapping.txt"
    return Recording(
        name=name,
        frame=np.arange(len(motion.time)),
        keypoints3d=_read_joints(joints, len(motion.time)) if joints.is_file() else None,
        motion=motion,
        cameras=read_cameras(_find_setting(mapping, name)) if mapping.is_file() else None,
        frame_rate=FRAME_RATE,
        notes=(f"SMPL's translation was divided by the scale {scale:g}",),
    )


def read_cameras(path: str | Path) -> Cameras:
    """Read the cameras of a setting.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such file.
    """
    path = check_file(path, "a setting of AIST++'s cameras (.json)")
    rows = read_json(path)
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_CAMERAS:
        raise FormatError(f"{path} is {describe(rows)}; expected a list of cameras")
    names, K, distortion, pose, size = [], [], [], [], []
    for number, value in enumerate(rows):
        row = get_dict(value, path, f"camera {number}")
        names.append(get_text(row, "name", path))
        K.append(get_array(row, "matrix", path, (3, 3), within=names[-1]))
        distortion.append(get_array(row, "distortions", path, (5,), within=names[-1]))
        size.append(get_array(row, "size", path, (2,), within=names[-1]).astype(int))
        turn = Rotation.from_rotvec(get_array(row, "rotation", path, (3,), within=names[-1]))
        place = get_array(row, "translation", path, (3,), within=names[-1]) / 100
        pose.append(np.concatenate([(turn * _UPRIGHT.inv()).as_quat(scalar_first=True), place]))
    return Cameras(
        names=tuple(names),
        model="pinhole",
        K=make_intrinsics(np.stack(K)),
        distortion=np.stack(distortion),
        T_cam_world=np.stack(pose)[:, None],
        size=np.stack(size),
        time_offset=np.zeros(len(names)),
    )


def _read_motion(path: Path) -> tuple[BodyMotion, float]:
    data = get_dict(read_pickle(path), path)
    pose = get_array(data, "smpl_poses", path, (None, 72))
    trans = get_array(data, "smpl_trans", path, (len(pose), 3))
    scale = float(np.ravel(get_array(data, "smpl_scaling", path, (1,)))[0])
    if not 0 < scale < 1e6:
        raise FormatError(f"{path}: 'smpl_scaling' is {scale:g}; expected a number above 0")
    time = make_times(np.arange(len(pose)), FRAME_RATE)
    motion = make_body_motion(
        ("dancer",),
        time,
        pose[None],
        shape=np.zeros((1, 10)),
        trans=trans[None] / scale,
        root=_UPRIGHT,
    )
    return motion, scale


def _read_joints(path: Path, length: int) -> Keypoints3D:
    data: dict[str, Any] = get_dict(read_pickle(path), path)
    key = "keypoints3d_optim" if "keypoints3d_optim" in data else "keypoints3d"
    points = get_array(data, key, path, (length, 17, 3), missing=True)
    world = _UPRIGHT.apply(points.reshape(-1, 3)).reshape(points.shape) / 100
    time = make_times(np.arange(length), FRAME_RATE)
    return make_keypoints3d("coco-17", ("dancer",), time, world[None])


def _find_setting(mapping: Path, name: str) -> Path:
    with open_lines(mapping) as lines:
        while (words := lines.read_words()) is not None:
            if len(words) != 2:
                raise lines.fault("a name and its setting", " ".join(words))
            # A mapping of another folder must not lead out of this one.
            if words[0] == name and Path(words[1]).name == words[1]:
                return mapping.with_name(f"{words[1]}.json")
    raise InputError(f"{mapping} names no cameras for '{name}'; is it of the same release?")
