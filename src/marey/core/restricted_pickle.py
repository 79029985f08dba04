"""Reading pickles of strangers without running their code.

Body models of the SMPL family are distributed as pickles, many of them written by Python 2 with
classes of the packages chumpy and scipy. A pickle is a program: unpickling it the ordinary way runs
whatever it says. `read_pickle` runs it with nothing dangerous within reach:

1. The opcodes are scanned first. Lengths beyond the file, memo indices beyond the number of
   opcodes, persistent ids, extension codes and out-of-band buffers are refused, so the unpickler
   itself cannot be made to allocate more than the file's own size.
2. Every class or function a pickle can name is one of the stand-ins below. They keep what they are
   given and do nothing else. All other names are refused. Neither chumpy nor scipy is needed.
3. The result is rebuilt from the stand-ins: arrays of numbers from their bytes after checking
   sizes, sparse matrices as dense arrays, chumpy expressions as the arrays they hold. What has no
   such meaning (unknown chumpy expressions; arrays of objects, unless they are asked for) comes
   back as `Opaque`.
"""

import math
import pickle
import pickletools
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from marey.core.errors import FormatError

MAX_BYTES = 2 << 30
MAX_OPCODES = 2_000_000
MAX_TUPLES = 10_000
"""Deeper nesting could overflow the C stack when a tuple is hashed."""
MAX_DENSE = 1 << 26
"""Elements of a sparse matrix that is returned as a dense array."""

_REFUSED_OPCODES = {
    *("PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"),
}


class Opaque:
    """Something in a pickle that is neither data nor needed; `what` says what it was."""

    __slots__ = ("what",)

    def __init__(self, what: str):
        self.what = what

    def __repr__(self) -> str:
        return f"Opaque({self.what!r})"


def read_pickle(
    path: str | Path, *, max_bytes: int = MAX_BYTES, object_arrays: bool = False
) -> Any:
    """Return the plain data in a pickle file: numbers, strings, containers and numpy arrays.

    Args:
        path: The file; Python 2 pickles are read with latin1 strings.
        max_bytes: Larger files are refused.
        object_arrays: Whether arrays of Python objects are wanted. They are returned as arrays
            whose elements are themselves plain data; nothing else becomes possible.

    Raises:
        FormatError: If the file is not a pickle of plain data, or tries to do something else.
    """
    path = Path(path)
    if path.stat().st_size > max_bytes:
        raise FormatError(f"{path} is larger than {max_bytes} bytes; is it the right file?")
    try:
        return read_pickle_bytes(path.read_bytes(), object_arrays=object_arrays)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def read_pickle_bytes(
    data: bytes, *, object_arrays: bool = False, max_opcodes: int = MAX_OPCODES
) -> Any:
    """Return the plain data in a pickle (see `read_pickle`).

    Args:
        data: The pickle.
        object_arrays: Whether arrays of Python objects are wanted.
        max_opcodes: Steps it may take; lists of a million names need two million.
    """
    try:
        _scan(data, max_opcodes)
        return _Rebuilder(object_arrays=object_arrays).rebuild(_RestrictedUnpickler(data).load())
    except FormatError:
        raise
    except RecursionError as error:
        raise FormatError("the pickle is nested too deeply") from error
    except (
        *(pickle.UnpicklingError, ValueError, TypeError, KeyError, IndexError, AttributeError),
        *(EOFError, OverflowError, MemoryError, UnicodeError),
    ) as error:
        raise FormatError(f"not a readable pickle of plain data ({error})") from error


def _scan(data: bytes, max_opcodes: int) -> None:
    """Walk over the opcodes without executing them."""
    count = tuples = largest_memo = 0
    for name, argument in _read_opcodes(BytesIO(data)):
        count += 1
        if name in _REFUSED_OPCODES:
            raise FormatError(f"the pickle uses {name}, which plain data never needs")
        if name in ("PUT", "BINPUT", "LONG_BINPUT"):
            largest_memo = max(largest_memo, int(argument or 0))
        tuples += name.startswith("TUPLE")
        if count > max_opcodes or tuples > MAX_TUPLES:
            raise FormatError("the pickle has far more parts than a body model or motion has")
    if largest_memo > count:
        raise FormatError(f"the pickle asks for a memo of {largest_memo} entries")


def _read_opcodes(file: BytesIO) -> Iterator[tuple[str, Any]]:
    """Yield name and argument of every opcode up to the first STOP.

    As `pickletools.genops`, which refuses the strings of Python 2 (bytes beyond ASCII) in
    protocol 0.
    """
    name = ""
    while name != "STOP":
        opcode = _OPCODES.get(file.read(1))
        if opcode is None:
            raise FormatError("the pickle is cut off or holds an unknown opcode")
        name, argument = opcode.name, None
        if name == "STRING":
            file.readline()
        elif opcode.arg is not None:
            argument = opcode.arg.reader(file)
        yield name, argument


_OPCODES = {opcode.code.encode("latin1"): opcode for opcode in pickletools.opcodes}


