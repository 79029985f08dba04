"""Files of networks: ONNX models, and safetensors by their header alone.

A safetensors file begins with the length of its header (8 bytes, little-endian) and the header, a
JSON object from each tensor's name to its type, shape and place in the rest of the file.
"""

import json
import math
import struct
from pathlib import Path
from typing import Any

from marey.core.errors import FormatError, InputError
from marey.jobs.info.description import Description, Fact, Plain, Table
from marey.jobs.info.phrases import say_file_size

MAX_HEADER_BYTES = 2**24
MAX_TENSORS = 100_000
MAX_AXES = 16


def describe_onnx(path: Path) -> Description:
    """Describe a network: what goes in and what comes out.

    Raises:
        InputError: If it is missing or too large.
        FormatError: If it is no ONNX model that runs here.
    """
    from marey.models.session import open_network

    session = open_network(path)
    notes = session.get_modelmeta()
    texts = {"graph": notes.graph_name, "made_by": notes.producer_name, "about": notes.description}
    facts = [Fact(name, text[:200]) for name, text in texts.items() if text]
    facts.append(say_file_size(path))
    custom = {str(key): str(value)[:80] for key, value in notes.custom_metadata_map.items()}
    if custom:
        text = ", ".join(f"{key} {value}" for key, value in list(custom.items())[:6])
        facts.append(Fact("notes", {**custom}, text))
    tables = (
        _say_ends("inputs", session.get_inputs()),
        _say_ends("outputs", session.get_outputs()),
    )
    return Description(path=path, kind="ONNX network", facts=tuple(facts), tables=tables)


def _say_ends(name: str, ends: Any) -> Table:
    rows = []
    for end in ends:
        shape: list[Plain] = [side if isinstance(side, int | str) else None for side in end.shape]
        text = " x ".join("any" if side is None else str(side) for side in shape)
        rows.append((Fact("name", end.name), Fact("type", end.type), Fact("shape", shape, text)))
    return Table(name=name, rows=tuple(rows))


def describe_safetensors(path: Path) -> Description:
    """Describe the tensors of a safetensors file; only its header is read.

    Raises:
        FormatError: If the header is malformed or does not fit the file.
    """
    header = _read_header(path)
    notes = header.pop("__metadata__", {})
    rows = tuple(_say_tensor(path, name, entry) for name, entry in header.items())
    total = sum(math.prod(shape) for shape in (_shape(path, entry) for entry in header.values()))
    facts = [
        Fact("tensors", len(rows)),
        Fact("numbers", total, f"{total / 1e6:.3g} million"),
        say_file_size(path),
    ]
    if isinstance(notes, dict) and notes:
        plain: dict[str, Plain] = {str(key)[:80]: str(value)[:200] for key, value in notes.items()}
        text = ", ".join(f"{key} {value}" for key, value in list(plain.items())[:6])
        facts.append(Fact("notes", plain, text))
    table = Table(name="weights", rows=rows)
    return Description(path=path, kind="safetensors", facts=tuple(facts), tables=(table,))


def _read_header(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
            if not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
                raise FormatError(f"{path} is cut short or is no safetensors file; copy it again")
            header = json.loads(file.read(length))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    except (ValueError, RecursionError) as error:
        # FormatError is a ValueError too; its own sentence says more.
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path} has no sound safetensors header ({error})") from error
    if not isinstance(header, dict) or len(header) > MAX_TENSORS:
        raise FormatError(f"{path} has no table of at most {MAX_TENSORS} tensors")
    for name, entry in header.items():
        if name != "__metadata__":
            _check_place(path, name, entry, size - 8 - length)
    return header


def _check_place(path: Path, name: str, entry: Any, room: int) -> None:
    place = entry.get("data_offsets") if isinstance(entry, dict) else None
    if (
        not isinstance(place, list)
        or [type(number) for number in place] != [int, int]
        or not 0 <= place[0] <= place[1] <= room
    ):
        raise FormatError(
            f"{path}: the tensor {name[:80]!r} lies outside of the file; copy it again"
        )


def _shape(path: Path, entry: dict[str, Any]) -> list[int]:
    shape = entry.get("shape")
    if (
        not isinstance(shape, list)
        or len(shape) > MAX_AXES
        or not all(type(side) is int and 0 <= side < 2**40 for side in shape)
    ):
        raise FormatError(f"{path} states a tensor without a shape; copy it again")
    return shape


def _say_tensor(path: Path, name: str, entry: dict[str, Any]) -> tuple[Fact, ...]:
    shape = _shape(path, entry)
    text = " x ".join(map(str, shape)) or "one number"
    return (
        Fact("name", name[:200]),
        Fact("type", str(entry.get("dtype"))[:20]),
        Fact("shape", [*shape], text),
    )
