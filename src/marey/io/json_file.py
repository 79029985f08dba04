"""JSON from outside, read within limits: what is not plain, finite and of sane size is refused."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from marey.core.errors import FormatError, InputError

MAX_JSON_BYTES = 100_000_000
"""A parsed file takes about eight times its size in memory."""
MAX_DIGITS = 18
"""Longer whole numbers are none that a file of keypoints needs."""
MAX_COORDINATE = 1e7
"""px; beyond, no picture has a point."""


class JsonFault(ValueError):
    """What is wrong with a value, without the file it stands in."""


def read_json(path: Path, *, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        max_bytes: Largest size to accept.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is too large, no JSON, nested absurdly deep, or holds NaN, a name twice
            or a whole number of absurd length.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise FormatError(
                f"{path} has {size / 1e6:.0f} MB; JSON of more than {max_bytes / 1e6:.0f} MB is "
                "not read: split it by time"
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    try:
        return json.loads(
            data,
            object_pairs_hook=_make_object,
            parse_constant=_refuse_constant,
            parse_int=_parse_int,
        )
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not sound JSON ({error}); export it again") from error


def read_numbers(values: Any, what: str) -> Float64[np.ndarray, "n"]:
    """Turn a JSON list of numbers into an array.

    Raises:
        JsonFault: If it is no list, or holds anything else or numbers no picture has.
    """
    if not isinstance(values, list) or not set(map(type, values)) <= {float, int}:
        raise JsonFault(f"'{what}' is not a list of numbers")
    array = np.array(values, np.float64)
    # Written so that infinities (1e999) fail too.
    if not (np.abs(array) <= MAX_COORDINATE).all():
        raise JsonFault(f"'{what}' holds a number beyond {MAX_COORDINATE:.0e}")
    return array


def get_objects(table: Any, key: str) -> list[dict[str, Any]]:
    """Return a list of objects by name.

    Raises:
        JsonFault: If it is missing or something else.
    """
    rows = table.get(key) if isinstance(table, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise JsonFault(f"'{key}' is not a list of objects")
    return rows


def get_whole(table: dict[str, Any], key: str) -> int | None:
    """Return a whole number by name, or None if there is none."""
    value = table.get(key)
    return value if type(value) is int else None


def check_unique(values: Iterable[Any], what: str) -> None:
    """Refuse repeated numbers.

    Raises:
        JsonFault: If a number occurs twice.
    """
    seen = set()
    for value in values:
        if value in seen:
            raise JsonFault(f"{what} {value} occurs twice")
        seen.add(value)


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object names a member twice")
    return result


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _parse_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)
