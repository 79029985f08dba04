"""Fields of dictionaries from outside, each checked as it is taken.

Messages name file and field.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core.errors import FormatError

MAX_NUMBER = 1e9


def get_dict(value: Any, path: Path, field: str = "") -> dict[str, Any]:
    """Return a dictionary whose keys are text.

    Raises:
        FormatError: If the value is something else.
    """
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    where = f"'{field}'" if field else "its content"
    raise FormatError(f"{path}: {where} is {describe(value)}; expected a dictionary of names")


def get_list(table: dict[str, Any], key: str, path: Path, length: int | None = None) -> list[Any]:
    """Return a list (also written as a tuple or an array of objects).

    Raises:
        FormatError: If it is missing, something else, or of another length.
    """
    value = table.get(key)
    if isinstance(value, np.ndarray) and value.ndim and (value.dtype == object or length == 0):
        value = list(value)
    if not isinstance(value, (list, tuple)) or length not in (None, len(value)):
        count = "" if length is None else f" of {length}"
        raise FormatError(f"{path}: '{key}' is {describe(value)}; expected a list{count}")
    return list(value)


def get_text(table: dict[str, Any], key: str, path: Path) -> str:
    """Return text by name.

    Raises:
        FormatError: If it is missing or something else.
    """
    value = table.get(key)
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind == "U":
        value = str(value)
    if not isinstance(value, str):
        raise FormatError(f"{path}: '{key}' is {describe(value)}; expected text")
    return value


def get_array(
    table: dict[str, Any],
    key: str,
    path: Path,
    shape: tuple[int | None, ...],
    *,
    within: str = "",
    missing: bool = False,
) -> Float[np.ndarray, "..."]:
    """Return numbers by name, as float64.

    Args:
        table: What holds them.
        key: Their name.
        path: The file, for messages.
        shape: Sizes along the axes; None for any.
        within: What holds `table`, for messages.
        missing: Whether values that are not finite may occur; they become NaN.

    Raises:
        FormatError: If they are missing, of another shape, or not finite.
    """
    field = f"{within}.{key}" if within else key
    if key not in table:
        raise FormatError(f"{path} has no '{field}'; is it a file of this corpus?")
    return to_array(table[key], field, path, shape, missing=missing)


def to_array(
    value: Any,
    field: str,
    path: Path,
    shape: tuple[int | None, ...],
    *,
    missing: bool = False,
) -> Float[np.ndarray, "..."]:
    """Return a value as float64 numbers of a shape (see `get_array`)."""
    try:
        array = np.asarray(value)
        # Signalling NaNs warn as they are widened; what is not finite is dealt with below.
        with np.errstate(invalid="ignore"):
            array = array.astype(np.float64) if array.dtype.kind in "fiub" else None
    except (ValueError, TypeError, OverflowError):
        array = None
    fits = array is not None and array.ndim == len(shape)
    fits = fits and all(b in (None, a) for a, b in zip(array.shape, shape, strict=True))  # type: ignore[union-attr]
    if array is None or not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise FormatError(f"{path}: '{field}' is {describe(value)}; expected numbers ({wanted})")
    if missing:
        array[~np.isfinite(array)] = np.nan
    elif not np.isfinite(array).all():
        raise FormatError(f"{path}: '{field}' holds values that are not finite; cut those frames")
    if (np.abs(array) > MAX_NUMBER).any():
        raise FormatError(f"{path}: '{field}' holds a number beyond {MAX_NUMBER:.0e}")
    return array


def describe(value: Any) -> str:
    """Return a few words on what a value is."""
    if isinstance(value, np.ndarray):
        return f"an array {value.dtype} {value.shape}"
    if value is None:
        return "missing"
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{type(value).__name__} {str(value)[:40]!r}"
