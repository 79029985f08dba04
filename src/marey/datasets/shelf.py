"""Shelf and Campus (TUM): joints of a few actors, several calibrated views.

`actorsGT.mat` holds `actor3D`, cells by actor and frame of 14 joints (m, `shelf-14`), empty where
the actor is not labelled. Its preprocessing for 4D Association is `gt_shelf15.npz`, `gt` [T, 4,
15, 4] with a flag, and `calibration.json`: by camera `K` (9), `RT` (12, world to camera, m) and
`imgSize`. Frames count from 0; the usual test of Shelf is frames 300 to 600. Axes are the corpus's
own: +Z is up.

Licence: research only. Tried on real files: `gt_shelf15.npz` (180 frames, two actors) and five
cameras; `actorsGT.mat` on a written one in the layout that VoxelPose's loaders read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import FormatError, NothingFoundError
from marey.datasets._fields import describe, get_array, get_dict, get_list, to_array
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import make_keypoints3d, make_times
from marey.datasets._mat5 import read_mat
from marey.datasets.recording import Recording
from marey.io._json import read_json
from marey.io._npz import read_npz

FRAME_RATE = 25.0
MAX_ACTORS = 64
MAX_FRAMES = 1_000_000


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the files of labels below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, "**/actorsGT.mat", "**/gt_shelf15.npz", what="labels of actors")


def read_sequence(path: str | Path) -> Recording:
    """Read the actors' joints; an actor is missing where not labelled.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is neither of the two layouts.
        NothingFoundError: If nobody is labelled.
    """
    path = check_file(path, "actorsGT.mat or gt_shelf15.npz")
    points = _read_npz(path) if path.suffix == ".npz" else _read_mat(path)
    if not np.isfinite(points).any():
        raise NothingFoundError(f"{path} labels nobody")
    frame = np.arange(points.shape[1])
    calibration = path.with_name("calibration.json")
    return Recording(
        name=path.resolve().parent.name,
        frame=frame,
        keypoints3d=make_keypoints3d(
            f"shelf-{points.shape[2]}",
            [f"actor {number}" for number in range(len(points))],
            make_times(frame, FRAME_RATE),
            points,
        ),
        cameras=read_cameras(calibration) if calibration.is_file() else None,
        frame_rate=FRAME_RATE,
    )


def read_cameras(path: str | Path) -> Cameras:
    """Read `calibration.json` of 4D Association.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such file.
    """
    path = check_file(path, "calibration.json")
    data = get_dict(read_json(path), path)
    if not 0 < len(data) <= 1000:
        raise FormatError(f"{path} lists {len(data)} cameras; expected 1 to 1000")
    K, pose, size = [], [], []
    for name, value in data.items():
        row = get_dict(value, path, name)
        inner = get_array(row, "K", path, (9,), within=name).reshape(3, 3)
        K.append(inner + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]))
        outer = get_array(row, "RT", path, (12,), within=name).reshape(3, 4)
        if not np.allclose(outer[:, :3] @ outer[:, :3].T, np.eye(3), atol=1e-3):
            raise FormatError(f"{path}: '{name}.RT' holds no rotation")
        turn = Rotation.from_matrix(outer[:, :3]).as_quat(scalar_first=True)
        pose.append(np.concatenate([turn, outer[:, 3]]))
        size.append(get_array(row, "imgSize", path, (2,), within=name).astype(int))
    return Cameras(
        names=tuple(data),
        model="pinhole",
        K=np.stack(K),
        distortion=np.zeros((len(K), 0)),
        T_cam_world=np.stack(pose)[:, None],
        size=np.stack(size),
        time_offset=np.zeros(len(K)),
    )


def _read_npz(path: Path) -> Float[np.ndarray, "N T K 3"]:
    values = get_array(read_npz(path, ["gt"]), "gt", path, (None, None, 15, 4), missing=True)
    return np.where(values[..., 3:] > 0, values[..., :3], np.nan).swapaxes(0, 1)


def _read_mat(path: Path) -> Float[np.ndarray, "N T K 3"]:
    actors = _open_cells(read_mat(path, ["actor3D"]).get("actor3D"), path, MAX_ACTORS)
    frames = [_open_cells(actor, path, MAX_FRAMES) for actor in actors]
    longest = max(len(rows) for rows in frames)
    points = np.full((len(frames), longest, 14, 3), np.nan)
    for person, rows in enumerate(frames):
        for row, value in enumerate(rows):
            joints = np.asarray(value) if not isinstance(value, str) else np.zeros(0)
            if joints.size > 1:
                where = f"actor3D{{{person + 1}}}{{{row + 1}}}"
                points[person, row] = to_array(joints, where, path, (14, 3), missing=True)
    return points


def _open_cells(value: Any, path: Path, most: int) -> list[Any]:
    """Return the cells of an array, which may lie in further cells of one."""
    for _ in range(4):
        if not isinstance(value, np.ndarray) or value.dtype != object or value.size != 1:
            break
        value = value.ravel()[0]
    if not isinstance(value, np.ndarray) or value.dtype != object or not 0 < value.size <= most:
        raise FormatError(f"{path}: 'actor3D' is {describe(value)}; expected up to {most} cells")
    return get_list({"actor3D": value.ravel(order="F")}, "actor3D", path)
