"""The list of files inside a take: adding to it, and trusting none of its entries unseen."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from marey.core.errors import FormatError
from marey.io._npy import DTYPES, open_npy, write_npy
from marey.io.images import list_images

HEADER = "take.toml"
"""The header, which lists all files but itself and the notes of the run."""


class FileList:
    """Collects the files written into a take's folder."""

    def __init__(self, folder: Path):
        self.entries: list[dict[str, Any]] = []
        self._folder = folder
        self._times: list[tuple[str, np.ndarray]] = []

    def section(self) -> "FileList":
        """Return a list of its own for files whose place in the header comes later."""
        part = FileList(self._folder)
        part._times = self._times
        return part

    def add_array(
        self, name: str, array: Shaped[np.ndarray, "..."], *, dtype: str = "float32"
    ) -> str:
        """Write an array and return its name inside the take."""
        path = self._place(name)
        write_npy(path, array, dtype=dtype)
        self._list(name, path, dtype=dtype, shape=list(array.shape))
        return name

    def add_time(self, name: str, time: Float[np.ndarray, "T"]) -> str:
        """Write a clock in s and return its name; equal clocks share one file."""
        for known, other in self._times:
            if np.array_equal(time, other):
                return known
        self._times.append((name, time))
        return self.add_array(name, time, dtype="float64")

    def add_text(self, name: str, text: str) -> str:
        """Write a text file and return its name inside the take."""
        path = self._place(name)
        path.write_bytes(text.encode())
        self._list(name, path)
        return name

    def _place(self, name: str) -> Path:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _list(self, name: str, path: Path, **promise: Any) -> None:
        size, digest = path.stat().st_size, hash_file(path)
        self.entries.append({"path": name, "bytes": size, "sha256": digest, **promise})


class FileReader:
    """Opens the files a take's header lists, and only those.

    Args:
        folder: The take.
        entries: The header's list of files.
        verify: Whether to compare checksums.
    """

    def __init__(self, folder: Path, entries: Sequence[Mapping[str, Any]], *, verify: bool):
        self._folder = folder
        self._entries = {entry["path"]: entry for entry in entries}
        for entry in entries:
            self._check(entry, verify=verify)

    def open_array(self, name: str) -> Shaped[np.ndarray, "..."]:
        """Map a listed array into memory."""
        entry = self._find(name)
        dtype, shape = entry["dtype"], tuple(entry["shape"])
        if dtype not in DTYPES or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise FormatError(f"{self._folder / HEADER} lists {name} as {dtype} {shape}; damaged?")
        path = self._folder / name
        return open_npy(path, dtype=dtype, shape=shape, num_bytes=entry["bytes"])

    def read_text(self, name: str) -> str:
        """Read a listed text file."""
        self._find(name)
        return (self._folder / name).read_text(encoding="utf-8")

    def _find(self, name: str) -> Mapping[str, Any]:
        if name not in self._entries:
            raise FormatError(f"{self._folder / HEADER} uses {name} without listing it; damaged?")
        return self._entries[name]

    def _check(self, entry: Mapping[str, Any], *, verify: bool) -> None:
        name = entry["path"]
        parts = PurePosixPath(name).parts
        path = self._folder / name
        # Backslashes and colons lead elsewhere on Windows, dots and leading slashes everywhere.
        if ".." in parts or name.startswith("/") or "\\" in name or ":" in name or not parts:
            raise FormatError(f"{self._folder / HEADER} lists {name!r}, outside the take; refused")
        if any(self._folder.joinpath(*parts[:n]).is_symlink() for n in range(1, len(parts) + 1)):
            raise FormatError(f"{path} is a link, which a take may not contain; copy the file here")
        if not path.is_file():
            raise FormatError(f"{path} is missing; copy the whole take folder again")
        if path.stat().st_size != entry["bytes"]:
            raise FormatError(
                f"{path} has {path.stat().st_size} bytes; expected {entry['bytes']}: copy the take "
                f"again"
            )
        if verify and hash_file(path) != entry["sha256"]:
            raise FormatError(f"{path} was changed: its checksum differs from {HEADER}'s")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_source(path: Path) -> dict[str, Any]:
    """Return size and SHA-256 of a clip's file; of an image folder, of its images in order."""
    if path.is_dir():
        images = list_images(path)
        lines = "".join(f"{hash_file(image)}  {image.name}\n" for image in images)
        size = sum(image.stat().st_size for image in images)
        return {"bytes": size, "sha256": hashlib.sha256(lines.encode()).hexdigest()}
    if path.is_file():
        return {"bytes": path.stat().st_size, "sha256": hash_file(path)}
    return {}