class _Inert(type):
    """Metaclass of stand-ins: their classes cannot be changed by what a pickle says."""

    def __setattr__(cls, name: str, value: object) -> NoReturn:
        raise FormatError(f"the pickle tries to change a class ({name})")


class _StandIn(metaclass=_Inert):
    """Keeps constructor arguments and state; has no behaviour."""

    __slots__ = ("arguments", "state")

    def __new__(cls, *arguments: object, **_: object):
        self = object.__new__(cls)
        self.arguments, self.state = arguments, None
        return self

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Array(_StandIn):
    __slots__ = ()


class _DType(_StandIn):
    __slots__ = ()


class _Scalar(_StandIn):
    __slots__ = ()


class _Sparse(_StandIn):
    __slots__ = ()


class _SparseRows(_Sparse):
    __slots__ = ()


class _SparseColumns(_Sparse):
    __slots__ = ()


class _Expression(_StandIn):
    """Any class of chumpy."""

    __slots__ = ()


class _Buffer(_StandIn):
    """An array written by `_frombuffer` (protocol 5)."""

    __slots__ = ()


class _Marker(_StandIn):
    """A class that only ever appears as an argument, such as `object` or `numpy.ndarray`."""

    __slots__ = ()


class _Function:
    """A function a pickle may call; without attributes, so that it cannot be altered."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., object]):
        object.__setattr__(self, "_call", call)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FormatError(f"the pickle tries to change a function ({name})")

    def __call__(self, *arguments: object) -> object:
        return self._call(*arguments)


def _encode(text: str, encoding: str) -> bytes:
    """`_codecs.encode`, which Python 3 writes for bytes in old protocols."""
    if encoding not in ("latin1", "latin-1"):
        raise FormatError(f"the pickle asks for the encoding {encoding!r}")
    return text.encode("latin1")


def _reconstruct(kind: type, *_: object) -> object:
    """`copy_reg._reconstructor`, how Python 2 writes objects."""
    if not isinstance(kind, _Inert):
        raise FormatError("the pickle reconstructs something that is not a class")
    return kind()


def _ordered(items: object = ()) -> dict:
    """`collections.OrderedDict`."""
    return dict(items)  # type: ignore[call-overload]


_KNOWN: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "dtype"): _DType,
    ("numpy", "ndarray"): _Marker,
    ("builtins", "object"): _Marker,
    ("builtins", "bytes"): _Function(lambda *_: b""),
    ("_codecs", "encode"): _Function(_encode),
    ("copyreg", "_reconstructor"): _Function(_reconstruct),
    ("collections", "OrderedDict"): _Function(_ordered),
    ("numpy.core.multiarray", "_reconstruct"): _Function(lambda *_: _Array()),
    ("numpy.core.multiarray", "scalar"): _Scalar,
    ("numpy.core.numeric", "_frombuffer"): _Buffer,
}
_SPARSE = {"csr": _SparseRows, "csc": _SparseColumns}


def _stand_in(module: str, name: str) -> Callable[..., object]:
    """Return the stand-in for a name in a pickle."""
    module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)
    module = module.replace("numpy._core", "numpy.core")
    if (module, name) in _KNOWN:
        return _KNOWN[module, name]
    if module.split(".")[0] == "chumpy" and name.isidentifier():
        return _Expression
    if module.startswith("scipy.sparse") and name.endswith(("_matrix", "_array")):
        return _SPARSE.get(name[:3], _Sparse)
    raise FormatError(f"the pickle refers to {module}.{name}, which is not plain data")


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes):
        super().__init__(BytesIO(data), encoding="latin1")

    def find_class(self, module: str, name: str, /) -> Any:
        return _stand_in(module, name)


class _Rebuilder:
    """Turns stand-ins into data; each object once, so that shared parts cannot multiply."""

    def __init__(self, *, object_arrays: bool = False) -> None:
        self.object_arrays = object_arrays
        self._done: dict[int, tuple[object, object]] = {}

    def rebuild(self, value: Any) -> Any:
        if id(value) in self._done:
            return self._done[id(value)][1]
        # Entered before its parts, so that a container that holds itself ends as `Opaque`.
        self._done[id(value)] = (value, Opaque("a reference to itself"))
        result = self._rebuild(value)
        self._done[id(value)] = (value, result)
        return result

    def _rebuild(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {_to_key(self.rebuild(k)): self.rebuild(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.rebuild(v) for v in value)
        for kind, convert in _CONVERSIONS:
            if isinstance(value, kind):
                return convert(value, self)
        return value


def _to_key(value: Any) -> Any:
    """Return a key as it can be looked up: numpy's numbers come back as arrays without axes."""
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _dtype(value: object) -> np.dtype | None:
    """Return the dtype a stand-in describes, or None for objects and records."""
    if not isinstance(value, _DType) or not value.arguments:
        raise FormatError("an array in the pickle has no element type")
    dtype = np.dtype(str(value.arguments[0]))
    if dtype.kind not in "biufcSU" or dtype.subdtype is not None:
        return None
    if isinstance(value.state, tuple) and len(value.state) > 1 and value.state[1] in ("<", ">"):
        dtype = dtype.newbyteorder(value.state[1])
    return dtype


