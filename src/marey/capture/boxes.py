"""Boxes (x0 y0 x1 y1, px) and how much they share."""

import numpy as np
from jaxtyping import Float


def overlap(
    a: Float[np.ndarray, "A 4"], b: Float[np.ndarray, "B 4"]
) -> tuple[Float[np.ndarray, "A B"], Float[np.ndarray, "A B"]]:
    """Return intersection over union, and intersection over the smaller box, of all pairs."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    area_a, area_b = area(a)[:, None], area(b)[None]
    union = np.maximum(area_a + area_b - shared, 1e-9)
    return shared / union, shared / np.maximum(np.minimum(area_a, area_b), 1e-9)


def area(box: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch"]:
    """Return the area of boxes, px^2."""
    return np.asarray(np.clip(box[..., 2:] - box[..., :2], 0, None).prod(-1))


def centre(box: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 2"]:
    """Return the middle of boxes, px."""
    return (box[..., :2] + box[..., 2:]) / 2
