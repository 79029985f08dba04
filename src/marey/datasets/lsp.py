"""LSP and LSP-Extended: `joints.mat` of 14 joints of sports people (`j14`), an image each.

`joints` is (3, 14, N) in LSP and (14, 3, N) in LSP-Extended; the third number says in LSP that a
joint is hidden, in LSP-Extended that it is labelled. In LSP all joints are labelled and hidden
ones keep half their confidence. Images are `images/im<0001>.jpg` (LSP) or `images/im<00001>.jpg`.

SPIN's preprocessing of LSP is read by `marey.datasets.spin_npz`.

Licence: research. Tried on files written in this layout; no real one was at hand.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from marey.core.errors import FormatError
from marey.datasets._fields import describe, to_array
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import make_keypoints2d
from marey.datasets._mat5 import read_mat
from marey.datasets.recording import Recording

SKELETON = "j14"
COUNT = 14


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the label files below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, "**/joints.mat", what="labels of LSP")


def read_sequences(path: str | Path) -> Iterator[Recording]:
    """Yield the labelled images, one recording each.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such file.
    """
    path = check_file(path, "joints.mat of LSP")
    found = read_mat(path, ["joints"]).get("joints")
    extended = isinstance(found, np.ndarray) and found.shape[:2] == (COUNT, 3)
    plain = isinstance(found, np.ndarray) and found.shape[:2] == (3, COUNT)
    if not extended and not plain:
        raise FormatError(f"{path}: 'joints' is {describe(found)}; expected (3, 14, N)")
    values = to_array(found, "joints", path, (None, None, None), missing=True)
    points = values.transpose(2, 0, 1) if extended else values.transpose(2, 1, 0)
    flag = points[..., 2] if extended else np.where(points[..., 2] > 0, 0.5, 1.0)
    digits = 5 if extended else 4
    for number, (joints, seen) in enumerate(zip(points, flag, strict=True), start=1):
        name = f"im{number:0{digits}d}"
        yield Recording(
            name=name,
            frame=np.zeros(1, np.int64),
            keypoints2d=make_keypoints2d(
                SKELETON,
                ("person",),
                np.zeros(1),
                joints[None, None, :, :2] + 0.5,
                seen[None, None],
            ),
            images=(f"images/{name}.jpg",),
        )
