"""What all plots of the page share: a clock from left to right, lines, round numbers.

Plots are SVG inside the page. Colours are classes of its style, so that they follow light and dark.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from marey.view.report.markup import Markup, element, join
from marey.view.report.words import moment

WIDTH, LEFT, RIGHT = 760, 64, 8
BOTTOM, TOP = 22, 8
COLUMNS = 340
MAX_MARKS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Time from left to right."""

    start: float
    stop: float
    left: float = LEFT

    def x(self, time: float) -> float:
        """Return where a time lies, px."""
        width = WIDTH - self.left - RIGHT
        share = (time - self.start) / max(self.stop - self.start, 1e-9)
        return self.left + width * min(max(share, 0.0), 1.0)


def find_end(span: Float[np.ndarray, "L"]) -> float:
    """When the last frame of a span ends."""
    interval = float(np.median(np.diff(span))) if len(span) > 1 else 0.0
    return float(span[-1]) + interval


def span_axis(time: Float[np.ndarray, "L"], left: float) -> Axis:
    """Return the axis on which all frames of a clock lie."""
    return Axis(start=float(time[0]), stop=max(find_end(time), float(time[0]) + 1e-3), left=left)


def draw_cuts(axis: Axis, cuts: tuple[float, ...], bottom: float) -> list[Markup]:
    """Draw a line at each shot cut."""
    inside = [cut for cut in cuts if axis.start <= cut <= axis.stop][:MAX_MARKS]
    return [draw_line(axis.x(cut), TOP, axis.x(cut), bottom, "cut") for cut in inside]


def draw_grid_line(y: float, text: str) -> Markup:
    """Draw a level line with its value to the left."""
    label = element("text", text, x=LEFT - 8, y=round(y + 4, 1), class_="end")
    return join(draw_line(LEFT, y, WIDTH - RIGHT, y, "grid"), label)


def draw_time_axis(axis: Axis, bottom: float) -> Markup:
    """Draw the axis below a plot, with moments at round times."""
    parts = [draw_line(axis.left, bottom, WIDTH - RIGHT, bottom, "axis")]
    for tick in choose_ticks(axis.start, axis.stop, most=8, steps=TIME_STEPS):
        x = axis.x(tick)
        # A label at the very end would hang over.
        side = "end" if x > WIDTH - RIGHT - 20 else "middle"
        parts.append(draw_line(x, bottom, x, bottom + 4, "axis"))
        parts.append(element("text", moment(tick), x=round(x, 1), y=bottom + 17, class_=side))
    return join(*parts)


TIME_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def choose_ticks(
    low: float, high: float, *, most: int, steps: tuple[float, ...] = (), around: bool = False
) -> list[float]:
    """Return round numbers between two values, or, if `around`, those that enclose them too."""
    rough = (high - low) / most
    power = 10.0 ** np.floor(np.log10(max(rough, 1e-12)))
    candidates = [*steps, *(power * k for k in (1, 2, 5, 10))]
    step = next((s for s in candidates if s >= rough), rough)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    if around:
        first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
    count = int(last - first) + 1
    # Adding zero makes -0 a 0.
    return [round(float((first + k) * step), 9) + 0.0 for k in range(max(count, 1))]


def draw_line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """Draw a line between two places, px."""
    return element(
        "line", x1=round(x1, 1), y1=round(y1, 1), x2=round(x2, 1), y2=round(y2, 1), class_=class_
    )


def draw_plot(title: str, height: float, parts: list[Markup]) -> Markup:
    """Return the drawing around some parts, as wide as all plots."""
    return element(
        "svg",
        element("title", title),
        *parts,
        viewBox=f"0 0 {WIDTH} {height:g}",
        role="img",
        aria_label=title,
    )
