"""A measured benchmark as one HTML page: the table beside published rows, joints, worst frames."""

import base64
import hashlib
import math
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from marey.evaluate.benchmark import Measured, frame_means
from marey.evaluate.measure import ErrorMap
from marey.evaluate.published import PUBLISHED
from marey.evaluate.result import Result, Row
from marey.view.report.curve_plot import draw_curve
from marey.view.report.markup import Markup, element, join, table
from marey.view.report.words import DASH, UNKNOWN, count, spoken

_MAX_SEQUENCES, _MAX_PLOTS = 40, 6
_LEAST_RANGE = 1e-3
"""Of a plot, in its unit: rounding is not drawn as if it were an error."""


def render_evaluation(measured: Measured) -> str:
    """Return the whole file; the same measurement gives the same page."""
    result = measured.result
    style = (files("marey.view.report") / "style.css").read_text(encoding="utf-8")
    body = element(
        "main",
        _header(result),
        _numbers(result),
        _additions(result),
        _published(result),
        _joints(result),
        _sequences(result),
        _worst(result),
        _curves(measured),
        _protocol(result),
    )
    policy = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element(
            "meta",
            http_equiv="Content-Security-Policy",
            content=f"default-src 'none'; style-src 'sha256-{policy}'",
        ),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{result.full_name} {DASH} evaluation"),
        element("style", Markup(style)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, element('body', body), lang='en')}\n"


def show(value: float, unit: str = "") -> str:
    """Return a number of a table: three decimals for shares, two where there is a unit."""
    return f"{value:.{2 if unit else 3}f}" if math.isfinite(value) else UNKNOWN


def _header(result: Result) -> Markup:
    found = count(result.num_people, "true pose")
    if result.num_missed:
        found += f", {result.num_missed} without a prediction"
    facts = [result.protocol["title"], count(result.num_sequences, "sequence"), found]
    origins = [f"predictions: {result.predictions}"] if result.predictions else []
    origins += [f"truth: {result.truth}"] if result.truth else []
    return join(
        element("h1", result.full_name),
        element("p", *(element("span", each) for each in facts + origins), class_="facts"),
        *(element("p", note, class_="quiet") for note in result.notes),
    )


def _numbers(result: Result) -> Markup:
    caption = "Intervals: bootstrap over sequences, or over stretches of 30 frames where few."
    return join(element("h2", "Result"), _table_of(result.rows, caption))


def _additions(result: Result) -> Markup:
    if not result.additions:
        return Markup("")
    caption = (
        "Measured by marey and by no publication: how deep the deepest vertex of either of two "
        "people lies in the other, and touches of parts, told by skins nearer than 1 cm, against "
        "those of the truth. Touches have no interval."
    )
    return join(element("h2", "Beside the published columns"), _table_of(result.additions, caption))


def _table_of(rows_of: Sequence[Row], caption: str) -> Markup:
    rows = []
    for row in rows_of:
        interval = row.interval
        band = UNKNOWN if interval is None else " to ".join(show(end, row.unit) for end in interval)
        score = row.score
        rows.append(
            (
                _label(row),
                show(score.value, row.unit),
                band,
                f"{score.num_frames:,}".replace(",", " "),
                f"{score.num_values:,}".replace(",", " "),
                f"{score.num_missing:,}".replace(",", " "),
                row.note,
            )
        )
    frames = "person-frames" if all(row.per_person for row in rows_of) else "frames"
    head = ("metric", "value", "95 % interval", frames, "values", "missing", "")
    return table(caption, head, rows)


def _label(row: Row) -> str:
    better = "higher is better" if row.higher_is_better else "lower is better"
    return f"{row.name}, {row.unit} ({better})" if row.unit else f"{row.name} ({better})"


def _published(result: Result) -> Markup:
    known = PUBLISHED.get(result.protocol["name"])
    if known is None:
        return Markup("")
    rows = [("this result", *(_value(result.row(name)) for name in known.columns), "")]
    for row in known.rows:
        values = (UNKNOWN if value is None else f"{value:g}" for value in row.values)
        rows.append((row.system, *values, f"{row.source} [{row.grade}]"))
    caution = known.caution + " " if known.caution else ""
    if any(not quirk["on"] for quirk in result.protocol["quirks"]):
        caution += "This result was not measured as the published ones: see its switches. "
    caption = (
        f"{caution}Source grades: P read in the publication, S quoted by others, R from memory. "
        "Published rows were measured by their authors, on the whole test set."
    )
    return join(
        element("h2", "Beside published rows"),
        table(caption, ("system", *known.columns, "source"), rows),
    )


