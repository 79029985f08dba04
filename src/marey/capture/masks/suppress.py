"""A picture in which everybody but one person is made unseen, for networks that know one body.

`marey.capture.conceal` does the same from landmarks alone, while people are followed. Here the
masks are known: rendered bodies, a network's, or the user's.
"""

from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

Suppression = Literal["grey", "soft", "mean", "blur"]
Mask = Bool[np.ndarray, "H W"] | Float32[np.ndarray, "H W"]
GREY = 114
_SOFT = 0.006
_BLUR = 0.03
"""Standard deviations, shares of the size of what is painted over."""
_RING, _TAILS = 8, 5
"""px around what is painted over whose colour it takes; standard deviations that a blur reaches."""


def suppress(
    image: UInt8[np.ndarray, "H W 3"],
    own: Mask,
    others: Mask,
    *,
    method: Suppression = "grey",
) -> UInt8[np.ndarray, "H W 3"]:
    """Return the picture without the others.

    Args:
        image: The picture.
        own: Whether a px shows the person to be left, or how probably; wins where the two overlap.
        others: The same of anybody else.
        method: Paint over in grey, in grey with soft edges, in the mean colour of what is around,
            or blur beyond recognition.
    """
    hidden = _is_set(others) & ~_is_set(own)
    rows, columns = np.flatnonzero(hidden.any(1)), np.flatnonzero(hidden.any(0))
    if not len(rows):
        return image
    extent = int(max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1
    # Nothing changes farther away: a picture may be many times as large as who is in it.
    reach = int(np.ceil(_TAILS * _spread(method, extent))) + _RING
    part = tuple(slice(max(side[0] - reach, 0), side[-1] + reach + 1) for side in (rows, columns))
    result = image.copy()
    result[part] = _paint(image[part], hidden[part], method, extent)
    return result


def _is_set(mask: Mask) -> Bool[np.ndarray, "H W"]:
    return mask if mask.dtype == bool else mask > 0.5


def _spread(method: Suppression, extent: int) -> float:
    """Return the standard deviation of what a method blurs by, px."""
    return {"soft": max(_SOFT * extent, 1.0), "blur": max(_BLUR * extent, 2.0)}.get(method, 0.0)


def _paint(
    image: UInt8[np.ndarray, "H W 3"], hidden: np.ndarray, method: Suppression, extent: int
) -> UInt8[np.ndarray, "H W 3"]:
    filling = _fill(image, hidden, method, extent)
    if filling.ndim == 1 and method != "soft":
        flat = image.copy()
        flat[hidden] = np.clip(np.round(filling), 0, 255)
        return flat
    weight = hidden.astype(np.float32)
    if method == "soft":
        weight = cv2.GaussianBlur(weight, (0, 0), _spread(method, extent))
    mixed = image + weight[..., None] * (filling - image.astype(np.float32))
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def _fill(
    image: UInt8[np.ndarray, "H W 3"], hidden: np.ndarray, method: Suppression, extent: int
) -> np.ndarray:
    if method == "blur":
        return cv2.GaussianBlur(image, (0, 0), _spread(method, extent)).astype(np.float32)
    if method == "mean":
        around = cv2.dilate(hidden.astype(np.uint8), np.ones((3, 3)), iterations=_RING) > 0
        ring = around & ~hidden
        return image[ring].mean(0) if ring.any() else np.full(3, GREY, np.float32)
    return np.full(3, GREY, np.float32)
