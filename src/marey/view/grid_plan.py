"""How pictures of several sizes share one sheet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

MAX_SIZE = (1920, 1080)
"""Largest sheet, px: what every machine and browser plays."""
GAP = 4
"""Between pictures, px."""

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridPlan:
    """Where every picture goes."""

    size: Size
    """Of the sheet, px; even, as encoders want it."""
    sizes: tuple[Size, ...]
    """Of every picture on the sheet, px."""
    corners: tuple[Size, ...]
    """Upper left corner of every picture, px."""

    def cut(self, sheet: Shaped[np.ndarray, "H W *C"], row: int) -> Shaped[np.ndarray, "h w *C"]:
        """Return the part of a sheet that a picture fills."""
        (x, y), (width, height) = self.corners[row], self.sizes[row]
        return sheet[y : y + height, x : x + width]


def plan_grid(pictures: Sequence[Size], *, largest: Size = MAX_SIZE) -> GridPlan:
    """Lay pictures out in rows so that they are as large as the sheet allows.

    Pictures keep their shape, are never enlarged, and lie in the middle of equal cells.

    Args:
        pictures: Width and height of each, px; one at least.
        largest: Of the sheet, px.
    """
    plans = [_lay_out(pictures, columns, largest) for columns in range(1, len(pictures) + 1)]
    # Of equal areas the sheet that is most like a screen.
    return max(plans, key=lambda plan: (_area(plan), -_unlike(plan, largest)))


def _lay_out(pictures: Sequence[Size], columns: int, largest: Size) -> GridPlan:
    rows = -(-len(pictures) // columns)
    wide = (largest[0] + GAP) / columns - GAP
    high = (largest[1] + GAP) / rows - GAP
    sizes = []
    for width, height in pictures:
        scale = min(wide / width, high / height, 1.0)
        sizes.append((max(int(width * scale), 1), max(int(height * scale), 1)))
    cell = max(width for width, _ in sizes), max(height for _, height in sizes)
    corners = []
    for row, (width, height) in enumerate(sizes):
        down, across = divmod(row, columns)
        x = across * (cell[0] + GAP) + (cell[0] - width) // 2
        y = down * (cell[1] + GAP) + (cell[1] - height) // 2
        corners.append((x, y))
    whole = columns * (cell[0] + GAP) - GAP, rows * (cell[1] + GAP) - GAP
    return GridPlan(
        size=(whole[0] + whole[0] % 2, whole[1] + whole[1] % 2),
        sizes=tuple(sizes),
        corners=tuple(corners),
    )


def _area(plan: GridPlan) -> int:
    return sum(width * height for width, height in plan.sizes)


def _unlike(plan: GridPlan, screen: Size) -> float:
    """How far the shape of a sheet is from that of a screen."""
    return abs(math.log(plan.size[0] * screen[1] / (plan.size[1] * screen[0])))
