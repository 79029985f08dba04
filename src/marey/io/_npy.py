"""Plain .npy arrays that are trusted only as far as they were promised.

Arrays are little-endian and in C order. They are written in blocks, so that a memory-mapped source
never has to fit into memory, and opened read only, large ones as maps. Nothing is ever unpickled.
"""

import tokenize
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from numpy.lib import format as npy_format

from marey.core.errors import FormatError
from marey.core.scratch import forget_pages

BLOCK_BYTES = 2**22

MAPPED_BYTES = 2**20
"""Smaller files are read at once: every map holds a file open, and there may be thousands."""

DTYPES = {name: np.dtype(code) for name, code in [("float32", "<f4"), ("float64", "<f8")]}
"""The number types in use, by the names written into headers."""


def iterate_blocks(array: Shaped[np.ndarray, "..."]) -> Iterator[slice]:
    """Yield slices of the first axis that cover about 4 MB each."""
    row_bytes = max(1, array[:1].nbytes)
    step = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, len(array), step):
        yield slice(start, start + step)


def write_npy(path: Path, array: Shaped[np.ndarray, "..."], *, dtype: str) -> None:
    """Write an array of at least one axis, converted to `dtype`, block by block."""
    target = DTYPES[dtype]
    header = {"descr": target.str, "fortran_order": False, "shape": array.shape}
    with path.open("wb") as file:
        npy_format.write_array_header_1_0(file, header)
        for block in iterate_blocks(array):
            file.write(np.ascontiguousarray(array[block], target).tobytes())
            forget_pages(array)


def open_npy(
    path: Path, *, dtype: str, shape: tuple[int, ...], num_bytes: int
) -> Shaped[np.ndarray, "..."]:
    """Open an array, read only, after comparing its header with what was promised.

    Raises:
        FormatError: If the file is not exactly the array that was promised.
    """
    expected = f"{dtype} {shape} in {num_bytes} bytes"
    try:
        with path.open("rb") as file:
            if npy_format.read_magic(file) != (1, 0):
                raise ValueError("not version 1.0 of the format")
            found_shape, fortran, found_dtype = npy_format.read_array_header_1_0(file)
            offset = file.tell()
    except (ValueError, OSError, SyntaxError, MemoryError, tokenize.TokenError) as error:
        raise FormatError(
            f"{path} is not the array it should be ({error}); expected {expected}"
        ) from error
    size = path.stat().st_size
    promised = offset + int(np.prod(shape, dtype=object)) * DTYPES[dtype].itemsize
    if (found_shape, found_dtype, fortran) != (shape, DTYPES[dtype], False):
        raise FormatError(f"{path} holds {found_dtype} {found_shape}; expected {expected}")
    if not size == num_bytes == promised:
        raise FormatError(f"{path} has {size} bytes; expected {expected}: copy the take again")
    if size >= MAPPED_BYTES:
        return np.memmap(path, DTYPES[dtype], "r", offset, shape)
    array = np.fromfile(path, DTYPES[dtype], offset=offset).reshape(shape)
    array.flags.writeable = False
    return array
