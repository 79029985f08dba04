"""The content of a file as plain data, whatever it is packed in."""

import json
import zipfile
from pathlib import Path
from typing import Any

from marey.core.errors import FormatError, InputError
from marey.core.restricted_joblib import is_joblib, read_joblib
from marey.core.restricted_pickle import read_pickle
from marey.datasets._object_npy import read_object_npz
from marey.datasets.outputs.weights import read_weights
from marey.io.json_file import read_json
from marey.io.npz import list_arrays

HEAD_BYTES = 1 << 16
PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00\x00", b"\x78", b"ZF", b"\x04\x22\x4d\x18")
"""How files begin that joblib has packed."""


def read_document(path: Path) -> Any:
    """Return what is in a pickle, a file of joblib or torch, an .npz or a JSON file.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is none of these, damaged, or tries to do something.
    """
    head = read_head(path)
    if head.startswith(b"PK"):
        if is_torch(path):
            return read_weights(path)
        return read_object_npz(path, list_arrays(path))
    # Pickles of protocol 0 and 1 can begin like JSON, or nearly.
    if head.lstrip()[:1] in (b"{", b"[") and is_json(head):
        return read_json(path)
    if head.startswith(PACKED) or is_joblib(path):
        return read_joblib(path)
    return read_pickle(path, object_arrays=True)


def read_head(path: Path) -> bytes:
    """Return the beginning of a file.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is empty.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    if not head:
        raise FormatError(f"{path} is empty (0 bytes); copy it again")
    return head


def is_json(head: bytes) -> bool:
    """Tell whether a file that begins so is JSON: its first value is followed as in JSON."""
    text = head.decode("utf-8", errors="replace")
    decoder = json.JSONDecoder()
    inner = text.lstrip()[1:].lstrip()
    if inner[:1] in ("{", "[", "}", "]"):
        return True
    try:
        decoder.raw_decode(inner)
    except (ValueError, RecursionError):
        return False
    return True


def is_torch(path: Path) -> bool:
    """Tell whether a zip archive is a file of torch: it has a data.pkl in its folder.

    Raises:
        FormatError: If it is no sound archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FormatError(f"{path} is not a sound archive ({error}); copy it again") from error
