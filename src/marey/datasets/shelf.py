"""Shelf and Campus (TUM): joints of a few actors, several calibrated views.

`actorsGT.mat` holds `actor3D`, cells by actor and frame of 14 joints (m, `shelf-14`), empty where
the actor is not labelled. Its preprocessing for 4D Association is `gt_shelf15.npz`, `gt` [T, 4,
15, 4] with a flag, and `calibration.json`: by camera `K` (9), `RT` (12, world to camera, m) and
`imgSize`. OpenPose's candidates for keypoints are `detections_body25.json`: by camera and frame
`joints`, 25 lists of x, y (as shares of the picture) and score, and `pafs`, a matrix of affinities
for each of `paf_pairs`. Frames count from 0; the usual test of Shelf is frames 300 to 600. Axes
are the corpus's own: +Z is up.

Licence: research only. Tried on real files: `gt_shelf15.npz` (180 frames, two actors) and five
cameras; `actorsGT.mat` on a written one in the layout that VoxelPose's loaders read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from marey.core import Cameras, Candidates2D, Skeleton, load_skeleton
from marey.core.errors import FormatError, NothingFoundError
from marey.datasets._fields import describe, get_array, get_dict, get_list, to_array
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import make_keypoints3d, make_times
from marey.datasets._mat5 import read_mat
from marey.datasets.recording import Recording
from marey.io.json_file import read_json
from marey.io.npz import read_npz

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


def read_candidates(path: str | Path) -> tuple[Candidates2D, ...]:
    """Read `detections_body25.json`: what OpenPose saw in each view, before it made people of it.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such file.
    """
    path = check_file(path, "detections_body25.json")
    data, skeleton = get_dict(read_json(path), path), load_skeleton("openpose-25")
    size = get_array(data, "image_size", path, (2,))
    pairs = get_array(data, "paf_pairs", path, (None, 2)).astype(int)
    if pairs.size and not 0 <= pairs.min() <= pairs.max() < len(skeleton):
        raise FormatError(f"{path}: 'paf_pairs' names keypoints that BODY_25 does not have")
    views = get_list(data, "cameras", path)
    if not 0 < len(views) <= 1000:
        raise FormatError(f"{path} lists {len(views)} cameras; expected 1 to 1000")
    frames = [get_list({"view": view}, "view", path) for view in views]
    if len({len(view) for view in frames}) > 1 or len(frames[0]) > MAX_FRAMES:
        raise FormatError(f"{path}: its cameras have different numbers of frames, or too many")
    return tuple(_read_view(view, pairs, size, skeleton, path) for view in frames)


def _read_view(
    frames: list[Any],
    pairs: Int[np.ndarray, "E 2"],
    size: Float[np.ndarray, "2"],
    skeleton: Skeleton,
    path: Path,
) -> Candidates2D:
    points, keys, when, links, strengths = [], [], [], [], []
    total = 0
    for number, value in enumerate(frames):
        frame = get_dict(value, path, f"frame {number}")
        joints, fields = get_list(frame, "joints", path), get_list(frame, "pafs", path)
        joints = [get_list({"joints": joint}, "joints", path) for joint in joints]
        if len(joints) != len(skeleton) or len(fields) != len(pairs):
            raise FormatError(f"{path}: frame {number} lacks keypoints or affinities")
        start = total + np.cumsum([0, *(len(joint) for joint in joints)])
        for key, joint in enumerate(joints):
            if len(joint):
                points.append(to_array(joint, f"joints[{key}]", path, (len(joint), 3)))
            keys += [key] * len(joint)
            when += [number] * len(joint)
        for (one, other), field in zip(pairs, fields, strict=True):
            shape = (len(joints[one]), len(joints[other]))
            if 0 in shape:
                continue
            strength = to_array(field, "pafs", path, shape)
            a, b = np.indices(shape).reshape(2, -1)
            links.append(np.stack([start[one] + a, start[other] + b], -1))
            strengths.append(strength.ravel())
        total = start[-1]
    flat = np.concatenate(points) if points else np.zeros((0, 3))
    return Candidates2D(
        skeleton=skeleton,
        time=make_times(np.arange(len(frames)), FRAME_RATE),
        frame=np.array(when, int),
        keypoint=np.array(keys, int),
        # Shares of the picture are taken to count from the corner of its first pixel.
        position=flat[:, :2] * size,
        score=np.clip(flat[:, 2], 0, 1),
        link=np.concatenate(links) if links else np.zeros((0, 2), int),
        affinity=np.clip(np.concatenate(strengths), 0, 1) if strengths else np.zeros(0),
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
