"""Noisy and true poses of whole sequences in the layout of DeciWatch, SmoothNet and HANet.

`groundtruth_poses/<set>/<set>_gt_<split>.npz` and
`detected_poses/<set>/<estimator>/<set>_<estimator>_<split>.npz` hold arrays of Python objects, an
entry per sequence: `imgname` (names of images), `joints_2d` [T, K, 2] px, `imgshape` (h, w, c),
`bbox` [T, 4] x0 y0 x1 y1, `joints_3d` [T, 3 K] m, `pose` [T, 72] and `shape` [T, 10] of SMPL; each
file has some of them. The pickles in them are read by `marey.core.restricted_pickle`.

Which joints they are follows from the set's name, with which the file's name begins, and from
their number: `jhmdb` 15; `h36m` 17 in the data set's order; `pw3d` and `aist` 17 of SPIN's
regressor (whose legs are the other way round) or 14. The files know no place of bodies: roots of
`pose` lie at the origin. 2D points gain 0.5 px, as everywhere.

A detected file and its truth hold the same sequences in the same order. Tried on files written in
this layout (the layout is that of the reference programs' loaders); no real one was at hand.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from marey.core import BodyMotion, Keypoints2D, Keypoints3D
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets._fields import describe, to_array
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import (
    make_keypoints2d,
    make_keypoints3d,
    make_times,
    make_unique,
    name_sequence,
    number_images,
)
from marey.datasets._object_npy import read_object_npz
from marey.datasets._smpl import make_body_motion
from marey.datasets.recording import Recording

FRAME_RATES = {"h36m": 50.0, "pw3d": 30.0, "aist": 60.0}
"""Frames per second of the sets' own recordings; JHMDB's vary."""

SKELETONS = {
    ("jhmdb", 15): "jhmdb-15",
    ("h36m", 17): "h36m-17",
    ("pw3d", 17): "h36m-17-regressor",
    ("pw3d", 14): "j14",
    ("aist", 17): "h36m-17-regressor",
    ("aist", 14): "j14",
}
"""By set and number of joints."""

MAX_SEQUENCES = 100_000

_FIELDS = ("imgname", "joints_2d", "imgshape", "bbox", "joints_3d", "pose", "shape")


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the files of true and detected poses below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    patterns = ("**/*_train.npz", "**/*_test.npz", "**/*_val.npz")
    yield from find_files(folder, *patterns, what="files of poses")


def read_sequences(
    path: str | Path, *, dataset: str | None = None, skeleton: str | None = None
) -> Iterator[Recording]:
    """Yield the sequences of a file in its order.

    Args:
        path: The file. All of it is in memory while it is read, which its format asks for.
        dataset: Name of the set; what the file's name begins with if None.
        skeleton: Keypoint set of its joints; from set and number if None.

    Raises:
        InputError: If the file is missing, or the set's joints are not known.
        FormatError: If it is damaged, or its arrays do not fit each other.
        NothingFoundError: If it holds no sequence.
    """
    path = check_file(path, "an .npz file of poses")
    dataset = dataset or path.name.split("_")[0].lower()
    found = read_object_npz(path, _FIELDS)
    if not {"joints_2d", "joints_3d", "pose"} & set(found):
        raise FormatError(
            f"{path} has neither 'joints_2d', 'joints_3d' nor 'pose'; is it a file of poses?"
        )
    rows = {field: _split(value, field, path) for field, value in found.items()}
    counts = {field: len(row) for field, row in rows.items()}
    if len(set(counts.values())) > 1:
        raise FormatError(f"{path}: its arrays hold different numbers of sequences ({counts})")
    count = next(iter(counts.values()))
    if not 0 < count <= MAX_SEQUENCES:
        raise NothingFoundError(f"{path} holds {count} sequences; expected 1 to {MAX_SEQUENCES}")
    images = [
        _read_names(rows["imgname"][k], k, path) if "imgname" in rows else () for k in range(count)
    ]
    names = make_unique(
        [name_sequence(n[0]) if n else f"sequence {k}" for k, n in enumerate(images)]
    )
    for k in range(count):
        entry = _Entry(path, k, {field: row[k] for field, row in rows.items()}, images[k])
        yield entry.read(names[k], dataset, skeleton)


def read_sequence(path: str | Path, name: str, *, dataset: str | None = None) -> Recording:
    """Read one sequence of a file by name (see `read_sequences`).

    Raises:
        InputError: If the file holds no such sequence.
    """
    for recording in read_sequences(path, dataset=dataset):
        if recording.name == name:
            return recording
    raise InputError(f"{path} holds no sequence '{name}'; `read_sequences` yields those it holds")


class _Entry:
    """The fields of one sequence."""

    def __init__(self, path: Path, row: int, fields: dict[str, Any], images: tuple[str, ...]):
        self._path, self._row, self._fields, self._images = path, row, fields, images

    def read(self, name: str, dataset: str, skeleton: str | None) -> Recording:
        length = self._count_frames()
        if self._images and len(self._images) != length:
            raise self._fault("imgname", f"{len(self._images)} names for {length} frames")
        frame = number_images(self._images) if self._images else np.arange(length)
        time = make_times(frame, FRAME_RATES.get(dataset))
        box = None
        if "bbox" in self._fields:
            box = self._array("bbox", (length, 4), missing=True)[None] + 0.5
        return Recording(
            name=name,
            frame=frame,
            keypoints2d=self._keypoints2d(time, dataset, skeleton),
            keypoints3d=self._keypoints3d(time, dataset, skeleton),
            motion=self._motion(time),
            box=box,
            images=self._images,
            size=self._size(),
            frame_rate=FRAME_RATES.get(dataset),
        )

    def _count_frames(self) -> int:
        for field in ("joints_2d", "joints_3d", "pose"):
            if field in self._fields and hasattr(self._fields[field], "__len__"):
                return len(self._fields[field])
        raise self._fault("joints_2d", describe(self._fields.get("joints_2d")))

    def _keypoints2d(
        self, time: Float[np.ndarray, "T"], dataset: str, skeleton: str | None
    ) -> Keypoints2D | None:
        points = self._points("joints_2d", len(time), 2)
        if points is None:
            return None
        kind = skeleton or self._skeleton(dataset, points.shape[1])
        return make_keypoints2d(kind, ("person",), time, points[None] + 0.5)

    def _keypoints3d(
        self, time: Float[np.ndarray, "T"], dataset: str, skeleton: str | None
    ) -> Keypoints3D | None:
        points = self._points("joints_3d", len(time), 3)
        if points is None:
            return None
        kind = skeleton or self._skeleton(dataset, points.shape[1])
        return make_keypoints3d(kind, ("person",), time, points[None], frame="camera")

    def _motion(self, time: Float[np.ndarray, "T"]) -> BodyMotion | None:
        if "pose" not in self._fields:
            return None
        pose = self._array("pose", (len(time), 72))[None]
        shape = np.zeros((1, 10))
        if "shape" in self._fields and len(time):
            # A person has one shape; estimators give one for each frame.
            shape = self._array("shape", (len(time), 10)).mean(0)[None]
        return make_body_motion(("person",), time, pose, shape=shape)

    def _points(self, field: str, length: int, axes: int) -> Float[np.ndarray, "T K D"] | None:
        if field not in self._fields:
            return None
        value = self._fields[field]
        flat = np.ndim(value) == 2
        shape = (length, None) if flat else (length, None, axes)
        points = self._array(field, shape, missing=True)
        if flat and points.shape[1] % axes:
            raise self._fault(field, f"{points.shape[1]} numbers a frame")
        return points.reshape(length, -1, axes)

    def _size(self) -> tuple[int, int] | None:
        if "imgshape" not in self._fields:
            return None
        value: Int[np.ndarray, ...] = np.asarray(self._fields["imgshape"])
        if value.dtype.kind not in "iuf" or value.size < 2 or value.shape[-1] not in (2, 3):
            raise self._fault("imgshape", describe(value))
        height, width = value.reshape(-1, value.shape[-1])[0, :2]
        return int(width), int(height)

    def _skeleton(self, dataset: str, count: int) -> str:
        kind = SKELETONS.get((dataset, count))
        if kind is None:
            known = ", ".join(f"{name} of {number}" for name, number in SKELETONS)
            raise InputError(
                f"{self._path}: which {count} joints of '{dataset}' these are is not known (known "
                f"are {known}); say dataset= or skeleton="
            )
        return kind

    def _array(
        self, field: str, shape: tuple[int | None, ...], *, missing: bool = False
    ) -> Float[np.ndarray, "..."]:
        where = f"{field}[{self._row}]"
        return to_array(self._fields[field], where, self._path, shape, missing=missing)

    def _fault(self, field: str, found: str) -> FormatError:
        return FormatError(f"{self._path}: '{field}[{self._row}]' is {found}; is the file whole?")


def _split(value: Any, field: str, path: Path) -> list[Any]:
    """Return the sequences' entries; where all are equally long, NumPy made one array of them."""
    if isinstance(value, np.ndarray) and value.ndim:
        return list(value)
    raise FormatError(f"{path}: '{field}' is {describe(value)}; expected an entry per sequence")


def _read_names(value: Any, row: int, path: Path) -> tuple[str, ...]:
    names = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise FormatError(
            f"{path}: 'imgname[{row}]' is {describe(value)}; expected names of images"
        )
    return tuple(names)
