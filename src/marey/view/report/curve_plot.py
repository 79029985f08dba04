"""A curve over time, shortened so that the lowest and highest of every stretch are still seen."""

import numpy as np
from jaxtyping import Float

from marey.evaluate.quality import envelope, joined_runs
from marey.view.report.markup import Markup, element
from marey.view.report.plot_axes import (
    BOTTOM,
    COLUMNS,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    choose_ticks,
    draw_cuts,
    draw_grid_line,
    draw_line,
    draw_plot,
    draw_time_axis,
    span_axis,
)
from marey.view.report.words import number

HEIGHT = 96


def draw_curve(
    title: str,
    values: Float[np.ndarray, "L"],
    time: Float[np.ndarray, "L"],
    *,
    unit: str,
    cuts: tuple[float, ...] = (),
    limit: float | None = None,
    least: float = 1.0,
) -> Markup:
    """Draw a curve as its median over each column, in the band from lowest to highest.

    Args:
        title: What it shows.
        values: One per frame, NaN where unknown.
        time: Of each frame, s.
        unit: Of the values.
        cuts: Times of shot cuts, s.
        limit: A value worth a dashed line, if it is within reach.
        least: Smallest range of values shown, so that nothing does not look like much.
    """
    borders, bands = envelope(values, COLUMNS)
    known = np.isfinite(bands[:, 0])
    low, high = _range(bands, limit, least)
    ticks = choose_ticks(low, high, most=4, around=True)
    low, high = ticks[0], ticks[-1]
    axis = span_axis(time, LEFT)
    bottom = TOP + HEIGHT

    def y(value: float) -> float:
        return bottom - HEIGHT * (value - low) / (high - low)

    middle = (time[borders[:-1]] + time[np.maximum(borders[1:] - 1, borders[:-1])]) / 2
    parts = [draw_grid_line(y(tick), f"{tick:g}") for tick in ticks]
    parts += draw_cuts(axis, cuts, bottom)
    for run in joined_runs(known):
        xs = [axis.x(float(t)) for t in middle[run]]
        parts += _band(xs, [[y(float(v)) for v in row] for row in bands[run]])
    if limit is not None and low < limit < high:
        parts.append(draw_line(LEFT, y(limit), WIDTH - RIGHT, y(limit), "limit"))
    parts.append(draw_time_axis(axis, bottom))
    peak = float(np.nanmax(values)) if known.any() else float("nan")
    text = f"{title}, {unit}; highest {number(peak)} {unit}"
    drawing = draw_plot(text, bottom + BOTTOM, parts)
    return element("figure", element("figcaption", f"{title}, {unit}"), drawing)


def _band(xs: list[float], rows: list[list[float]]) -> list[Markup]:
    lows, medians, highs = zip(*rows, strict=True)
    if len(xs) == 1:
        return [element("circle", cx=round(xs[0], 1), cy=round(medians[0], 1), r=1.5, class_="dot")]
    around = [*zip(xs, highs, strict=True), *zip(xs[::-1], lows[::-1], strict=True)]
    return [
        element("polygon", points=_points(around), class_="band"),
        element("polyline", points=_points(list(zip(xs, medians, strict=True))), class_="line"),
    ]


def _points(pairs: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def _range(
    bands: Float[np.ndarray, "W 3"], limit: float | None, least: float
) -> tuple[float, float]:
    """Return what a plot shows: zero, all values, and the limit if it is within reach."""
    low = float(np.nanmin(bands, initial=0.0))
    high = float(np.nanmax(bands, initial=0.0))
    if limit is not None and 2 * low < limit < 2 * high:
        low, high = min(low, limit), max(high, limit)
    return low, max(high, low + least)
