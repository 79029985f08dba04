"""Bars that are cut into shares: how many cameras agree on each joint."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from marey.view.report.markup import Markup, element
from marey.view.report.plot_axes import BOTTOM, RIGHT, TOP, WIDTH, draw_line, draw_plot
from marey.view.report.words import percent


def draw_shares(
    title: str,
    names: Sequence[str],
    shares: Float[np.ndarray, "K G"],
    classes: Sequence[str],
) -> Markup:
    """Draw a bar per row, cut into the shares of its groups.

    Args:
        title: What it shows.
        names: Of the rows.
        shares: Of each group in each row; a row makes 1.
        classes: Of the groups, for their colours.
    """
    left, row_height = 120, 17
    width, bottom = WIDTH - left - RIGHT, TOP + row_height * len(names)
    parts = []
    for row, name in enumerate(names):
        top = TOP + row_height * row
        parts.append(element("text", name, x=left - 8, y=top + 11, class_="end"))
        edges = left + width * np.concatenate([[0.0], np.cumsum(shares[row])])
        for group, class_ in enumerate(classes):
            x, wide = float(edges[group]), float(edges[group + 1] - edges[group])
            if wide > 0.1:
                text = element("title", f"{name}: {percent(float(shares[row, group]))}")
                parts.append(
                    element(
                        "rect",
                        text,
                        x=round(x, 1),
                        y=top + 1,
                        width=round(wide, 1),
                        height=row_height - 4,
                        class_=class_,
                    )
                )
    for share in (0, 25, 50, 75, 100):
        x = left + width * share / 100
        side = "end" if share == 100 else "middle"
        parts.append(draw_line(x, bottom, x, bottom + 4, "axis"))
        label = element("text", f"{share} %", x=round(x, 1), y=bottom + 17, class_=side)
        parts.append(label)
    return draw_plot(title, bottom + BOTTOM, parts)