def _array(value: _StandIn, rebuilder: "_Rebuilder") -> Any:
    """Return the array, or numpy scalar, of its stand-in."""
    if isinstance(value, _Scalar):
        dtype, shape, fortran, raw = value.arguments[0], (), False, value.arguments[1]
    elif isinstance(value, _Buffer):
        raw, dtype, shape, order = value.arguments
        fortran = order == "F"
    else:
        if not isinstance(value.state, tuple) or len(value.state) != 5:
            raise FormatError("an array in the pickle has no valid state")
        shape, dtype, fortran, raw = value.state[1:]
    dtype = _dtype(dtype)
    if isinstance(raw, list) and rebuilder.object_arrays:
        return _from_objects([rebuilder.rebuild(each) for each in raw], shape)
    if dtype is None or isinstance(raw, list):
        return Opaque("an array of objects")
    if isinstance(raw, str):
        raw = raw.encode("latin1")
    return _from_bytes(raw, dtype, shape, fortran=bool(fortran))


def _from_objects(values: list[Any], shape: object) -> np.ndarray:
    if not _are_sizes(shape) or math.prod(shape) != len(values):  # type: ignore[arg-type]
        raise FormatError(f"an array of shape {shape} in the pickle holds {len(values)} objects")
    array = np.empty(len(values), object)
    for row, value in enumerate(values):
        array[row] = value
    # The list is in C order even where the array was in Fortran's.
    return array.reshape(shape)  # type: ignore[arg-type]


def _are_sizes(shape: object) -> bool:
    return isinstance(shape, tuple) and all(isinstance(n, int) and n >= 0 for n in shape)


def _from_bytes(raw: object, dtype: np.dtype, shape: object, *, fortran: bool) -> np.ndarray:
    if not _are_sizes(shape) or not isinstance(raw, (bytes, bytearray)):
        raise FormatError("an array in the pickle has no valid shape or content")
    count = 1
    for n in shape:  # type: ignore[union-attr]
        count *= n
    if count * dtype.itemsize != len(raw):
        raise FormatError(f"an array of shape {shape} in the pickle holds {len(raw)} bytes")
    array = np.frombuffer(raw, dtype=dtype) if count else np.zeros(0, dtype)
    array = array.reshape(shape, order="F" if fortran else "C")  # type: ignore[arg-type]
    return array.astype(dtype.newbyteorder("="))


def _dense(value: _Sparse, rebuilder: _Rebuilder) -> Any:
    """Return a compressed sparse matrix as a dense array."""
    state = rebuilder.rebuild(value.state)
    if not isinstance(state, dict) or type(value) is _Sparse:
        return Opaque("a sparse matrix")
    parts = [state.get(k) for k in ("_shape", "data", "indices", "indptr")]
    shape, data, indices, indptr = parts
    arrays = all(isinstance(x, np.ndarray) and x.ndim == 1 for x in parts[1:])
    sized = isinstance(shape, tuple) and len(shape) == 2 and all(isinstance(n, int) for n in shape)
    if not arrays or not sized or min(shape) < 0 or shape[0] * shape[1] > MAX_DENSE:  # type: ignore[index,type-var]
        raise FormatError("a sparse matrix in the pickle is incomplete or too large")
    by_column = isinstance(value, _SparseColumns)
    major = shape[1] if by_column else shape[0]  # type: ignore[index]
    counts = np.diff(indptr)  # type: ignore[arg-type]
    if len(counts) != major or (counts < 0).any() or counts.sum() != len(data):  # type: ignore[arg-type]
        raise FormatError("a sparse matrix in the pickle contradicts itself")
    dense = np.zeros(shape, data.dtype)  # type: ignore[arg-type,union-attr]
    outer = np.repeat(np.arange(major), counts)
    np.add.at(dense, (indices, outer) if by_column else (outer, indices), data)  # type: ignore[arg-type]
    return dense


def _expression(value: _Expression, rebuilder: _Rebuilder) -> Any:
    """Return the array of a chumpy variable (`x`) or of a selection (`a` at `idxs`)."""
    state = rebuilder.rebuild(value.state)
    if isinstance(state, dict) and isinstance(state.get("x"), np.ndarray):
        return state["x"]
    if isinstance(state, dict) and isinstance(state.get("a"), np.ndarray):
        indices = np.asarray(state.get("idxs"))
        if indices.dtype.kind in "iu":
            chosen = state["a"].ravel()[indices.ravel()]
            shape = state.get("preferred_shape")
            return chosen.reshape(shape) if isinstance(shape, tuple) else chosen
    return Opaque("a chumpy expression")


_CONVERSIONS: tuple[tuple[Any, Callable[[Any, _Rebuilder], Any]], ...] = (
    ((_Array, _Buffer, _Scalar), _array),
    (_Sparse, _dense),
    (_Expression, _expression),
    ((_StandIn, _Inert, _Function), lambda value, _: Opaque(f"a {type(value).__name__}")),
)