def _value(row: Row) -> str:
    return show(row.score.value, row.unit)


def _joints(result: Result) -> Markup:
    shown = [row for row in result.rows if row.per_joint]
    names = list(dict.fromkeys(name for row in shown for name in row.per_joint))
    rows = [
        (spoken(name), *(show(row.per_joint.get(name, math.nan), row.unit) for row in shown))
        for name in names
    ]
    if not rows:
        return Markup("")
    head = ("", *(_short(row) for row in shown))
    return join(element("h2", "Per joint"), table("Means over all frames that count.", head, rows))


def _short(row: Row) -> str:
    return f"{row.name}, {row.unit}" if row.unit else row.name


def _sequences(result: Result) -> Markup:
    shown = [row for row in result.rows if len(row.per_sequence) > 1]
    if not shown:
        return Markup("")
    names = list(shown[0].per_sequence)[:_MAX_SEQUENCES]
    rows = [
        (name, *(show(row.per_sequence.get(name, math.nan), row.unit) for row in shown))
        for name in names
    ]
    total = len(shown[0].per_sequence)
    caption = (
        f"{len(names)} of {total} sequences; metrics.json has all." if total > len(names) else ""
    )
    head = ("", *(_short(row) for row in shown))
    return join(element("h2", "Per sequence"), table(caption, head, rows))


def _worst(result: Result) -> Markup:
    parts = []
    for row in result.rows:
        if row.worst:
            rows = [
                (each.sequence, str(each.person), str(each.frame), show(each.value, row.unit))
                for each in row.worst
            ]
            head = ("sequence", "person", "frame", row.unit or "value")
            parts.append(element("div", element("h3", row.name), table("", head, rows)))
    if not parts:
        return Markup("")
    return join(element("h2", "Worst frames"), element("div", *parts, class_="columns"))


def _curves(measured: Measured) -> Markup:
    name = next((name for name, maps in measured.maps.items() if maps[0].values.shape[1] > 1), "")
    if not name:
        return Markup("")
    row = measured.result.row(name)
    parts = []
    for pair, each in list(zip(measured.pairs, measured.maps[name], strict=True))[:_MAX_PLOTS]:
        rate = pair.truth.frame_rate or 1.0
        for person, values in enumerate(frame_means(each.values)):
            if len(parts) < _MAX_PLOTS and np.isfinite(values).any():
                title = f"{pair.name}, person {person}" if len(each.values) > 1 else pair.name
                parts.append(_curve(title, values, _times(each, pair.truth.frame, rate), row.unit))
    axis = "seconds" if measured.pairs[0].truth.frame_rate else "frames, shown as seconds"
    text = f"The mean of every frame over time ({axis}); band from lowest to highest."
    return join(element("h2", f"{name} over time"), element("p", text, class_="quiet"), *parts)


def _times(each: ErrorMap, frames: np.ndarray, rate: float) -> np.ndarray:
    return frames[each.first_frame : each.first_frame + each.values.shape[1]] / rate


def _curve(title: str, values: np.ndarray, time: np.ndarray, unit: str) -> Markup:
    return draw_curve(
        title, values, time, unit=unit, least=max(float(np.nanmax(values)), _LEAST_RANGE)
    )


def _protocol(result: Result) -> Markup:
    protocol = result.protocol
    facts = [
        ("joints", f"{protocol['skeleton']}: {_names(protocol['joints']) or 'all'}"),
        ("regressor", protocol["regressor"] or "none"),
        ("root", _names(protocol["root"]) or "none"),
        ("gender", protocol["gender"]),
        ("unit of files", protocol["unit"]),
        ("sampling", protocol["sampling"]),
        ("true joints count above confidence", f"{protocol['least_confidence']:g}"),
        ("pairing of people", protocol["pairing"]),
        ("missing predictions", protocol["missing"]),
        *((f"{row['name']}: averaged first over", row["order"]) for row in protocol["metrics"]),
        *(
            (f"switch {quirk['name']}: {'on' if quirk['on'] else 'off'}", quirk["text"])
            for quirk in protocol["quirks"]
        ),
        ("source", protocol["source"]),
        *(("not said by any source at hand", each) for each in protocol["lacking"]),
    ]
    return join(
        element("h2", "Protocol"),
        table("", ("", ""), [tuple(each) for each in facts], class_="words"),
    )


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(spoken(name) for name in names)
