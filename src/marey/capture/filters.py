"""The classical filters: Gaussian, Savitzky-Golay, and the one-euro filter.

All lengths are in seconds, so one setting means the same at any frame rate. They run over each
stretch of neighbouring values on its own; what is missing stays missing and nothing leaks across.

Shape letters: T frames, D values per frame.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_filter

from marey.core.errors import InputError

FilterName = Literal["gaussian", "savgol", "one-euro"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterOptions:
    """Settings of the three; those for metres were tuned on training pairs (docs/refine.md)."""

    gaussian_s: float = 0.065
    """Spread of the Gaussian, s."""
    savgol_s: float = 0.37
    """Length of the polynomial's window, s."""
    savgol_order: int = 2
    one_euro_cutoff: float = 2.0
    """Cut-off at rest, Hz."""
    one_euro_beta: float = 1.0
    """How much the cut-off rises with speed, Hz per unit and second."""
    one_euro_speed_cutoff: float = 1.0
    """Cut-off of the speed, Hz."""


ROTATION_FILTERS = FilterOptions(
    gaussian_s=0.1, savgol_s=0.5, savgol_order=2, one_euro_cutoff=1.5, one_euro_beta=0.0
)
"""Tuned likewise for columns of rotation matrices."""


def filter_values(
    values: Float[np.ndarray, "T D"],
    name: FilterName,
    *,
    rate: float,
    options: FilterOptions | None = None,
) -> Float[np.ndarray, "T D"]:
    """Smooth values over time; NaN stays NaN.

    Args:
        values: Anything that may be averaged: metres, or columns of rotation matrices.
        name: Which filter. `one-euro` (Casiez et al., CHI 2012) is causal and therefore late; the
            others see both sides.
        rate: Frames per second.
        options: Lengths and cut-offs.

    Raises:
        InputError: If the filter is unknown or the rate is not positive.
    """
    if name not in get_args(FilterName):
        raise InputError(
            f"unknown filter '{name}'; choose one of {', '.join(get_args(FilterName))}"
        )
    if not rate > 0:
        raise InputError(f"the frame rate must be positive, got {rate:g}")
    options = options or FilterOptions()
    smooth: Callable[[np.ndarray, float, FilterOptions], np.ndarray] = {
        "gaussian": _gaussian,
        "savgol": _savgol,
        "one-euro": _one_euro,
    }[name]
    result = values.astype(np.float64)
    for columns, rows in _stretches(np.isfinite(values)):
        result[rows, columns] = smooth(result[rows, columns], rate, options)
    return result.astype(values.dtype)


def _stretches(known: np.ndarray) -> Iterator[tuple[np.ndarray, slice]]:
    """Yield columns that are known in the same frames, and each stretch of those frames."""
    patterns, group = np.unique(known.T, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], pattern.astype(np.int8), [0]])))
        for first, stop in edges.reshape(-1, 2):
            yield np.flatnonzero(group.ravel() == number), slice(int(first), int(stop))


def _gaussian(x: np.ndarray, rate: float, options: FilterOptions) -> np.ndarray:
    return gaussian_filter1d(x, options.gaussian_s * rate, axis=0, mode="nearest")


def _savgol(x: np.ndarray, rate: float, options: FilterOptions) -> np.ndarray:
    length = 2 * round(options.savgol_s * rate / 2) + 1
    if length > len(x):
        length = len(x) - 1 + len(x) % 2
    # A window no longer than its polynomial would return what came in.
    if length <= options.savgol_order:
        return x
    return np.asarray(savgol_filter(x, length, options.savgol_order, axis=0, mode="interp"))


def _one_euro(x: np.ndarray, rate: float, options: FilterOptions) -> np.ndarray:
    result, speed = x.copy(), np.zeros_like(x[0])
    slow = _share(np.float64(options.one_euro_speed_cutoff), rate)
    for frame in range(1, len(x)):
        speed = speed + slow * ((x[frame] - result[frame - 1]) * rate - speed)
        cutoff = options.one_euro_cutoff + options.one_euro_beta * np.abs(speed)
        result[frame] = result[frame - 1] + _share(cutoff, rate) * (x[frame] - result[frame - 1])
    return result


def _share(cutoff: np.ndarray | np.floating, rate: float) -> np.ndarray | np.floating:
    """Return how much of a new value a low-pass of this cut-off takes."""
    return 1 / (1 + rate / (2 * np.pi * cutoff))
