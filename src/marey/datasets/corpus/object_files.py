"""Writing .npy files of one Python object, the declared exception (see `marey.datasets.corpus`).

What is written names nothing but numpy's arrays and dtypes. NumPy 2 calls the function that makes
an array `numpy._core.multiarray._reconstruct`; its older name is written, which all versions know.
"""

import os
import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

_PROTOCOL = 3
"""The last in which names stand as lines of text, and the first that holds bytes as they are."""
_NEW, _OLD = b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"


def encode_object(value: Any) -> bytes:
    """Return the content of an .npy file of one object, the same for the same object.

    Args:
        value: Dictionaries and lists of texts, numbers and arrays of numbers.
    """
    cell = np.empty((), object)
    cell[()] = value
    file = BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    npy_format.write_array_header_1_0(file, header)
    file.write(pickle.dumps(cell, protocol=_PROTOCOL).replace(_NEW, _OLD))
    return file.getvalue()


def write_object(value: Any, path: Path) -> None:
    """Write a file that is either there whole or not at all; its folder exists.

    It is not flushed to the disk: a corpus is flushed as a whole.
    """
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(encode_object(value))
    os.replace(temporary, path)
