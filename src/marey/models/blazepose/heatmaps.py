"""Sharpening landmarks with the network's heat maps.

The network regresses each point from a vector, which is robust but coarse, and has a heat map of
it, which is sharp but may peak at the wrong limb. The mean of the heat map close around the
regressed point takes the best of both (BlazePose, Bazarevsky et al., 2020). On the four views of
Pose2Sim's demo it lowers the median error from 4.9 to 3.7 px of the 256 px crop.
"""

import numpy as np
from jaxtyping import Float

_STRIDE = 4
"""Crop px per cell. Cell i stands for crop coordinate 4 i: measured, x is unbiased that way."""
_REACH = 3
"""Cells to each side that count; 2 or 5 change the error by less than 0.1 px."""
_MIN_PEAK = 0.5
"""A window whose highest probability is lower says nothing; the point stays where it is."""


def refine_points(
    points: Float[np.ndarray, "K 2"], heatmaps: Float[np.ndarray, "K S S"]
) -> tuple[Float[np.ndarray, "K 2"], Float[np.ndarray, "K"]]:
    """Move each point to the mean of its heat map in a window around it.

    Args:
        points: px of the crop.
        heatmaps: Logits, row then column.

    Returns:
        The points, and the highest probability in the window of each.
    """
    count, size = len(points), heatmaps.shape[-1]
    reach = np.arange(-_REACH, _REACH + 1)
    cell = np.floor(points / _STRIDE)
    window = np.clip(cell, -_REACH - 1, size + _REACH).astype(int)[:, :, None] + reach
    columns, rows = window[:, 0], window[:, 1]
    inside = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[
        :, None
    ]
    logits = heatmaps[
        np.arange(count)[:, None, None],
        np.clip(rows, 0, size - 1)[:, :, None],
        np.clip(columns, 0, size - 1)[:, None],
    ]
    weight = np.where(inside, 1 / (1 + np.exp(-np.clip(logits, -60, 60))), 0.0)
    total = np.maximum(weight.sum((1, 2)), 1e-9)
    mean = np.stack([(weight.sum(1) * columns).sum(1), (weight.sum(2) * rows).sum(1)], 1)
    mean = mean / total[:, None] * _STRIDE
    peak = weight.max((1, 2))
    clear = peak[:, None] >= _MIN_PEAK
    return np.where(clear, mean, points).astype(points.dtype), peak
