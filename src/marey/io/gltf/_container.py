"""The container of glTF 2.0: a GLB file is a JSON chunk and a binary chunk.

Only what a skinned, animated character needs, by hand: the format's share of it is some hundred
lines, fewer than any library would take to drive, and the bytes are the same every time.
"""

import json
import struct
from collections.abc import Hashable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from marey.core.errors import FormatError, InputError
from marey.core.files import atomic_path

MAGIC, VERSION = 0x46546C67, 2
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
VERTEX_DATA, INDEX_DATA = 34962, 34963
COMPONENTS = {"float32": 5126, "uint8": 5121, "uint16": 5123, "uint32": 5125}
KINDS = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}


class GlbWriter:
    """Collects the parts of a glTF file and writes them in the order in which they came."""

    def __init__(self, asset: Mapping[str, Any]):
        """Start a file.

        Args:
            asset: glTF's `asset` object (generator, extras); the version is added.
        """
        self.parts: dict[str, Any] = {"asset": {"version": "2.0", **asset}}
        self._binary = bytearray()
        self._known: dict[tuple[Hashable, ...], int] = {}

    def add(self, kind: str, part: Mapping[str, Any]) -> int:
        """Append an object to one of the lists (`nodes`, `meshes`, ...) and return its index."""
        parts = self.parts.setdefault(kind, [])
        parts.append(part)
        return len(parts) - 1

    def add_array(
        self,
        values: Shaped[np.ndarray, "n *item"],
        *,
        target: int | None = None,
        bounds: bool = False,
    ) -> int:
        """Append an array to the binary chunk and return the index of its accessor.

        What is there already (times, indices, the weights of a second person) is not stored twice.

        Args:
            values: Items along the first axis; matrices are given as rows of columns (transposed).
            target: Whether the data are vertices or indices; nothing for animations and matrices.
            bounds: Whether to state the smallest and largest value of each component.
        """
        values = np.ascontiguousarray(values)
        data = values.tobytes()
        key = (sha256(data).digest(), values.dtype.name, values.shape, target, bounds)
        if key not in self._known:
            self._known[key] = self._add_new_array(values, target=target, bounds=bounds)
        return self._known[key]

    def _add_new_array(
        self, values: Shaped[np.ndarray, "n *item"], *, target: int | None, bounds: bool
    ) -> int:
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self._binary)}
        view["byteLength"] = values.nbytes
        if target is not None:
            view["target"] = target
        self._binary += values.tobytes() + bytes(-values.nbytes % 4)
        accessor: dict[str, Any] = {
            "bufferView": self.add("bufferViews", view),
            "componentType": COMPONENTS[values.dtype.name],
            "count": len(values),
            "type": KINDS[values.shape[1:]],
        }
        if bounds:
            accessor["min"] = np.atleast_1d(values.min(0)).tolist()
            accessor["max"] = np.atleast_1d(values.max(0)).tolist()
        return self.add("accessors", accessor)

    def write(self, path: Path) -> None:
        """Write the file atomically.

        Raises:
            InputError: If it would pass the 4 GiB which a GLB file can hold.
        """
        parts = {**self.parts, "buffers": [{"byteLength": len(self._binary)}]}
        text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        encoded = text.encode()
        encoded += b" " * (-len(encoded) % 4)
        total = 12 + 8 + len(encoded) + 8 + len(self._binary)
        if total >= 2**32:
            raise InputError("a GLB file holds at most 4 GiB; export fewer frames or people")
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            file.write(struct.pack("<III", MAGIC, VERSION, total))
            file.write(struct.pack("<II", len(encoded), JSON_CHUNK) + encoded)
            file.write(struct.pack("<II", len(self._binary), BINARY_CHUNK))
            file.write(self._binary)


class GlbReader:
    """The parts of a GLB file whose arrays lie in its own binary chunk."""

    def __init__(self, path: Path):
        """Open a file.

        Raises:
            InputError: If it cannot be read.
            FormatError: If it is not a GLB file of version 2.
        """
        self.path = path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
        if len(data) < 28 or struct.unpack_from("<II", data) != (MAGIC, VERSION):
            raise FormatError(f"{path} is not a GLB file of glTF 2.0")
        length, kind = struct.unpack_from("<II", data, 12)
        start = 20 + length + 8
        if kind != JSON_CHUNK or start > len(data):
            raise FormatError(f"{path} is cut short or damaged; export it again")
        try:
            self.parts: dict[str, Any] = json.loads(data[20 : 20 + length])
        except ValueError as error:
            raise FormatError(f"the JSON part of {path} cannot be read: {error}") from error
        self._binary = data[start:]

    def read_array(self, index: int) -> Shaped[np.ndarray, "n *item"]:
        """Return the array of an accessor.

        Raises:
            FormatError: If it does not lie inside the file.
        """
        accessor = self.parts["accessors"][index]
        view = self.parts["bufferViews"][accessor["bufferView"]]
        names = {code: name for name, code in COMPONENTS.items()}
        shapes = {kind: shape for shape, kind in KINDS.items()}
        shape = (accessor["count"], *shapes[accessor["type"]])
        dtype = np.dtype(names[accessor["componentType"]])
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        if start + int(np.prod(shape)) * dtype.itemsize > len(self._binary):
            raise FormatError(f"{self.path} is cut short; export it again")
        return np.frombuffer(self._binary, dtype, int(np.prod(shape)), start).reshape(shape)
