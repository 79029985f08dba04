"""3DPW: `sequenceFiles/<split>/<sequence>.pkl`, a moving camera and one or two people in SMPL.

A pickle of Python 2 (read by `marey.core.restricted_pickle`): by person, lists of `poses` (T, 72),
`trans` (T, 3), `betas` (10 or more), `poses2d` (T, 3, 18; x, y, confidence of OpenPose's 18 of
COCO), `jointPositions` (T, 72; 24 joints in the world, m), `campose_valid` (T) and `genders`; for
all, `cam_poses` (T, 4, 4; world to camera), `cam_intrinsics` (3, 3) and `sequence`. Frames are 30
per second. (The arrays named `_60Hz` are not read.)

Joints come back in the camera of each frame, as the benchmark measures them; frames whose camera
is marked invalid are missing for that person. The motion and the cameras stay in the corpus's own
world, whose axes the files do not state.

Licence: non-commercial research. Tried on files written in this layout; no real one was at hand.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import Cameras, Keypoints2D, load_skeleton
from marey.core.errors import FormatError
from marey.core.restricted_pickle import read_pickle
from marey.datasets._fields import describe, get_array, get_dict, get_list, to_array
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import make_keypoints2d, make_keypoints3d, make_times
from marey.datasets._smpl import make_body_motion
from marey.datasets._world_camera import make_intrinsics, make_poses, move_points
from marey.datasets.recording import Recording

FRAME_RATE = 30.0
MAX_PEOPLE = 16
SPLITS = ("train", "validation", "test")
POINTS = (
    *("nose", "mid_shoulder", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder"),
    *("left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip"),
    *("left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear"),
)
"""Order of `poses2d`; given here in their places of `openpose-25`."""


def sequences(folder: str | Path, split: str | None = None) -> Iterator[Path]:
    """Yield the sequence files below a folder.

    Args:
        folder: `sequenceFiles` or what holds it.
        split: train, validation or test; all if None.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    splits = SPLITS if split is None else (split,)
    patterns = [f"{above}{each}/*.pkl" for each in splits for above in ("", "sequenceFiles/")]
    yield from find_files(folder, *patterns, what="sequences of 3DPW")


def read_sequence(path: str | Path) -> Recording:
    """Read one sequence.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such file, or says anything but plain data.
    """
    path = check_file(path, "a sequence file of 3DPW (.pkl)")
    data = get_dict(read_pickle(path, object_arrays=True), path)
    poses = get_list(_as_list(data, "poses"), "poses", path)
    if not 0 < len(poses) <= MAX_PEOPLE:
        raise FormatError(f"{path}: 'poses' is of {len(poses)} people; expected 1 to {MAX_PEOPLE}")
    count = len(poses)
    length = len(to_array(poses[0], "poses[0]", path, (None, 72)))
    pose = _stack(data, "poses", path, count, (length, 72))
    trans = _stack(data, "trans", path, count, (length, 3))
    world = _stack(data, "jointPositions", path, count, (length, 72)).reshape(count, length, 24, 3)
    valid = _stack(data, "campose_valid", path, count, (length,)) > 0
    betas = np.stack([each[:10] for each in _read_betas(data, path, count)])
    cameras = _read_cameras(data, path, length)
    frame = np.arange(length)
    time = make_times(frame, FRAME_RATE)
    names = tuple(f"{number:02d}" for number in range(count))
    seen = np.stack([move_points(cameras.T_cam_world[0], each) for each in world])
    seen[~valid] = np.nan
    genders = [str(each) for each in data.get("genders", ())]
    return Recording(
        name=str(data.get("sequence", path.stem)),
        frame=frame,
        keypoints2d=_read_points(data, path, time, count),
        keypoints3d=make_keypoints3d("smpl-24", names, time, seen, frame="camera"),
        motion=make_body_motion(names, time, pose, shape=betas, trans=trans, valid=valid),
        cameras=cameras,
        images=tuple(f"image_{number:05d}.jpg" for number in frame),
        frame_rate=FRAME_RATE,
        notes=(
            f"bodies are of the genders {', '.join(genders) or 'not stated'}",
            "motion and cameras are in the corpus's own world",
        ),
    )


def _stack(
    data: dict[str, Any], key: str, path: Path, count: int, shape: tuple[int | None, ...]
) -> Float[np.ndarray, "N *rest"]:
    rows = get_list(_as_list(data, key), key, path, count)
    return np.stack([to_array(row, f"{key}[{k}]", path, shape) for k, row in enumerate(rows)])


def _as_list(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the entry with arrays over people as lists of them."""
    value = data.get(key)
    return {key: list(value)} if isinstance(value, np.ndarray) and value.ndim else {key: value}


def _read_betas(data: dict[str, Any], path: Path, count: int) -> list[Float[np.ndarray, "S"]]:
    rows = get_list(_as_list(data, "betas"), "betas", path, count)
    betas = [to_array(row, f"betas[{k}]", path, (None,)) for k, row in enumerate(rows)]
    short = next((k for k, row in enumerate(betas) if len(row) < 10), None)
    if short is not None:
        raise FormatError(f"{path}: 'betas[{short}]' is {describe(betas[short])}; expected 10")
    return betas


def _read_cameras(data: dict[str, Any], path: Path, length: int) -> Cameras:
    K = get_array(data, "cam_intrinsics", path, (3, 3))
    poses = get_array(data, "cam_poses", path, (length, 4, 4))
    # The principal point lies in the middle of the picture to within some pixels.
    size = np.rint(2 * K[:2, 2]).astype(int)
    return Cameras(
        names=("camera",),
        model="pinhole",
        K=make_intrinsics(K)[None],
        distortion=np.zeros((1, 0)),
        T_cam_world=make_poses(poses, "cam_poses", path)[None],
        size=size[None],
        time_offset=np.zeros(1),
    )


def _read_points(
    data: dict[str, Any],
    path: Path,
    time: Float[np.ndarray, "T"],
    count: int,
) -> Keypoints2D | None:
    if "poses2d" not in data:
        return None
    rows = _stack(data, "poses2d", path, count, (len(time), 3, 18)).swapaxes(-1, -2)
    target = load_skeleton("openpose-25")
    full = np.zeros((count, len(time), len(target), 3))
    full[:, :, [target.index(name) for name in POINTS]] = rows
    names = tuple(f"{number:02d}" for number in range(count))
    return make_keypoints2d(target.name, names, time, full[..., :2] + 0.5, full[..., 2])
