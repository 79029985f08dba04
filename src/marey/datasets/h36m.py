"""Human3.6M as mmpose's scripts lay it out: COCO-style labels and the cameras of all subjects.

`h36m_coco.json` labels images `<subject>_<action>.<camera>_<frame>.jpg` with 17 joints of the data
set (`h36m-17`): `keypoints` in the image (px) and `keypoints_3d` in the world (m, +Z up, x y z
flag). The names in its `categories` have left and right the wrong way round; the order is the data
set's. `cameras.pkl` holds, by (subject, camera), R (camera to world), T (the camera's place, m),
f, c, k (k1 k2 k3) and p; it is read by `marey.core.restricted_pickle`. Frames are those of the
file names.

Files of SPIN's layout (`test_h36m_body3d.npz`) are read by `marey.datasets.spin_npz`, exponential
maps by `marey.datasets.h36m_expmap`.

Licence: academic research only, no redistribution. Tried on real files: four images, 44 cameras.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Cameras, load_skeleton
from marey.core.errors import FormatError, InputError
from marey.core.restricted_pickle import read_pickle
from marey.datasets._coco_set import (
    Labelled,
    iterate_people,
    read_images,
    read_triples,
    stack_people,
)
from marey.datasets._fields import describe, get_array, get_dict
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import make_keypoints2d, make_keypoints3d, name_sequence, number_images
from marey.datasets.recording import Recording
from marey.io.json_file import JsonFault, read_numbers

SKELETON = "h36m-17"
FRAME_RATE = 50.0
MAX_CAMERAS = 1000

_NAME = re.compile(r"(S\d+)_.*\.(\d+)_\d+\.\w+$")


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the label files in a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(
        folder, "*h36m*.json", "annotations/*h36m*.json", what="labels of Human3.6M"
    )


def read_sequences(path: str | Path, cameras: str | Path | None = None) -> Iterator[Recording]:
    """Yield the labelled images, one recording each.

    Args:
        path: The label file.
        cameras: `cameras.pkl`; the one beside the labels if None, and if it is there.

    Raises:
        InputError: If a file is missing.
        FormatError: If a file is not of this layout.
        NothingFoundError: If it lists no image.
    """
    path = check_file(path, "labels of Human3.6M (h36m_coco.json)")
    beside = path.with_name("cameras.pkl")
    known = read_cameras(cameras or beside) if cameras or beside.is_file() else {}
    images, _ = read_images(path, "labels of Human3.6M")
    for each in iterate_people(images):
        yield _make(each, known, path)


def read_cameras(path: str | Path) -> dict[tuple[str, str], Cameras]:
    """Read the cameras by subject and name.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such file.
    """
    path = check_file(path, "cameras.pkl")
    data = read_pickle(path)
    if not isinstance(data, dict) or not 0 < len(data) <= MAX_CAMERAS:
        raise FormatError(f"{path} is {describe(data)}; expected cameras by subject and name")
    result = {}
    for key, value in data.items():
        if not isinstance(key, tuple) or len(key) != 2:
            raise FormatError(f"{path}: {str(key)[:40]!r} is no pair of subject and camera")
        result[str(key[0]), str(key[1])] = _read_camera(get_dict(value, path, str(key)), path, key)
    return result


def select_cameras(known: dict[tuple[str, str], Cameras], subject: str) -> Cameras:
    """Return all cameras of a subject as one set.

    Raises:
        InputError: If there are none.
    """
    chosen = [camera for (who, _), camera in sorted(known.items()) if who == subject]
    if not chosen:
        raise InputError(f"no cameras of {subject}; there are {sorted({who for who, _ in known})}")
    return Cameras(
        names=tuple(name for each in chosen for name in each.names),
        model="pinhole",
        K=np.concatenate([each.K for each in chosen]),
        distortion=np.concatenate([each.distortion for each in chosen]),
        T_cam_world=np.concatenate([each.T_cam_world for each in chosen]),
        size=np.concatenate([each.size for each in chosen]),
        time_offset=np.zeros(len(chosen)),
    )


def _read_camera(row: dict, path: Path, key: Sequence[object]) -> Cameras:
    def numbers(name: str, count: int) -> np.ndarray:
        return get_array({name: np.ravel(row.get(name, ()))}, name, path, (count,))

    R = get_array(row, "R", path, (3, 3))
    if not np.allclose(R @ R.T, np.eye(3), atol=1e-3):
        raise FormatError(f"{path}: 'R' of {key} is no rotation")
    f, c, k, p = numbers("f", 2), numbers("c", 2), numbers("k", 3), numbers("p", 2)
    K = np.array([[f[0], 0, c[0] + 0.5], [0, f[1], c[1] + 0.5], [0, 0, 1]])
    turn = Rotation.from_matrix(R.T)
    pose = np.concatenate([turn.as_quat(scalar_first=True), -turn.apply(numbers("T", 3))])
    return Cameras(
        names=(str(key[1]),),
        model="pinhole",
        K=K[None],
        distortion=np.array([[k[0], k[1], p[0], p[1], k[2]]]),
        T_cam_world=pose[None, None],
        size=np.array([[int(numbers("w", 1)[0]), int(numbers("h", 1)[0])]]),
        time_offset=np.zeros(1),
    )


def _make(each: Labelled, known: dict[tuple[str, str], Cameras], path: Path) -> Recording:
    position, flag, box = stack_people(
        each.people[:1],
        load_skeleton(SKELETON),
        lambda row: read_triples(row, "keypoints", 17),
        path,
    )
    time = np.zeros(1)
    points = None
    if "keypoints_3d" in each.people[0]:
        values = _read_world(each, path)
        points = make_keypoints3d(SKELETON, ("person",), time, values[..., :3], values[..., 3])
    match = _NAME.match(Path(each.file_name).name)
    return Recording(
        name=name_sequence(Path(each.file_name).name),
        frame=number_images((each.file_name,)),
        keypoints2d=make_keypoints2d(SKELETON, ("person",), time, position, flag > 0),
        keypoints3d=points,
        cameras=known.get((match[1], match[2])) if match else None,
        box=box,
        images=(each.file_name,),
        size=each.size,
        frame_rate=FRAME_RATE,
    )


def _read_world(each: Labelled, path: Path) -> Float[np.ndarray, "1 1 17 4"]:
    try:
        values = read_numbers(each.people[0]["keypoints_3d"], "keypoints_3d")
    except JsonFault as fault:
        raise FormatError(f"{path}: {each.file_name}: {fault}") from fault
    if len(values) != 68:
        raise FormatError(
            f"{path}: 'keypoints_3d' of {each.file_name} holds {len(values)} numbers; expected 68"
        )
    return values.reshape(1, 1, 17, 4)
