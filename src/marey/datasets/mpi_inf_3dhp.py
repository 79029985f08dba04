"""MPI-INF-3DHP: `S<n>/Seq<n>/annot.mat` for training, `TS<n>/annot_data.mat` for testing.

Training files are MATLAB's of level 5: cells by camera of `annot2` (T, 56) px, `annot3` and
`univ_annot3` (T, 84) mm in that camera's axes (28 joints, `mpi-inf-3dhp-28`); the universal ones
are scaled to one size of skeleton. Test files are HDF5 (level 7.3): `annot2` (T, 1, 17, 2),
`annot3` and `univ_annot3` (T, 1, 17, 3) mm of `mpi-inf-3dhp-17`, and `valid_frame`; frames that
are not valid are missing. They need the extra `hdf5`.

Licence: non-commercial research. Tried on files written in this layout; no real one was at hand.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from marey.core.errors import FormatError, InputError
from marey.datasets._fields import describe, to_array
from marey.datasets._folder import check_file, find_files
from marey.datasets._hdf5 import read_hdf5
from marey.datasets._labels import make_keypoints2d, make_keypoints3d, make_times
from marey.datasets._mat5 import read_mat
from marey.datasets.recording import Recording

FRAME_RATE = 25.0
TRAIN, TEST = "annot.mat", "annot_data.mat"


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the label files below a folder, of training and test.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, f"**/{TRAIN}", f"**/{TEST}", what="labels of MPI-INF-3DHP")


def read_sequence(path: str | Path, *, camera: int = 0, universal: bool = False) -> Recording:
    """Read the labels of one sequence as one camera sees them.

    Args:
        path: `annot.mat` or `annot_data.mat`.
        camera: Which of the 14 (training); test sequences have one.
        universal: Whether joints of the universal size are wanted.

    Raises:
        InputError: If the file is missing or has no such camera.
        FormatError: If it is not of this layout.
        MissingExtraError: If a test file is asked for and h5py is not installed.
    """
    path = check_file(path, f"{TRAIN} or {TEST} of MPI-INF-3DHP")
    key = "univ_annot3" if universal else "annot3"
    if path.name == TEST:
        image, space, valid = _read_test(path, key)
        skeleton, name = "mpi-inf-3dhp-17", path.resolve().parent.name
    else:
        image, space, valid = _read_train(path, key, camera)
        skeleton = "mpi-inf-3dhp-28"
        name = "/".join(path.resolve().parts[-3:-1]) + f" camera {camera}"
    frame = np.arange(len(space))
    time = make_times(frame, FRAME_RATE)
    return Recording(
        name=name,
        frame=frame,
        keypoints2d=make_keypoints2d(
            skeleton, ("person",), time, np.where(valid[:, None, None], image, np.nan)[None] + 0.5
        ),
        keypoints3d=make_keypoints3d(
            skeleton,
            ("person",),
            time,
            np.where(valid[:, None, None], space / 1000, np.nan)[None],
            frame="camera",
        ),
        frame_rate=FRAME_RATE,
        notes=("joints are scaled to the universal skeleton",) if universal else (),
    )


Labels = tuple[
    Float[np.ndarray, "T K 2"],
    Float[np.ndarray, "T K 3"],
    Bool[np.ndarray, "T"],
]


def _read_train(path: Path, key: str, camera: int) -> Labels:
    found = read_mat(path, ["annot2", key])
    space = _take_cell(found, key, path, camera, 84).reshape(-1, 28, 3)
    image = _take_cell(found, "annot2", path, camera, 56).reshape(-1, 28, 2)
    if len(image) != len(space):
        raise FormatError(f"{path}: 'annot2' has {len(image)} frames, '{key}' {len(space)}")
    return image, space, np.ones(len(space), bool)


def _take_cell(
    found: dict[str, Any], key: str, path: Path, camera: int, width: int
) -> Float[np.ndarray, "T n"]:
    cells = found.get(key)
    if not isinstance(cells, np.ndarray) or cells.dtype != object:
        raise FormatError(f"{path}: '{key}' is {describe(cells)}; expected a cell per camera")
    if not 0 <= camera < cells.size:
        raise InputError(f"{path} has cameras 0 to {cells.size - 1}, not {camera}")
    return to_array(cells.ravel()[camera], f"{key}{{{camera + 1}}}", path, (None, width))


def _read_test(path: Path, key: str) -> Labels:
    found = read_hdf5(path, ["annot2", key, "valid_frame"])
    missing = [name for name in ("annot2", key, "valid_frame") if name not in found]
    if missing:
        raise FormatError(f"{path} has no '{missing[0]}'; is it a test file of MPI-INF-3DHP?")
    valid = np.ravel(found["valid_frame"]) > 0
    shape = (len(valid), 1, 17)
    space = to_array(found[key], key, path, (*shape, 3), missing=True)[:, 0]
    image = to_array(found["annot2"], "annot2", path, (*shape, 2), missing=True)[:, 0]
    return image, space, valid
