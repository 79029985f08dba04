"""How the detectors of two families want their picture, and what their outputs mean.

| family | picture | outputs |
|---|---|---|
| YOLOX | BGR 0..255, letterboxed into the top left corner over grey 114 | raw or end to end |
| RTMDet | the same, then minus mean over deviation | end to end |

Raw is one output N A 5+classes: centre offsets in cells, logarithms of sizes in cells, then
objectness and class probabilities, for the cells of strides 8, 16 and 32, rows first. End to end is
`dets` N D 5 (x0 y0 x1 y1 in px of the input, score) and `labels` N D. Class 0 is COCO's person.

These layouts follow the families' documentation; the networks themselves were not at hand.
"""

from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

Family = Literal["yolox", "rtmdet"]

_GREY = 114
_STRIDES = (8, 16, 32)
_RTMDET_MEAN = np.array([103.53, 116.28, 123.675], np.float32)
_RTMDET_DEVIATION = np.array([57.375, 57.12, 58.395], np.float32)
_PERSON = 0


def prepare_picture(
    image: UInt8[np.ndarray, "H W 3"], *, family: Family, size: tuple[int, int]
) -> tuple[Float[np.ndarray, "1 3 h w"], float]:
    """Letterbox an RGB image for a detector.

    Args:
        image: RGB.
        family: Which convention.
        size: Height and width of the network's input.

    Returns:
        The picture, and how many of its px one px of the image covers.
    """
    height, width = image.shape[:2]
    ratio = min(size[0] / height, size[1] / width)
    inner = (max(1, int(width * ratio)), max(1, int(height * ratio)))
    canvas = np.full((*size, 3), _GREY, np.uint8)
    canvas[: inner[1], : inner[0]] = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)
    picture = canvas[:, :, ::-1].astype(np.float32)
    if family == "rtmdet":
        picture = (picture - _RTMDET_MEAN) / _RTMDET_DEVIATION
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None]), ratio


def decode_yolox(
    output: Float[np.ndarray, "A M"], *, size: tuple[int, int]
) -> tuple[Float[np.ndarray, "A 4"], Float[np.ndarray, "A"]]:
    """Turn YOLOX's raw output into person boxes and scores.

    Args:
        output: One picture's cells.
        size: Height and width of the network's input; the cell count must follow from it.

    Returns:
        x0 y0 x1 y1 in px of the input, and objectness times person probability.
    """
    cells, strides = _lay_grid(size)
    center = (output[:, :2] + cells) * strides
    half = np.exp(output[:, 2:4]) * strides / 2
    return np.concatenate([center - half, center + half], 1), output[:, 4] * output[:, 5 + _PERSON]


def count_cells(size: tuple[int, int]) -> int:
    """Return how many cells a raw output has for an input of this height and width."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in _STRIDES)


def pick_people(
    dets: Float[np.ndarray, "D 5"], labels: Int[np.ndarray, "D"]
) -> tuple[Float[np.ndarray, "P 4"], Float[np.ndarray, "P"]]:
    """Keep the person boxes of an end-to-end output."""
    person = labels == _PERSON
    return dets[person, :4], dets[person, 4]


def _lay_grid(
    size: tuple[int, int],
) -> tuple[Float[np.ndarray, "A 2"], Float[np.ndarray, "A 1"]]:
    cells, strides = [], []
    for stride in _STRIDES:
        rows, columns = size[0] // stride, size[1] // stride
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
        cells.append(grid)
        strides.append(np.full((len(grid), 1), stride))
    return np.concatenate(cells).astype(float), np.concatenate(strides).astype(float)
