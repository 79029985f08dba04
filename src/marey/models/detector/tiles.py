"""Overlapping square tiles, so that people who are small in a large frame become large enough."""

import numpy as np
from jaxtyping import Bool, Float

Window = tuple[int, int, int, int]
"""x0 y0 x1 y1 of a part of the image, in whole px."""


def plan_windows(width: int, height: int, *, tile: int | None) -> list[Window]:
    """List the parts of an image to look at: the whole of it first, then tiles if any are needed.

    Args:
        width: Of the image, in px.
        height: Of the image, in px.
        tile: Side of a tile in px; None for the whole image alone. Tiles overlap by a third or
            more, so that whoever is smaller than that is whole in at least one of them.
    """
    windows = [(0, 0, width, height)]
    if tile is None or tile >= max(width, height):
        return windows
    columns, rows = _spread(width, tile), _spread(height, tile)
    side_x, side_y = min(tile, width), min(tile, height)
    windows += [(x, y, x + side_x, y + side_y) for y in rows for x in columns]
    return windows


def touches_inner_border(
    box: Float[np.ndarray, "D 4"], window: Window, *, image_size: tuple[int, int], margin: float
) -> Bool[np.ndarray, "D"]:
    """Tell which boxes reach a border of their window that is not a border of the image.

    Args:
        box: x0 y0 x1 y1 in px of the full image.
        window: Where the boxes were found.
        image_size: Width and height in px.
        margin: How near counts as reaching, in px.
    """
    x0, y0, x1, y1 = window
    width, height = image_size
    left = (box[:, 0] < x0 + margin) & (x0 > 0)
    top = (box[:, 1] < y0 + margin) & (y0 > 0)
    right = (box[:, 2] > x1 - margin) & (x1 < width)
    bottom = (box[:, 3] > y1 - margin) & (y1 < height)
    return left | top | right | bottom


def _spread(length: int, tile: int) -> list[int]:
    if tile >= length:
        return [0]
    steps = int(np.ceil((length - tile) / (tile * 2 / 3)))
    return [round(i * (length - tile) / steps) for i in range(steps + 1)]
