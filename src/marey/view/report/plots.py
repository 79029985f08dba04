"""Plain plots as SVG inside the page: a curve over time, and who is there when.

Colours are classes of the page's style, so that plots follow light and dark. Curves are shortened
to a few hundred columns that keep the lowest and highest value of what they stand for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from marey.evaluate.quality import envelope, joined_runs
from marey.view.report.figures import PersonFigures
from marey.view.report.markup import Markup, element, join
from marey.view.report.words import moment, number, percent

WIDTH, LEFT, RIGHT = 760, 64, 8
COLUMNS = 340
CURVE_HEIGHT, BOTTOM, TOP = 96, 22, 8
ROW, BAR = 26, 12
LEVELS = 5
"""Shades of confidence."""
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
    ticks = _ticks(low, high, most=4, around=True)
    low, high = ticks[0], ticks[-1]
    axis = _axis(time, LEFT)
    bottom = TOP + CURVE_HEIGHT

    def y(value: float) -> float:
        return bottom - CURVE_HEIGHT * (value - low) / (high - low)

    middle = (time[borders[:-1]] + time[np.maximum(borders[1:] - 1, borders[:-1])]) / 2
    parts = [_grid_line(y(tick), f"{tick:g}") for tick in ticks]
    parts += _cut_lines(axis, cuts, bottom)
    for run in joined_runs(known):
        xs = [axis.x(float(t)) for t in middle[run]]
        parts += _band(xs, [[y(float(v)) for v in row] for row in bands[run]])
    if limit is not None and low < limit < high:
        parts.append(_line(LEFT, y(limit), WIDTH - RIGHT, y(limit), "limit"))
    parts.append(_time_axis(axis, bottom))
    peak = float(np.nanmax(values)) if known.any() else float("nan")
    text = f"{title}, {unit}; highest {number(peak)} {unit}"
    drawing = _svg(text, bottom + BOTTOM, parts)
    return element("figure", element("figcaption", f"{title}, {unit}"), drawing)


def draw_timeline(
    people: tuple[PersonFigures, ...],
    time: Float[np.ndarray, "T"],
    *,
    cuts: tuple[float, ...] = (),
) -> Markup:
    """Draw who is there when: darker is surer, marks below the bars are gaps."""
    left = 96
    axis = _axis(time, left)
    bottom = TOP + ROW * len(people)
    parts = _cut_lines(axis, cuts, bottom)
    for row, person in enumerate(people):
        parts += _person_row(person, time, axis, TOP + ROW * row)
    parts.append(_time_axis(axis, bottom))
    names = ", ".join(person.name for person in people)
    return _svg(f"When each person is there: {names}", bottom + BOTTOM, parts)


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
        parts.append(_line(x, bottom, x, bottom + 4, "axis"))
        label = element("text", f"{share} %", x=round(x, 1), y=bottom + 17, class_=side)
        parts.append(label)
    return _svg(title, bottom + BOTTOM, parts)


def _person_row(
    person: PersonFigures, time: Float[np.ndarray, "T"], axis: Axis, top: float
) -> list[Markup]:
    name = person.name if len(person.name) <= 13 else f"{person.name[:12]}…"
    label = element(
        "text", element("title", person.name), name, x=axis.left - 8, y=top + 13, class_="end"
    )
    span = time[person.start : person.start + person.num_frames]
    if not len(span):
        return [label]
    confidence = person.presence.confidence
    borders, bands = envelope(np.where(confidence > 0, confidence, np.nan), COLUMNS)
    parts = [label]
    shade = np.ceil(np.clip(np.nan_to_num(bands[:, 1]), 0, 1) * LEVELS).astype(int)
    for level in range(1, LEVELS + 1):
        for run in joined_runs(shade == level):
            edges = int(borders[run.start]), int(borders[run.stop])
            parts.append(_bar(axis, span, edges, (top + 2, BAR), f"level{level}"))
    inside = np.flatnonzero(confidence > 0)
    if len(inside):
        missing = confidence <= 0
        missing[: inside[0]] = missing[inside[-1] :] = False
        for mask, kind in ((person.presence.bridged, "bridged"), (missing, "gap")):
            for run in joined_runs(mask)[:MAX_MARKS]:
                if kind == "gap":
                    ends = axis.x(float(span[run.start])), axis.x(float(span[run.stop]))
                    parts.append(_line(ends[0], top + 8, ends[1], top + 8, "span"))
                parts.append(_bar(axis, span, (run.start, run.stop), (top + 16, 4), kind))
    return parts


def _bar(
    axis: Axis,
    span: Float[np.ndarray, "L"],
    edges: tuple[int, int],
    place: tuple[float, float],
    class_: str,
) -> Markup:
    stop = span[edges[1]] if edges[1] < len(span) else _end(span)
    x = axis.x(float(span[edges[0]]))
    width = max(axis.x(float(stop)) - x, 1.5)
    return element(
        "rect", x=round(x, 2), y=place[0], width=round(width, 2), height=place[1], class_=class_
    )


def _end(span: Float[np.ndarray, "L"]) -> float:
    """When the last frame of a span ends."""
    interval = float(np.median(np.diff(span))) if len(span) > 1 else 0.0
    return float(span[-1]) + interval


def _axis(time: Float[np.ndarray, "L"], left: float) -> Axis:
    return Axis(start=float(time[0]), stop=max(_end(time), float(time[0]) + 1e-3), left=left)


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


def _cut_lines(axis: Axis, cuts: tuple[float, ...], bottom: float) -> list[Markup]:
    inside = [cut for cut in cuts if axis.start <= cut <= axis.stop][:MAX_MARKS]
    return [_line(axis.x(cut), TOP, axis.x(cut), bottom, "cut") for cut in inside]


def _grid_line(y: float, text: str) -> Markup:
    label = element("text", text, x=LEFT - 8, y=round(y + 4, 1), class_="end")
    return join(_line(LEFT, y, WIDTH - RIGHT, y, "grid"), label)


def _time_axis(axis: Axis, bottom: float) -> Markup:
    parts = [_line(axis.left, bottom, WIDTH - RIGHT, bottom, "axis")]
    for tick in _ticks(axis.start, axis.stop, most=8, steps=_TIME_STEPS):
        x = axis.x(tick)
        # A label at the very end would hang over.
        side = "end" if x > WIDTH - RIGHT - 20 else "middle"
        parts.append(_line(x, bottom, x, bottom + 4, "axis"))
        parts.append(element("text", moment(tick), x=round(x, 1), y=bottom + 17, class_=side))
    return join(*parts)


_TIME_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def _range(
    bands: Float[np.ndarray, "W 3"], limit: float | None, least: float
) -> tuple[float, float]:
    """Return what a plot shows: zero, all values, and the limit if it is within reach."""
    low = float(np.nanmin(bands, initial=0.0))
    high = float(np.nanmax(bands, initial=0.0))
    if limit is not None and 2 * low < limit < 2 * high:
        low, high = min(low, limit), max(high, limit)
    return low, max(high, low + least)


def _ticks(
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


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element(
        "line", x1=round(x1, 1), y1=round(y1, 1), x2=round(x2, 1), y2=round(y2, 1), class_=class_
    )


def _svg(title: str, height: float, parts: list[Markup]) -> Markup:
    return element(
        "svg",
        element("title", title),
        *parts,
        viewBox=f"0 0 {WIDTH} {height:g}",
        role="img",
        aria_label=title,
    )
