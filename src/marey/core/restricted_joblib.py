"""Reading the files of `joblib.dump` without joblib, and without running what they say.

Many programs (PHALP and 4D-Humans, WHAM, VIBE, TCMR, GLoT) save their results by `joblib.dump`:
a pickle in which every numpy array is a small object that describes it, followed at once by the
array's raw bytes, where no pickle would expect them. A reader must therefore run the pickle step by
step. `read_joblib` does so under the rules of `marey.core.restricted_pickle`:

1. Every class or function that the pickle can name is an inert stand-in; other names are refused,
   and so are the opcodes that plain data never needs.
2. Lengths are checked against what the file still holds before anything is read or allocated; the
   number of steps is limited; keys of dictionaries are plain, so that hashing them is harmless.
3. Files packed by zlib, gzip, bzip2, lzma or xz are unpacked as they are read, up to the limit.

Layouts (of joblib 0.10 and later): raw bytes follow the object's BUILD opcode in C order, or in
Fortran order of the reversed shape; since joblib 1.2 a byte that says how many bytes of padding
come first, so that the array is aligned for memory mapping. Arrays of objects are pickles of their
own at the same place. Older files, which keep arrays in files beside, are refused.
"""

import math
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np

from marey.core._bounded_source import UNPACK_FAULTS, BoundedSource, open_source
from marey.core.errors import FormatError
from marey.core.restricted_pickle import (
    _REFUSED_OPCODES,
    MAX_BYTES,
    Opaque,
    _are_sizes,
    _DType,
    _dtype,
    _Marker,
    _Rebuilder,
    _stand_in,
    _StandIn,
)

MAX_STEPS = 20_000_000
"""Opcodes; PHALP needs 420 for a person in a frame."""
FREE_STEPS, STEPS_PER_BYTE = 2_000_000, 50
"""A small file that unpacks to more steps than these is a bomb; PHALP has fewer than 10 a byte."""
MAX_PARTS = 6_000_000
"""Opcodes that make something, of 30 to 100 bytes each."""
MAX_KEY_PARTS = 16
LOOK_BYTES = 1 << 16
"""How far into a file `is_joblib` looks for joblib's name."""

