"""EMDB: `P<n>/<sequence>/<name>_data.pkl`, one person in SMPL before a moving camera.

A pickle (read by `marey.core.restricted_pickle`): `name`, `gender`, `emdb1` and `emdb2` (which
part of the benchmark it belongs to), `n_frames`, `good_frames_mask` (T), `camera` (`intrinsics`
(3, 3), `extrinsics` (T, 4, 4) world to camera, `width`, `height`), `smpl` (`poses_root` (T, 3),
`poses_body` (T, 69), `trans` (T, 3), `betas` (10)), `kp2d` (T, 24, 2) px and `bboxes.bboxes` (T,
4) x0 y0 x1 y1.

Frames that are not good are missing. The motion and the cameras stay in the corpus's own world.

Licence: non-commercial research. Tried on files written in this layout; no real one was at hand.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from marey.core import Cameras, Keypoints2D
from marey.core.errors import FormatError
from marey.core.restricted_pickle import read_pickle
from marey.datasets._fields import describe, get_array, get_dict
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import make_keypoints2d, make_times
from marey.datasets._smpl import make_body_motion
from marey.datasets._world_camera import make_intrinsics, make_poses
from marey.datasets.recording import Recording

FRAME_RATE = 30.0


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the sequence files below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, "**/*_data.pkl", what="sequences of EMDB")


def read_sequence(path: str | Path) -> Recording:
    """Read one sequence.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such file, or says anything but plain data.
    """
    path = check_file(path, "a sequence file of EMDB (_data.pkl)")
    data = get_dict(read_pickle(path), path)
    smpl = get_dict(data.get("smpl"), path, "smpl")
    root = get_array(smpl, "poses_root", path, (None, 3), within="smpl")
    length = len(root)
    body = get_array(smpl, "poses_body", path, (length, 69), within="smpl")
    trans = get_array(smpl, "trans", path, (length, 3), within="smpl")
    betas = get_array(smpl, "betas", path, (10,), within="smpl")
    good = _read_mask(data, path, length)
    frame = np.arange(length)
    time = make_times(frame, FRAME_RATE)
    cameras = _read_cameras(get_dict(data.get("camera"), path, "camera"), path, length)
    width, height = cameras.size[0].tolist()
    return Recording(
        name=str(data.get("name", path.stem.removesuffix("_data"))),
        frame=frame,
        keypoints2d=_read_points(data, path, time, good),
        motion=make_body_motion(
            ("person",),
            time,
            np.concatenate([root, body], 1)[None],
            shape=betas[None],
            trans=trans[None],
            valid=good[None],
        ),
        cameras=cameras,
        box=_read_boxes(data, path, good),
        size=(width, height),
        frame_rate=FRAME_RATE,
        notes=_describe(data),
    )


def parts(recording: Recording) -> tuple[int, ...]:
    """Return which parts of the benchmark (1, 2) a recording says it belongs to."""
    return tuple(part for part in (1, 2) if f"belongs to EMDB {part}" in recording.notes)


def _describe(data: dict[str, Any]) -> tuple[str, ...]:
    belongs = [f"belongs to EMDB {part}" for part in (1, 2) if bool(data.get(f"emdb{part}"))]
    gender = str(data.get("gender", "not stated"))
    own = "motion and cameras are in the corpus's own world"
    return (*belongs, f"the body is of the gender {gender}", own)


def _read_mask(data: dict[str, Any], path: Path, length: int) -> Bool[np.ndarray, "T"]:
    if "good_frames_mask" not in data:
        return np.ones(length, bool)
    return get_array(data, "good_frames_mask", path, (length,)) > 0


def _read_cameras(row: dict[str, Any], path: Path, length: int) -> Cameras:
    K = get_array(row, "intrinsics", path, (3, 3), within="camera")
    poses = get_array(row, "extrinsics", path, (length, 4, 4), within="camera")
    size = [float(get_array(row, key, path, (), within="camera")) for key in ("width", "height")]
    if min(size) < 1:
        raise FormatError(f"{path}: 'camera.width' and 'height' are {size}; expected px")
    return Cameras(
        names=("camera",),
        model="pinhole",
        K=make_intrinsics(K)[None],
        distortion=np.zeros((1, 0)),
        T_cam_world=make_poses(poses, "camera.extrinsics", path)[None],
        size=np.array([size]).astype(int),
        time_offset=np.zeros(1),
    )


def _read_points(
    data: dict[str, Any], path: Path, time: Float[np.ndarray, "T"], good: Bool[np.ndarray, "T"]
) -> Keypoints2D | None:
    if "kp2d" not in data:
        return None
    points = get_array(data, "kp2d", path, (len(time), 24, 2), missing=True)
    points[~good] = np.nan
    return make_keypoints2d("smpl-24", ("person",), time, points[None] + 0.5)


def _read_boxes(
    data: dict[str, Any], path: Path, good: Bool[np.ndarray, "T"]
) -> Float[np.ndarray, "1 T 4"] | None:
    if "bboxes" not in data:
        return None
    row = data["bboxes"]
    if not isinstance(row, dict):
        raise FormatError(f"{path}: 'bboxes' is {describe(row)}; expected a dictionary")
    box = get_array(row, "bboxes", path, (len(good), 4), within="bboxes", missing=True)
    box[~good] = np.nan
    return box[None] + 0.5
