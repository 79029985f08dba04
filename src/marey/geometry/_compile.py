"""Compiling numba kernels so that an installation nobody may write to still works.

With `cache=True` numba looks for a writable folder (its own variable `NUMBA_CACHE_DIR`, the folder
of the source file, the user's cache folder) when the function is decorated, and raises where it
finds none. Such an installation compiles once per process instead.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numba


def compile_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function without the interpreter lock, cached on disk where that is possible."""
    # Tests wrap every function of the package to check its annotations; numba needs what is inside.
    function = inspect.unwrap(function)
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)
