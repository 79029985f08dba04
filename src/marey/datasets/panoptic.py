"""CMU Panoptic: `hdPose3d_stage1_coco19/body3DScene_<frame>.json` and `calibration_<name>.json`.

A frame lists `bodies` with an `id` and `joints19`, 19 times x y z (cm) and a score
(`panoptic-19`); a score of -1 is a joint nobody saw. The world has +Y down; here (x, y, z) becomes
(x, z, -y) in m. Cameras have K, distortion (k1 k2 p1 p2 k3), R and t (cm). HD frames are 29.97 per
second.

Licence: non-commercial research. Tried on real files: two frames of three people, 520 cameras.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import FormatError, NothingFoundError
from marey.datasets._fields import get_array, get_dict, to_array
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import make_keypoints3d, make_times, number_images
from marey.datasets.recording import Recording
from marey.io.json_file import JsonFault, get_objects, get_whole, read_json

SKELETON = "panoptic-19"
FRAME_RATE = 29.97
FOLDER = "hdPose3d_stage1_coco19"
MAX_FRAMES = 1_000_000
MAX_PEOPLE = 1000
MAX_FILE_BYTES = 10_000_000

_R_WORLD_OWN = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the folders of frames (`hdPose3d_stage1_coco19`) below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    files = find_files(folder, f"**/{FOLDER}/body3DScene_*.json", what="frames of Panoptic")
    yield from dict.fromkeys(file.parent for file in files)


def read_sequence(path: str | Path) -> Recording:
    """Read the people of a recording, and its cameras if they lie beside the folder of frames.

    Args:
        path: The folder of frames.

    Raises:
        InputError: If the folder does not exist.
        FormatError: If a file is not of this layout.
        NothingFoundError: If it holds no frame, or nobody.
    """
    path = Path(path)
    files = find_files(path, "body3DScene_*.json", what="frames of Panoptic")[:MAX_FRAMES]
    frame = number_images([file.name for file in files])
    people: dict[int, dict[int, np.ndarray]] = {}
    for row, file in enumerate(files):
        for number, joints in _read_frame(file):
            people.setdefault(number, {})[row] = joints
    if not people:
        raise NothingFoundError(f"{path}: there is nobody in {len(files)} frames")
    names = sorted(people)
    points = np.full((len(names), len(files), 19, 4), np.nan)
    for person, number in enumerate(names):
        for row, joints in people[number].items():
            points[person, row] = joints
    world = points[..., :3] / 100 @ _R_WORLD_OWN.T
    calibrations = sorted(path.parent.glob("calibration_*.json"))
    return Recording(
        name=path.resolve().parent.name,
        frame=frame,
        keypoints3d=make_keypoints3d(
            SKELETON,
            [str(number) for number in names],
            make_times(frame, FRAME_RATE),
            world,
            np.clip(np.nan_to_num(points[..., 3], nan=0.0), 0, 1),
        ),
        cameras=read_cameras(calibrations[0]) if calibrations else None,
        frame_rate=FRAME_RATE,
    )


def read_cameras(path: str | Path, kinds: Sequence[str] = ("hd",)) -> Cameras:
    """Read the cameras of some kinds (`hd`, `vga`, `kinect-color`).

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such file.
        NothingFoundError: If it has no camera of these kinds.
    """
    path = check_file(path, "calibration_<name>.json")
    try:
        rows = get_objects(read_json(path), "cameras")
    except JsonFault as fault:
        raise FormatError(f"{path}: {fault}; expected a calibration of Panoptic") from fault
    chosen = [row for row in rows if row.get("type") in kinds]
    if not chosen:
        raise NothingFoundError(f"{path} has no camera of the kinds {', '.join(kinds)}")
    K, distortion, pose, size = [], [], [], []
    for row in chosen:
        name = str(row.get("name"))
        K.append(get_array(row, "K", path, (3, 3), within=name) + _HALF_PIXEL)
        distortion.append(get_array(row, "distCoef", path, (5,), within=name))
        R = get_array(row, "R", path, (3, 3), within=name)
        if not np.allclose(R @ R.T, np.eye(3), atol=1e-3):
            raise FormatError(f"{path}: 'R' of {name} is no rotation")
        turn = Rotation.from_matrix(R @ _R_WORLD_OWN.T).as_quat(scalar_first=True)
        place = to_array(np.ravel(row.get("t", ())), f"{name}.t", path, (3,)) / 100
        pose.append(np.concatenate([turn, place]))
        size.append(get_array(row, "resolution", path, (2,), within=name).astype(int))
    return Cameras(
        names=tuple(str(row.get("name")) for row in chosen),
        model="pinhole",
        K=np.stack(K),
        distortion=np.stack(distortion),
        T_cam_world=np.stack(pose)[:, None],
        size=np.stack(size),
        time_offset=np.zeros(len(K)),
    )


_HALF_PIXEL = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


def _read_frame(path: Path) -> list[tuple[int, Any]]:
    data = get_dict(read_json(path, max_bytes=MAX_FILE_BYTES), path)
    try:
        bodies = get_objects(data, "bodies")
    except JsonFault as fault:
        raise FormatError(f"{path}: {fault}; expected a frame of Panoptic") from fault
    result, seen = [], set()
    for body in bodies[: MAX_PEOPLE + 1]:
        number = get_whole(body, "id")
        if number is None or number in seen or len(seen) >= MAX_PEOPLE:
            raise FormatError(f"{path}: 'id' of a body is {body.get('id')!r}, or occurs twice")
        seen.add(number)
        joints = get_array(body, "joints19", path, (76,), within=f"bodies[{number}]")
        result.append((number, joints.reshape(19, 4)))
    return result
