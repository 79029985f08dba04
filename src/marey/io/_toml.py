"""Writing TOML 1.0, since Python's library only reads it.

Keys keep their order, except that tables follow plain values, as TOML wants it; `sort_table` makes
the text a function of the values alone. Floats are written so that they read back exactly. A key
whose value is None is left out, which is TOML's way to say None.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from marey.core.errors import InputError

LINE = 100


def format_toml(table: Mapping[str, Any]) -> str:
    """Return a table as TOML text.

    Args:
        table: Nested mappings, sequences, str, bool, int, float and numpy scalars.

    Raises:
        InputError: If a value is of another type, or a key is no text.
    """
    lines: list[str] = []
    _add_table(lines, table, ())
    return "\n".join(lines).strip("\n") + "\n"


def sort_table(value: Any) -> Any:
    """Return a value with all tables in it sorted by key."""
    if isinstance(value, Mapping):
        return {key: sort_table(value[key]) for key in sorted(value, key=str)}
    return [sort_table(element) for element in value] if _is_list(value) else value


def _add_table(lines: list[str], table: Mapping[Any, Any], path: tuple[str, ...]) -> None:
    rows = _items(table, path)
    for key, value in rows:
        if not _is_nested(value):
            lines.append(_format_pair(key, value, path))
    for key, value in rows:
        name = ".".join(_format_key(part) for part in (*path, key))
        if isinstance(value, Mapping):
            lines += ["", f"[{name}]"]
            _add_table(lines, value, (*path, key))
        elif _is_nested(value):
            for element in value:
                lines += ["", f"[[{name}]]"]
                _add_table(lines, element, (*path, key))


def _items(table: Mapping[Any, Any], path: tuple[str, ...]) -> list[tuple[str, Any]]:
    for key in table:
        if not isinstance(key, str):
            raise InputError(f"the key {key!r} of {_place(path)} must be text to be stored as TOML")
    return [(key, table[key]) for key in table if table[key] is not None]


def _is_nested(value: Any) -> bool:
    """Whether a value gets a heading of its own: a table, or a list of nothing but tables."""
    if isinstance(value, Mapping):
        return True
    return _is_list(value) and len(value) > 0 and all(isinstance(v, Mapping) for v in value)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _format_pair(key: str, value: Any, path: tuple[str, ...]) -> str:
    prefix = f"{_format_key(key)} = "
    text = prefix + _format_value(value, (*path, key))
    if len(text) <= LINE or not _is_list(value):
        return text
    elements = (f"    {_format_value(element, (*path, key))}," for element in value)
    return "\n".join([prefix + "[", *elements, "]"])


def _format_value(value: Any, path: tuple[str, ...]) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _format_float(value)
    if isinstance(value, str):
        return _format_text(value)
    if isinstance(value, Mapping):
        pairs = _items(value, path)
        inner = (f"{_format_key(k)} = {_format_value(v, (*path, k))}" for k, v in pairs)
        return "{" + ", ".join(inner) + "}"
    if _is_list(value):
        return "[" + ", ".join(_format_value(element, path) for element in value) + "]"
    raise InputError(
        f"{_place(path)} is a {type(value).__name__}, which TOML cannot hold; "
        f"give text, numbers, booleans, lists or tables"
    )


def _format_float(value: float) -> str:
    if math.isfinite(value):
        text = repr(value)
        return text if any(sign in text for sign in ".e") else f"{text}.0"
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _format_key(key: str) -> str:
    bare = key != "" and all(c.isascii() and (c.isalnum() or c in "_-") for c in key)
    return key if bare else _format_text(key)


def _format_text(text: str) -> str:
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    # Control characters and lone surrogates may not stand in TOML; the latter not even escaped.
    if 0xD800 <= ord(character) <= 0xDFFF:
        raise InputError("a text holds half a surrogate pair, which TOML cannot hold; rename it")
    return character if character.isprintable() else f"\\U{ord(character):08X}"


def _place(path: tuple[str, ...]) -> str:
    return "'" + ".".join(path) + "'" if path else "the table"
