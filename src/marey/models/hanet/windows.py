"""Cutting a sequence into windows and putting their refinements together again."""

from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from marey.core.errors import InputError

Tail = Literal["aligned", "dropped"]
"""What becomes of frames at the end that no regular window covers: a further window that ends with
the sequence, or nothing, as in the released evaluation."""


def window_starts(
    num_frames: int, window: int, *, step: int, tail: Tail = "aligned"
) -> Int[np.ndarray, "W"]:
    """Return the first frames of the windows of a sequence.

    Raises:
        InputError: If the sequence is shorter than a window or the step is not positive.
    """
    if num_frames < window:
        raise InputError(
            f"a sequence of {num_frames} frames holds no window of {window}; pad it, or use a "
            "network with shorter windows"
        )
    if step < 1:
        raise InputError(f"the step between windows must be at least 1, but is {step}")
    starts = np.arange(0, num_frames - window + 1, step)
    if tail == "aligned" and starts[-1] + window < num_frames:
        starts = np.append(starts, num_frames - window)
    return starts


def merge_windows(
    values: Float[np.ndarray, "W L C"], starts: Int[np.ndarray, "W"], num_frames: int
) -> Float[np.ndarray, "T C"]:
    """Return the mean of all windows that contain a frame; NaN where none does."""
    window, channels = values.shape[1:]
    total = np.zeros((num_frames, channels))
    count = np.zeros((num_frames, 1))
    for start, value in zip(starts, values, strict=True):
        total[start : start + window] += value
        count[start : start + window] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(values.dtype)
