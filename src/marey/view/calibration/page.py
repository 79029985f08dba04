"""The page of a calibration: one HTML file that loads nothing, with everything inside."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from jaxtyping import Float

from marey.core import Cameras
from marey.view.calibration.plan import camera_colour, draw_plan
from marey.view.report.markup import Markup, element, join, table
from marey.view.report.words import DASH, number

_MOST_PICTURES = 24
_WIDTH, _LEFT, _ROW, _RIGHT = 760, 120, 26, 120


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRow:
    """What is said of one camera."""

    name: str
    error_px: float
    """Median distance of what it saw from where that should be, px; NaN if unknown."""
    spread_px: tuple[float, float, float]
    """25th, 75th and 95th percentile of the same."""
    facts: tuple[str, ...]
    """Cells of the table after the error."""
    verdict: str
    serious: bool
    """Whether the verdict is a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a camera saw, drawn over its picture."""

    name: str
    jpeg: bytes
    size: tuple[int, int]
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPage:
    """Everything that the page shows."""

    title: str
    facts: tuple[str, ...]
    verdict: str
    """A sentence about all of it."""
    notes: tuple[str, ...]
    """What was assumed, and what to look at."""
    cameras: Cameras
    head: tuple[str, ...]
    """Names of the rows' facts."""
    rows: tuple[CameraRow, ...]
    placed: bool
    """Whether the cameras' places are known, not their lenses alone."""
    paths: tuple[Float[np.ndarray, "T 3"], ...] = ()
    points: Float[np.ndarray, "P 3"] | None = None
    pictures: tuple[Picture, ...] = ()
    what: str = "keypoints"
    """What the errors are of."""


def render_calibration(page: CalibrationPage) -> str:
    """Return the whole file."""
    style = (files("marey.view.report") / "style.css").read_text(encoding="utf-8")
    main = element(
        "main",
        element(
            "header",
            element("h1", page.title),
            element("p", *(element("span", fact) for fact in page.facts), class_="facts"),
            element("p", page.verdict),
        ),
        _plans(page),
        _section("How well each camera agrees", draw_errors(page.rows, page.what), _table(page)),
        _notes(page.notes),
        _pictures(page.pictures),
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", page.title),
        element("style", Markup(style)),
    )
    whole = element("html", head, element("body", main), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"


def draw_errors(rows: Sequence[CameraRow], what: str) -> Markup:
    """Draw each camera's errors: the middle half as a bar, the median as a line, 95 % as a dot."""
    ends = [value for row in rows for value in (*row.spread_px, row.error_px)]
    known = [value for value in ends if np.isfinite(value)]
    if not known:
        return Markup()
    most = max(*known, 1.0) * 1.05
    height = _ROW * len(rows) + 34

    def x(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / most

    step = _round_step(most / 5)
    parts = []
    for tick in np.arange(0, most, step):
        parts.append(element("line", x1=x(tick), y1=4, x2=x(tick), y2=height - 26, class_="grid"))
        parts.append(element("text", f"{tick:g}", x=x(tick), y=height - 12, class_="middle"))
    parts.append(element("text", "px", x=_WIDTH - _RIGHT + 8, y=height - 12))
    for place, row in enumerate(rows):
        y = 4 + _ROW * (place + 0.5)
        parts.append(element("text", row.name, x=_LEFT - 8, y=y + 4, class_="end"))
        if not np.isfinite(row.error_px):
            continue
        low, high, far = row.spread_px
        colour = camera_colour(place)
        parts += [
            element("line", x1=x(high), y1=y, x2=x(far), y2=y, stroke=colour, stroke_width=1),
            element(
                "rect",
                **{"x": x(low), "y": y - 7, "width": max(x(high) - x(low), 1), "height": 14},
                fill=colour,
                fill_opacity=0.3,
            ),
            element(
                "line",
                **{"x1": x(row.error_px), "y1": y - 8, "x2": x(row.error_px), "y2": y + 8},
                stroke=colour,
                stroke_width=2.5,
            ),
            element("circle", cx=x(far), cy=y, r=2.5, fill=colour),
            element("text", f"{number(row.error_px)} px", x=x(far) + 9, y=y + 4),
        ]
    caption = (
        f"Distance of {what} from where the cameras together say they are: median (line), middle "
        "half (bar), 95 of 100 (dot)"
    )
    drawing = element(
        "svg",
        *parts,
        viewBox=f"0 0 {_WIDTH} {height}",
        role="img",
        aria_label="Errors of the cameras",
    )
    return element("figure", drawing, element("figcaption", caption))


def _round_step(value: float) -> float:
    unit = 10.0 ** np.floor(np.log10(value))
    return float(next(unit * m for m in (1, 2, 5, 10) if unit * m >= value))


def _plans(page: CalibrationPage) -> Markup:
    if not page.placed:
        return Markup()
    above = draw_plan(page.cameras, paths=page.paths, points=page.points)
    side = draw_plan(page.cameras, paths=page.paths, points=page.points, side="side")
    return _section(
        "Where the cameras stand",
        element("figure", above, element("figcaption", f"From above{_name_paths(page)}")),
        element("figure", side, element("figcaption", "From the side; the dark line is the floor")),
    )


def _name_paths(page: CalibrationPage) -> str:
    if not page.paths:
        return ""
    return f"; the line{'s are' if len(page.paths) > 1 else ' is'} where people went, a colour each"


def _table(page: CalibrationPage) -> Markup:
    rows = [(row.name, f"{number(row.error_px)} px", *row.facts, row.verdict) for row in page.rows]
    return table("Medians of each camera", ("Camera", "error", *page.head, "in words"), rows)


def _notes(notes: Sequence[str]) -> Markup:
    if not notes:
        return Markup()
    items = [element("li", element("span", note), class_="remark") for note in notes]
    return _section("What to know", element("ul", *items, class_="findings"))


def _pictures(pictures: Sequence[Picture]) -> Markup:
    if not pictures:
        return Markup()
    figures = []
    for picture in pictures[:_MOST_PICTURES]:
        data = base64.b64encode(picture.jpeg).decode()
        image = element(
            "img",
            src=f"data:image/jpeg;base64,{data}",
            width=picture.size[0],
            height=picture.size[1],
            alt=f"What {picture.name} saw",
        )
        caption = element("figcaption", f"{picture.name} {DASH} {picture.caption}")
        figures.append(element("figure", image, caption))
    return _section("What they saw", element("div", *figures, class_="posters"))


def _section(title: str, *content: str) -> Markup:
    return element("section", element("h2", title), join(*content))
