"""Arrays of Python objects in .npy and .npz files: pickles, read without running them.

NumPy's own `allow_pickle` runs whatever the pickle says. Here the pickle goes through
`marey.core.restricted_pickle`, which yields plain data or refuses.
"""

import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from marey.core.errors import FormatError, InputError
from marey.core.restricted_pickle import read_pickle_bytes
from marey.io.npz import MAX_BYTES, MAX_HEADER_BYTES, MAX_MEMBERS, _read_array, list_arrays

MAX_CORPUS_BYTES, MAX_RATIO = 2**32, 20
MAX_OPCODES = 10_000_000
"""Human3.6M's training frames alone have 1.6 million names."""

_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError, ValueError, EOFError, SyntaxError),
    *(MemoryError, NotImplementedError, RuntimeError, TypeError),
)


def read_object_npy(path: str | Path) -> Any:
    """Return the array of an .npy file; of a single object, the object.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is damaged, too large, or holds anything but plain data.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"{path} is larger than {MAX_BYTES / 1e6:.0f} MB; cut it into parts")
        return _read(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except _FAULTS as error:
        raise FormatError(f"{path} is not a sound .npy file ({error}); save it again") from error


def read_object_npz(path: str | Path, wanted: Sequence[str]) -> dict[str, Any]:
    """Return those of the wanted arrays that an .npz file holds, those of objects too.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is damaged, too large, or a wanted array holds anything but plain data.
    """
    path = Path(path)
    names = list_arrays(path)
    if len(names) > MAX_MEMBERS or len(set(names)) < len(names):
        raise FormatError(f"{path} holds {len(names)} arrays, some of one name; save it again")
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.getinfo(f"{name}.npy") for name in wanted if name in names}
            total = sum(member.file_size for member in members.values())
            stored = sum(member.compress_size for member in members.values())
            # Poses of a whole corpus are large, but never pack to a twentieth.
            if total > min(max(MAX_BYTES, MAX_RATIO * stored), MAX_CORPUS_BYTES):
                raise FormatError(f"{path} unpacks to {total / 1e9:.1f} GB; cut it into parts")
            for name, member in members.items():
                try:
                    found[name] = _read(archive.read(member))
                except FormatError as error:
                    raise FormatError(f"{path}: '{name}': {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except FormatError:
        raise
    except _FAULTS as error:
        raise FormatError(f"{path} is not a sound .npz file ({error}); save it again") from error
    return found


def _read(data: bytes) -> Any:
    file = BytesIO(data)
    version = npy_format.read_magic(file)
    readers = {
        (1, 0): npy_format.read_array_header_1_0,
        (2, 0): npy_format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"version {version} of the .npy format")
    shape, _, dtype = readers[version](file, max_header_size=MAX_HEADER_BYTES)
    if not dtype.hasobject:
        return _read_array(data)
    if dtype != np.dtype(object):
        raise FormatError("records with objects in them, where plain data were expected")
    content = data[file.tell() :]
    value = read_pickle_bytes(content, object_arrays=True, max_opcodes=MAX_OPCODES)
    if not isinstance(value, np.ndarray) or value.shape != shape:
        raise FormatError(f"its header promises objects of shape {shape}, its content differs")
    return value[()] if shape == () else value
