"""Databases of TCMR, VIBE and GLoT: `<corpus>_<split>_db.pt`, all videos of a corpus in one file.

A file of joblib (read by `marey.core.restricted_joblib`): `vid_name` and `img_name` or `frame_id`
per frame, `joints3D` (49, 17, 28 or 14, 3) m, `joints2D` (49, 3) px and confidence, `shape` (10),
`pose` (72), `bbox` (cx, cy, w, h), `features` (2048; not read), and for some `valid` or `valid_i`.
InstaVariety is an HDF5 file of the same names without bodies (`insta_train_db.h5`; needs the extra
`hdf5`).

Frames of a video follow on each other; videos of one name apart are numbered. 49 joints are
`spin-49`, 17 `mpi-inf-3dhp-17`, 14 `j14`.

Licences as the corpora's. Tried on files written in this layout; no real one was at hand.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from marey.core import BodyMotion, Keypoints2D, Keypoints3D
from marey.core.errors import FormatError, NothingFoundError
from marey.core.restricted_joblib import read_joblib
from marey.datasets._fields import describe, get_dict, to_array
from marey.datasets._folder import check_file, find_files
from marey.datasets._hdf5 import read_hdf5
from marey.datasets._labels import (
    make_keypoints2d,
    make_keypoints3d,
    make_times,
    make_unique,
    number_images,
)
from marey.datasets._smpl import make_body_motion
from marey.datasets.recording import Recording

SKELETONS = {49: "spin-49", 17: "mpi-inf-3dhp-17", 14: "j14", 28: "mpi-inf-3dhp-28"}

_FIELDS = (
    *("vid_name", "frame_id", "img_name", "joints3D", "joints2D", "shape", "pose", "bbox"),
    *("valid", "valid_i"),
)


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the databases in a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, "*_db.pt", "*_db.h5", what="databases of TCMR")


def read_sequences(path: str | Path) -> Iterator[Recording]:
    """Yield the videos of a database in its order.

    Args:
        path: The file. All of it but HDF5's features is in memory while it is read.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is damaged, or its arrays do not fit each other.
        NothingFoundError: If it holds no frame.
        MissingExtraError: If an HDF5 file is asked for and h5py is not installed.
    """
    path = check_file(path, "a database of TCMR")
    if path.suffix == ".h5":
        fields: dict[str, Any] = dict(read_hdf5(path, _FIELDS))
    else:
        data = get_dict(read_joblib(path), path)
        fields = {key: data[key] for key in _FIELDS if key in data}
    videos = _read_texts(fields, "vid_name", path)
    if not len(videos):
        raise NothingFoundError(f"{path} holds no frame")
    for key, value in fields.items():
        if not hasattr(value, "__len__") or len(value) != len(videos):
            raise FormatError(f"{path}: '{key}' is {describe(value)}; expected {len(videos)} rows")
    starts = [0, *(np.flatnonzero(videos[1:] != videos[:-1]) + 1)]
    names = make_unique([str(videos[start]) for start in starts])
    for name, start, stop in zip(names, starts, [*starts[1:], len(videos)], strict=True):
        part = _Part(path, {key: value[start:stop] for key, value in fields.items()})
        yield part.read(name, int(stop - start))


class _Part:
    """The rows of one video."""

    def __init__(self, path: Path, fields: dict[str, Any]):
        self._path, self._fields = path, fields

    def read(self, name: str, length: int) -> Recording:
        frame, images = self._frames(length)
        time = make_times(frame, None)
        return Recording(
            name=name,
            frame=frame,
            keypoints2d=self._points2d(time),
            keypoints3d=self._points3d(time),
            motion=self._motion(time),
            box=self._box(length),
            images=images,
        )

    def _frames(self, length: int) -> tuple[Int[np.ndarray, "T"], tuple[str, ...]]:
        images: tuple[str, ...] = ()
        if "img_name" in self._fields:
            images = tuple(_read_texts(self._fields, "img_name", self._path).tolist())
        if "frame_id" in self._fields:
            names = _read_texts(self._fields, "frame_id", self._path).tolist()
            return number_images(names), images
        return (number_images(images) if images else np.arange(length)), images

    def _valid(self, length: int) -> np.ndarray:
        key = next((key for key in ("valid_i", "valid") if key in self._fields), None)
        return np.ones(length, bool) if key is None else self._array(key, (length,)) > 0

    def _points2d(self, time: Float[np.ndarray, "T"]) -> Keypoints2D | None:
        if "joints2D" not in self._fields:
            return None
        points = self._array("joints2D", (len(time), None, 3))[None]
        kind = self._skeleton(points.shape[2], "joints2D")
        return make_keypoints2d(kind, ("person",), time, points[..., :2] + 0.5, points[..., 2])

    def _points3d(self, time: Float[np.ndarray, "T"]) -> Keypoints3D | None:
        if "joints3D" not in self._fields:
            return None
        points = self._array("joints3D", (len(time), None, 3))
        kind = self._skeleton(points.shape[1], "joints3D")
        points[~self._valid(len(time))] = np.nan
        return make_keypoints3d(kind, ("person",), time, points[None], frame="camera")

    def _motion(self, time: Float[np.ndarray, "T"]) -> BodyMotion | None:
        if "pose" not in self._fields:
            return None
        pose = self._array("pose", (len(time), 72))[None]
        shape = np.zeros((1, 10))
        if "shape" in self._fields:
            shape = self._array("shape", (len(time), 10)).mean(0)[None]
        return make_body_motion(("person",), time, pose, shape=shape)

    def _box(self, length: int) -> Float[np.ndarray, "1 T 4"] | None:
        if "bbox" not in self._fields:
            return None
        box = self._array("bbox", (length, 4))
        half = box[:, 2:] / 2
        return np.concatenate([box[:, :2] - half, box[:, :2] + half], 1)[None] + 0.5

    def _skeleton(self, count: int, field: str) -> str:
        if count not in SKELETONS:
            known = ", ".join(map(str, SKELETONS))
            raise FormatError(f"{self._path}: '{field}' is of {count} joints; known are {known}")
        return SKELETONS[count]

    def _array(self, key: str, shape: tuple[int | None, ...]) -> Float[np.ndarray, "..."]:
        return to_array(self._fields[key], key, self._path, shape, missing=True)


def _read_texts(fields: dict[str, Any], key: str, path: Path) -> np.ndarray:
    value = fields.get(key)
    array = np.asarray(value if value is not None else [])
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.ndim == 1 and array.dtype.kind in "iu":
        array = array.astype(str)
    texts = array.dtype.kind == "U" or all(isinstance(each, str) for each in array.ravel())
    if value is None or array.ndim != 1 or not texts:
        raise FormatError(f"{path}: '{key}' is {describe(value)}; expected a name for each frame")
    return array.astype(str)
