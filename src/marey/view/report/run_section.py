"""What the page says about the run: timings, where everything came from, what the figures mean."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from marey.view.report.markup import Markup, element, table
from marey.view.report.model import Report
from marey.view.report.words import DASH, TIMES, duration, number, percent

MAX_ROWS = 200
MAX_TEXT = 300
"""Characters of a value that are shown."""

_DEFINITIONS = (
    (
        "Confidence",
        "What the networks said of the body's main keypoints, averaged; 0.1 in bridged gaps.",
    ),
    (
        "Reprojection error",
        "Distance between a point of the fitted body, seen by the take's camera, and the keypoint "
        "that the network saw with a confidence of 0.3 or more; as a share of the height of the "
        "person's box. Small errors do not prove the depth right.",
    ),
    (
        "Limb spread",
        "The middle 90 % of a limb's length between the network's 3D keypoints, as a share of its "
        "median: what the fit had to make up for.",
    ),
    (
        "Jitter",
        "Length of the third derivative of the joints' positions (without fingers), m/s³. Standing "
        "people have little, sport has much.",
    ),
    (
        "Foot slide",
        "Speed of the points of the foot while they touch the floor, probability 0.5 or more.",
    ),
)


def timings_section(run: Mapping[str, Any]) -> Markup:
    """Return how long each stage took, and on what machine."""
    title = element("h2", "Timings")
    stages = run.get("seconds")
    seconds = dict(_numbers(stages)) if isinstance(stages, Mapping) else {}
    if not seconds:
        reason = "Not available: this take keeps no timings (it has no run.json)."
        return element("section", title, element("p", reason, class_="absent"))
    total = _number(run.get("total_seconds")) or sum(seconds.values())
    rows: list[tuple[str, ...]] = [
        (name, duration(value), percent(value / total if total else 0.0), _bar(value, total))
        for name, value in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    rest = total - sum(seconds.values())
    if rest > 0.005 * total:
        rows.append(("everything else", duration(rest), percent(rest / total), _bar(rest, total)))
    rows.append(("in all", duration(total), "", ""))
    speed = _number(run.get("frames_per_second"))
    facts = [f"{number(speed)} frames per second"] if speed else []
    host = run.get("host")
    if isinstance(host, Mapping):
        facts += [f"{key} {_short(value)}" for key, value in host.items()]
    line = element("p", " · ".join(facts), class_="quiet")
    head = ("Stage", "time", "share", "")
    return element("section", title, line, table("Time per stage", head, rows))


def provenance_section(report: Report) -> Markup:
    """Return what was used with which options, and the cameras."""
    rows = [("report", f"marey {report.version}")] if report.version else []
    if report.take.cameras is not None:
        cameras = report.take.cameras
        for name, K, size in zip(cameras.names, cameras.K, cameras.size, strict=True):
            width, height = size.tolist()
            focal = f"{float(K[0, 0]):.1f} px"
            fov = 2 * math.degrees(math.atan(max(width, height) / 2 / float(K[0, 0])))
            rows.append(
                (
                    f"camera {name}",
                    f"{width} {TIMES} {height} px, focal length {focal} ({fov:.0f}°)",
                )
            )
    flat = list(_flatten(report.take.provenance))
    rows += [(_short(key), _short(value)) for key, value in flat[:MAX_ROWS]]
    if len(flat) > MAX_ROWS:
        rows.append(("…", f"{len(flat) - MAX_ROWS} more entries"))
    content = table("What the take was made with", ("Entry", "value"), rows, class_="words")
    parts = [element("h2", "Provenance"), content]
    if not flat:
        reason = "Not available: this take does not say how it was made."
        parts.insert(1, element("p", reason, class_="absent"))
    return element("section", *parts)


def definitions() -> Markup:
    """Return what the figures mean."""
    items = [
        part for name, text in _DEFINITIONS for part in (element("dt", name), element("dd", text))
    ]
    return element("section", element("h2", "What the figures mean"), element("dl", *items))


def _bar(value: float, total: float) -> Markup:
    width = 120 * min(max(value / total, 0.0), 1.0) if total else 0.0
    rect = element("rect", width=round(width, 1), height=9, class_="time")
    return element("svg", rect, viewBox="0 0 120 9", width=120, height=9, aria_hidden="true")


def _numbers(table: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in table.items():
        found = _number(value)
        if found is not None:
            yield str(name), found


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e12 else None


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{name}.")
        elif isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value):
            yield from _flatten({f"{k}": v for k, v in enumerate(value, start=1)}, f"{name}.")
        else:
            yield name, _list(value)


def _list(value: object) -> object:
    """Return the parts of a list in a row; a pair within it is a range or another list."""
    if not isinstance(value, list | tuple):
        return value
    return ", ".join(
        f"{DASH}".join(map(str, part)) if isinstance(part, list | tuple) else str(part)
        for part in value
    )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
