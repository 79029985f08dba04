"""Rows over one clock: who is there when, who touches whom when."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from marey.evaluate.quality import envelope, joined_runs
from marey.view.report.figures import PersonFigures
from marey.view.report.markup import Markup, element
from marey.view.report.plot_axes import (
    BOTTOM,
    COLUMNS,
    MAX_MARKS,
    TOP,
    Axis,
    draw_cuts,
    draw_line,
    draw_plot,
    draw_time_axis,
    find_end,
    span_axis,
)

ROW, BAR = 26, 12
LEVELS = 5
"""Shades of confidence."""
THIN_ROW, WIDE_LEFT = 19, 236
"""Rows of things that have long names."""


def draw_timeline(
    people: tuple[PersonFigures, ...],
    time: Float[np.ndarray, "T"],
    *,
    cuts: tuple[float, ...] = (),
) -> Markup:
    """Draw who is there when: darker is surer, marks below the bars are gaps."""
    left = 96
    axis = span_axis(time, left)
    bottom = TOP + ROW * len(people)
    parts = draw_cuts(axis, cuts, bottom)
    for row, person in enumerate(people):
        parts += _person_row(person, time, axis, TOP + ROW * row)
    parts.append(draw_time_axis(axis, bottom))
    names = ", ".join(person.name for person in people)
    return draw_plot(f"When each person is there: {names}", bottom + BOTTOM, parts)


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
                    parts.append(draw_line(ends[0], top + 8, ends[1], top + 8, "span"))
                parts.append(_bar(axis, span, (run.start, run.stop), (top + 16, 4), kind))
    return parts


def _bar(
    axis: Axis,
    span: Float[np.ndarray, "L"],
    edges: tuple[int, int],
    place: tuple[float, float],
    class_: str,
) -> Markup:
    stop = span[edges[1]] if edges[1] < len(span) else find_end(span)
    x = axis.x(float(span[edges[0]]))
    width = max(axis.x(float(stop)) - x, 1.5)
    return element(
        "rect", x=round(x, 2), y=place[0], width=round(width, 2), height=place[1], class_=class_
    )


def draw_spans(
    title: str,
    rows: Sequence[tuple[str, Bool[np.ndarray, "T"], str]],
    time: Float[np.ndarray, "T"],
    *,
    cuts: tuple[float, ...] = (),
) -> Markup:
    """Draw when each of several things is so.

    Args:
        title: What it shows.
        rows: Name, frames, and class of colour of each.
        time: Of each frame, s.
        cuts: Times of shot cuts, s.
    """
    axis = span_axis(time, WIDE_LEFT)
    bottom = TOP + THIN_ROW * len(rows)
    parts = draw_cuts(axis, cuts, bottom)
    for row, (name, mask, class_) in enumerate(rows):
        top = TOP + THIN_ROW * row
        parts.append(element("text", name, x=axis.left - 8, y=top + 11, class_="end"))
        # A moment is seen however long the take is.
        borders, bands = envelope(np.where(mask, 1.0, 0.0), COLUMNS)
        for run in joined_runs(bands[:, 2] > 0):
            edges = int(borders[run.start]), int(borders[run.stop])
            parts.append(_bar(axis, time, edges, (top + 2, THIN_ROW - 7), class_))
    parts.append(draw_time_axis(axis, bottom))
    return draw_plot(title, bottom + BOTTOM, parts)
