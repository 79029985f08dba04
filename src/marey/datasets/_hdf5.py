"""Arrays of HDF5 files (also MATLAB's of level 7.3), read within limits; needs the extra `hdf5`.

Such a file can refer to other files of the machine: links that lead out of it, data kept elsewhere
and virtual data sets are refused.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from marey.core.errors import FormatError, InputError, MissingExtraError

MAX_BYTES = 2**31
"""Of the arrays asked for, together."""


def read_hdf5(path: Path, wanted: Sequence[str]) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Return those of the wanted arrays that lie at the top of a file.

    Raises:
        MissingExtraError: If h5py is not installed.
        InputError: If the file cannot be opened.
        FormatError: If it is no HDF5 file, is damaged or too large, or an array lies elsewhere.
    """
    try:
        import h5py  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("h5py", "hdf5", "reading HDF5") from error
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the path of an HDF5 file")
    try:
        with h5py.File(path, "r") as file:
            return _read(h5py, file, wanted, path)
    except FormatError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise FormatError(f"{path} is no sound HDF5 file ({error}); copy it again") from error


def _read(
    h5py: Any, file: Any, wanted: Sequence[str], path: Path
) -> dict[str, Shaped[np.ndarray, "..."]]:
    found, total = {}, 0
    for name in wanted:
        if name not in file:
            continue
        dataset = file[name]
        inside = isinstance(file.get(name, getlink=True), h5py.HardLink)
        plain = inside and isinstance(dataset, h5py.Dataset)
        if not plain or dataset.external or dataset.is_virtual:
            raise FormatError(f"{path}: '{name}' does not lie in this file as an array")
        if dataset.dtype.kind not in "biufS":
            raise FormatError(f"{path}: '{name}' holds {dataset.dtype}; expected numbers or text")
        total += math.prod(dataset.shape) * dataset.dtype.itemsize
        if total > MAX_BYTES:
            raise FormatError(f"{path}: its arrays take {total / 1e9:.1f} GB; cut it into parts")
        found[name] = dataset[()]
    return found
