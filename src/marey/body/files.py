"""Reading the arrays of body files, `.npz` and `.pkl`, without executing anything in them."""

import hashlib
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from marey.core.errors import FormatError, InputError
from marey.core.restricted_pickle import MAX_BYTES, read_pickle, read_pickle_bytes

REQUIRED = ("v_template", "shapedirs", "J_regressor", "weights", "kintree_table", "f")
OPTIONAL = (
    *("posedirs", "format", "format_version", "name", "version", "J_template", "J_shapedirs"),
    *("joint_names", "landmark_names", "landmark_joint", "landmark_template"),
    "landmark_shapedirs",
)

_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError, ValueError),
    *(EOFError, OSError, MemoryError, NotImplementedError, RuntimeError),
)
"""What damaged archives and headers of arrays make the standard library and NumPy raise."""


def read_body_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a body file by their names in SMPL's files.

    Raises:
        InputError: If there is no such file.
        FormatError: If it is no body file, or one of its arrays is missing or not numbers.
    """
    if not path.is_file():
        raise InputError(f"there is no body file {path}; give the path of a .npz or .pkl")
    if path.suffix == ".npz" and not zipfile.is_zipfile(path):
        raise FormatError(f"{path} is no .npz archive; give an SMPL, SMPL-H or SMPL-X file")
    content = _read_npz(path) if zipfile.is_zipfile(path) else read_pickle(path)
    if not isinstance(content, dict):
        raise FormatError(f"{path} holds a {type(content).__name__}, expected SMPL's named arrays")
    missing = [key for key in REQUIRED if key not in content]
    if missing:
        raise FormatError(f"{path} is no body model of the SMPL family: no {', '.join(missing)}")
    kept: dict[str, np.ndarray] = {}
    for key in (*REQUIRED, *OPTIONAL):
        if key not in content:
            continue
        value = content[key]
        if not isinstance(value, np.ndarray):
            raise FormatError(f"{path}: {key} is no array of numbers ({value!r:.80})")
        kept[key] = value
    return kept


def file_version(path: Path) -> str:
    """Return the first twelve hex digits of a file's sha256, to tell versions of a body apart."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]


def _read_npz(path: Path) -> dict[str, object]:
    """Read the arrays we know; others (SMPL-X files hold Python objects) are not touched."""
    content: dict[str, object] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for key in (*REQUIRED, *OPTIONAL):
                if f"{key}.npy" in archive.namelist():
                    content[key] = _read_member(archive, f"{key}.npy")
    except _FAULTS as error:
        raise FormatError(f"{path}: not a readable .npz file ({error})") from error
    return content


def _read_member(archive: zipfile.ZipFile, name: str) -> object:
    if archive.getinfo(name).file_size > MAX_BYTES:
        raise FormatError(f"{name} claims more than {MAX_BYTES} bytes")
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise FormatError(f"{name} has version {version} of the .npy format; expected 1 or 2")
        read_header = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
        shape, _, dtype = read_header(stream)
        if dtype.hasobject:
            value = read_pickle_bytes(stream.read())
            return value[()] if isinstance(value, np.ndarray) and shape == () else value
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size > archive.getinfo(name).file_size:
        raise FormatError(f"{name} announces more elements than it holds")
    with archive.open(name) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
