"""Compiling numba kernels so that an installation nobody may write to still works.

With `cache=True` numba looks for a writable folder (its own variable `NUMBA_CACHE_DIR`, the folder
of the source file, the user's cache folder) when the function is decorated, and raises where it
finds none. Such an installation compiles once per process instead.
"""

import inspect
from collections.abc import Callable
from typing import Any, Literal

import numba


def compile_kernel(
    function: Callable[..., Any], *, error_model: Literal["python", "numpy"] = "python"
) -> Callable[..., Any]:
    """Compile a function without the interpreter lock, cached on disk where that is possible.

    Args:
        function: What to compile.
        error_model: Whether a division by zero raises or gives infinity; only the latter lets a
            loop with divisions use the processor's vector instructions.
    """
    # Tests wrap every function of the package to check its annotations; numba needs what is inside.
    function = inspect.unwrap(function)
    try:
        return numba.njit(nogil=True, cache=True, error_model=error_model)(function)
    except RuntimeError:
        return numba.njit(nogil=True, error_model=error_model)(function)
