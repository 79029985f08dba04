"""Results of networks as bytes, to the last bit, and back; nothing is ever unpickled.

A value is a dataclass of arrays, numbers and further such dataclasses, or None. The bytes hold no
names: whoever decodes says which class is meant, and its annotations name the rest.
"""

import struct
from dataclasses import fields, is_dataclass
from io import BytesIO
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from marey.core.errors import FormatError

_Value = TypeVar("_Value")
_NONE, _FLOAT, _ARRAY, _DATACLASS = b"n", b"f", b"a", b"d"
_DTYPES = ("float64", "float32", "int64", "int32", "uint8", "bool")
_MOST_AXES, _MOST_BYTES = 8, 2**28


def encode(value: Any) -> bytes:
    """Return a value as bytes."""
    file = BytesIO()
    _write(file, value)
    return file.getvalue()


def decode(kind: type[_Value], content: bytes) -> _Value:
    """Return the value that `encode` was given.

    Args:
        kind: Its class.
        content: What `encode` returned.

    Raises:
        FormatError: If the bytes are no such value.
    """
    file = BytesIO(content)
    try:
        value = _read(file, kind)
    except (struct.error, ValueError, IndexError, TypeError, KeyError) as error:
        raise FormatError(f"a recorded {kind.__name__} is damaged ({error})") from error
    if not isinstance(value, kind) or file.read(1):
        raise FormatError(f"a record is no {kind.__name__}")
    return value


def _write(file: BytesIO, value: Any) -> None:
    if value is None:
        file.write(_NONE)
    elif type(value) is float:
        file.write(_FLOAT + struct.pack("<d", value))
    elif isinstance(value, np.ndarray | np.generic):
        shape, code = value.shape, _DTYPES.index(value.dtype.name)
        file.write(_ARRAY + struct.pack("<B?B", code, isinstance(value, np.generic), len(shape)))
        file.write(struct.pack(f"<{len(shape)}I", *shape) + value.tobytes())
    elif is_dataclass(value):
        file.write(_DATACLASS)
        for field in fields(value):
            _write(file, getattr(value, field.name))
    else:
        raise TypeError(f"a {type(value).__name__} cannot be recorded")


def _read(file: BytesIO, kind: Any) -> Any:
    tag = file.read(1)
    if tag == _NONE:
        return None
    if tag == _FLOAT:
        return struct.unpack("<d", file.read(8))[0]
    if tag == _ARRAY:
        return _read_array(file)
    if tag != _DATACLASS:
        raise ValueError("unknown kind of value")
    cls = _dataclass_of(kind)
    hints = get_type_hints(cls)
    return cls(**{field.name: _read(file, hints[field.name]) for field in fields(cls)})


def _read_array(file: BytesIO) -> np.ndarray | np.generic:
    code, is_scalar, num_axes = struct.unpack("<B?B", file.read(3))
    if num_axes > _MOST_AXES:
        raise ValueError("too many axes")
    shape = struct.unpack(f"<{num_axes}I", file.read(4 * num_axes))
    dtype = np.dtype(_DTYPES[code])
    num_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if num_bytes > _MOST_BYTES:
        raise ValueError("too large an array")
    array = np.frombuffer(bytearray(file.read(num_bytes)), dtype).reshape(shape)
    return array[()] if is_scalar else array


def _dataclass_of(kind: Any) -> Any:
    choices = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return next(choice for choice in choices if isinstance(choice, type) and is_dataclass(choice))
