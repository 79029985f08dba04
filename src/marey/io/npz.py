"""Arrays of .npy and .npz files from outside: plain numbers only, no larger than the file says."""

import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from numpy.lib import format as npy_format

from marey.core.errors import FormatError, InputError

MAX_BYTES = 2**29
MAX_MEMBERS = 1000
MAX_HEADER_BYTES = 10_000

_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    ValueError,
    EOFError,
    SyntaxError,
    MemoryError,  # a header nested without end
    NotImplementedError,  # a compression nobody uses
    RuntimeError,  # an encrypted member
)
"""What damaged archives and headers make the standard library and NumPy raise."""


def list_arrays(path: Path) -> tuple[str, ...]:
    """Return the names of the arrays in an .npz file.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            return tuple(name.removesuffix(".npy") for name in names if name.endswith(".npy"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except _FAULTS as error:
        raise FormatError(f"{path} is not an .npz file ({error}); save it again") from error


def read_npz(path: Path, wanted: Sequence[str]) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Read those of the wanted arrays that an .npz file holds; nothing is ever unpickled.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is damaged, too large, or holds anything but numbers and text.
    """
    names = list_arrays(path)
    if len(names) > MAX_MEMBERS or len(set(names)) < len(names):
        raise FormatError(f"{path} holds {len(names)} arrays, some of one name; save it again")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.getinfo(f"{name}.npy") for name in wanted if name in names}
            total = sum(member.file_size for member in members.values())
            if total > MAX_BYTES:
                raise FormatError(f"{path} unpacks to {total / 1e9:.1f} GB; cut it into parts")
            result = {}
            for name, member in members.items():
                result[name] = _read_array(archive.read(member))
            return result
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except FormatError:
        raise
    except _FAULTS as error:
        raise FormatError(f"{path} is not a sound .npz file ({error}); save it again") from error


def read_npy(path: Path) -> Shaped[np.ndarray, "..."]:
    """Read an .npy file; nothing is ever unpickled.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is damaged, too large, or holds anything but numbers and text.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise FormatError(f"{path} has {size / 1e9:.1f} GB; cut it into parts")
        return _read_array(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except FormatError:
        raise
    except _FAULTS as error:
        raise FormatError(f"{path} is not a sound .npy file ({error}); save it again") from error


def _read_array(data: bytes) -> Shaped[np.ndarray, "..."]:
    """Read one array, after its header was seen to promise no more than is there."""
    file = io.BytesIO(data)
    version = npy_format.read_magic(file)
    readers = {
        (1, 0): npy_format.read_array_header_1_0,
        (2, 0): npy_format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"version {version} of the .npy format")
    shape, fortran, dtype = readers[version](file, max_header_size=MAX_HEADER_BYTES)
    if dtype.hasobject or dtype.kind not in "biufUS" or not dtype.itemsize:
        raise ValueError(f"an array of {dtype}, where numbers were expected")
    count = math.prod(shape)
    if min(shape, default=0) < 0 or count * dtype.itemsize > len(data) - file.tell():
        raise ValueError(f"an array of the shape {shape} does not fit into its file")
    flat = np.frombuffer(data, dtype, count, file.tell())
    return flat.reshape(shape, order="F" if fortran else "C")