_MODULE = "joblib.numpy_pickle"
_SUBCLASSES = {"ndarray", "matrix", "memmap"}
_CHEAP = {
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT1", "MARK", "POP", "POP_MARK", "DUP", "GET", "BINGET"),
    *("LONG_BINGET", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "FRAME", "PROTO"),
    *("EMPTY_TUPLE", "GLOBAL", "STACK_GLOBAL", "STOP"),
}
"""Opcodes that make nothing new."""
_FAULTS = (
    *(pickle.UnpicklingError, ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(OverflowError, MemoryError, UnicodeError, *UNPACK_FAULTS),
)


def read_joblib(path: str | Path, *, max_bytes: int = MAX_BYTES) -> Any:
    """Return the plain data in a file of joblib: numbers, strings, containers and numpy arrays.

    Plain pickles can be read too, more slowly than by `read_pickle`. Arrays of Python objects are
    arrays of plain data; whatever else has no meaning is `Opaque`.

    Args:
        path: The file.
        max_bytes: How large it may be, after unpacking.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is not a file of plain data, is damaged, or tries to do something else.
    """
    path = Path(path)
    try:
        file, source = open_source(path, max_bytes=max_bytes)
        with file:
            unpickler = _Unpickler(source, most_steps=_count_allowed(path))
            return _JoblibRebuilder(object_arrays=True).rebuild(unpickler.load())
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except RecursionError as error:
        raise FormatError(f"{path}: the pickle is nested too deeply") from error
    except _FAULTS as error:
        raise FormatError(f"{path}: not a readable joblib file of plain data ({error})") from error


def is_joblib(path: str | Path) -> bool:
    """Tell whether a file was written by joblib: it names joblib's arrays near its beginning.

    Raises:
        InputError: If it cannot be opened.
    """
    try:
        file, source = open_source(Path(path), max_bytes=MAX_BYTES)
        with file:
            head = bytearray()
            while len(head) < LOOK_BYTES and (line := source.readline()):
                head += line
    except (FormatError, *UNPACK_FAULTS):
        return False
    return _MODULE.encode() in head


def _count_allowed(path: Path) -> int:
    return min(MAX_STEPS, FREE_STEPS + STEPS_PER_BYTE * path.stat().st_size)


_LEAVES = (int, float, str, bytes, type(None), np.ndarray)


class _Wrapper(_StandIn):
    """joblib's description of an array."""

    __slots__ = ()


class _Stored(_StandIn):
    """An array that has been read; kept out of reach of the pickle's opcodes."""

    __slots__ = ()


class _JoblibRebuilder(_Rebuilder):
    def rebuild(self, value: Any) -> Any:
        # There are millions of these, and remembering them would take more than they do.
        if isinstance(value, _LEAVES):
            return value
        if isinstance(value, _Stored):
            return self.rebuild(value.arguments[0])
        return super().rebuild(value)


class _Unpickler(pickle._Unpickler):
    """The standard library's unpickler in Python, with every step under control."""

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {}

    def __init__(self, source: BoundedSource, *, most_steps: int, with_arrays: bool = True):
        super().__init__(source, encoding="latin1")  # type: ignore[arg-type]
        self._source, self._with_arrays = source, with_arrays
        self.most_steps = most_steps
        self.num_steps = self.num_parts = 0

    def find_class(self, module: str, name: str) -> Any:
        if module == _MODULE and name == "NumpyArrayWrapper" and self._with_arrays:
            return _Wrapper
        if module.startswith(_MODULE):
            raise FormatError(
                f"it refers to {module}.{name}, of a joblib older than 0.10 that keeps arrays in "
                "files beside it; load it with joblib and save it again"
            )
        if module.split(".", maxsplit=1)[0] == "numpy" and name in _SUBCLASSES:
            return _Marker
        return _stand_in(module, name)

    def build(self) -> None:
        """BUILD: give an object its state; the bytes of a described array follow."""
        super().dispatch[pickle.BUILD[0]](self)  # type: ignore[attr-defined]
        stack = self.stack  # type: ignore[attr-defined]
        if isinstance(stack[-1], _Wrapper):
            stack[-1] = _Stored(self._read_array(stack[-1].state))

    def _read_array(self, state: object) -> Any:
        if not isinstance(state, dict) or not _are_sizes(state.get("shape")):
            raise FormatError("an array has no valid shape")
        dtype, shape = _dtype(state.get("dtype")), cast("tuple[int, ...]", state["shape"])
        described = np.dtype(str(cast(_DType, state["dtype"]).arguments[0]))
        if described.kind == "O":
            inner = _Unpickler(self._source, most_steps=self.most_steps, with_arrays=False)
            inner.num_steps, inner.num_parts = self.num_steps, self.num_parts
            value = inner.load()
            self.num_steps, self.num_parts = inner.num_steps, inner.num_parts
            return value
        if state.get("numpy_array_alignment_bytes") is not None:
            self.read(self.read(1)[0])  # type: ignore[attr-defined]
        # The unpickler's own way to the file, past the frame that ended with the description.
        raw = self.read(math.prod(shape) * described.itemsize)  # type: ignore[attr-defined]
        if dtype is None:
            return Opaque(f"an array of {described}")
        data = raw if isinstance(raw, bytearray) else bytearray(raw)
        array = np.frombuffer(data, dtype) if data else np.zeros(math.prod(shape), dtype)
        array = array.reshape(shape[::-1]).T if state.get("order") == "F" else array.reshape(shape)
        return array if dtype.isnative else array.astype(dtype.newbyteorder("="))

    def byte_array(self) -> None:
        """BYTEARRAY8: read before anything is allocated."""
        length = int.from_bytes(self.read(8), "little")  # type: ignore[attr-defined]
        self.append(bytearray(self.read(length)))  # type: ignore[attr-defined]


def _check_keys(keys: list[Any]) -> None:
    """Refuse keys whose hash or comparison runs through much."""
    simple = (str, bytes, int, float, type(None), _StandIn)
    for key in keys:
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) > MAX_KEY_PARTS or not all(isinstance(part, simple) for part in parts):
            raise FormatError(f"a key of a dictionary is a {type(key).__name__}, not a name")


_KEYS_OF: dict[str, Callable[[Any], list[Any]]] = {
    "SETITEM": lambda stack: stack[-2:-1],
    "SETITEMS": lambda stack: stack[::2],
    "DICT": lambda stack: stack[::2],
    "ADDITEMS": lambda stack: stack,
    "FROZENSET": lambda stack: stack,
}


def _guard(name: str, step: Callable[..., None]) -> Callable[..., None]:
    """Return an opcode's step, counted and checked."""
    makes, keys_of = name not in _CHEAP, _KEYS_OF.get(name)

    def guarded(self: _Unpickler) -> None:
        self.num_steps += 1
        self.num_parts += makes
        if self.num_steps > self.most_steps or self.num_parts > MAX_PARTS:
            raise FormatError("it has far more parts than results of a program have")
        if keys_of is not None:
            _check_keys(keys_of(self.stack))  # type: ignore[attr-defined]
        step(self)

    return guarded


def _refuse(name: str) -> Callable[..., None]:
    def refuse(self: _Unpickler) -> None:
        raise FormatError(f"the pickle uses {name}, which plain data never needs")

    return refuse


def _make_steps() -> dict[int, Callable[..., None]]:
    own = {"BUILD": _Unpickler.build, "BYTEARRAY8": _Unpickler.byte_array}
    inherited = pickle._Unpickler.dispatch  # type: ignore[attr-defined]
    steps = dict.fromkeys(range(256), _refuse("an unknown opcode"))
    for opcode in pickletools.opcodes:
        code, name = ord(opcode.code), opcode.name
        refused = name in _REFUSED_OPCODES
        steps[code] = _refuse(name) if refused else _guard(name, own.get(name, inherited[code]))
    return steps


_Unpickler.dispatch.update(_make_steps())
