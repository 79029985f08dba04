"""The page: one HTML file that loads nothing, with everything inside."""

import base64
import hashlib
from importlib.resources import files

import numpy as np

from marey.view.report.camera_section import cameras_section
from marey.view.report.figures import PersonFigures
from marey.view.report.findings import Finding
from marey.view.report.markup import Markup, element, join, table
from marey.view.report.model import Report
from marey.view.report.person_section import person_section
from marey.view.report.plots import draw_timeline
from marey.view.report.posters import Poster
from marey.view.report.run_section import definitions, provenance_section, timings_section
from marey.view.report.words import (
    DASH,
    TIMES,
    UNKNOWN,
    count,
    duration,
    moment,
    number,
    percent,
    spans_text,
)

MAX_ROWS = 40
"""People in the timeline; of more, those who are there longest."""
MAX_SECTIONS = 12
"""People with a section of their own."""
MAX_FINDINGS = 60


def render_page(report: Report) -> str:
    """Return the whole file."""
    style = (files("marey.view.report") / "style.css").read_text(encoding="utf-8")
    body = element(
        "main",
        _header(report),
        _summary(report),
        _findings(report),
        cameras_section(report),
        _posters(report),
        _timeline(report),
        _people(report),
        timings_section(report.run),
        provenance_section(report),
        definitions(),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{report.name} {DASH} capture report"),
        element("style", Markup(style)),
    )
    page = element("html", head, element("body", body), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def absent(reason: str) -> Markup:
    """Return the line that stands where a section cannot be made."""
    return element("p", f"Not available: {reason}.", class_="absent")


def _policy(style: str) -> str:
    """Nothing is loaded, no script runs, and only this very style applies."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'"


def _header(report: Report) -> Markup:
    take, time = report.take, report.take.time
    facts = [count(len(take.people), "person", "people")]
    if len(time) > 1:
        interval = float(np.median(np.diff(time)))
        rate = f"{1 / interval:.4g}"
        facts += [
            duration(float(time[-1] - time[0]) + interval),
            f"{count(len(time), 'frame')} at {rate} per second",
        ]
    else:
        facts.append(count(len(time), "frame"))
    if len(take.clips) > 1:
        facts.append(f"{len(take.clips)} cameras")
    for clip in take.clips[: 1 if len(take.clips) == 1 else 0]:
        name = "no video" if clip.path is None else clip.path.name
        facts.append(f"{name}, {clip.size[0]} {TIMES} {clip.size[1]} px")
    finished = report.run.get("finished")
    if isinstance(finished, str):
        facts.append(f"made {finished[:16].replace('T', ' ')}")
    return element(
        "header",
        element("h1", f"{report.name} {DASH} capture report"),
        element("p", *(element("span", fact) for fact in facts), class_="facts"),
    )


def _summary(report: Report) -> Markup:
    if not report.people:
        return _section("Summary", absent("this take holds no people"))
    head = (
        "Person",
        "from",
        "to",
        "solved",
        "confidence",
        "reprojection error",
        "of height",
        "jitter, m/s³",
        "foot slide, cm/s",
        "below floor, cm",
    )
    rows = [_summary_row(report, person) for person in report.people[:MAX_ROWS]]
    more = len(report.people) - len(rows)
    rest = element("p", f"And {count(more, 'person', 'people')} more.") if more > 0 else Markup()
    caption = "Medians over the frames in which each person is there; means for the last three"
    return _section("Summary", table(caption, head, rows), rest)


def _summary_row(report: Report, person: PersonFigures) -> tuple[str, ...]:
    time, presence = report.take.time, person.presence
    present = presence.present
    start = moment(float(time[person.start])) if person.num_frames else UNKNOWN
    last = person.start + person.num_frames - 1
    solved = float(present.mean()) if presence.has_motion and len(present) else float("nan")
    confidence = float(np.median(presence.confidence[present])) if present.any() else float("nan")
    error = person.reprojection.total if person.reprojection else (float("nan"),) * 4
    jitter = person.movement.jitter if person.movement else float("nan")
    slide = person.floor.mean_slide if person.floor else float("nan")
    depth = person.floor.depth[0] if person.floor else float("nan")
    return (
        person.name,
        start,
        moment(float(time[last])) if person.num_frames else UNKNOWN,
        percent(solved),
        number(confidence),
        UNKNOWN if np.isnan(error[0]) else f"{number(error[0])} px",
        percent(error[2]),
        number(jitter),
        number(100 * slide),
        number(100 * depth),
    )


def _findings(report: Report) -> Markup:
    title = "What to look at"
    if not report.findings:
        return _section(title, element("p", "Nothing conspicuous was found."))
    shown = report.findings[:MAX_FINDINGS]
    kinds = dict.fromkeys((finding.kind, finding.serious) for finding in shown)
    groups = [[f for f in shown if (f.kind, f.serious) == kind] for kind in kinds]
    items = element("ul", *(_finding_kind(group) for group in groups), class_="findings")
    more = len(report.findings) - len(shown)
    rest = element("p", f"And {count(more, 'finding')} more.") if more else Markup()
    serious = sum(finding.serious for finding in report.findings)
    lead = f"{count(serious, 'warning')}, {count(len(report.findings) - serious, 'remark')}."
    return _section(title, element("p", lead, class_="quiet"), items, rest)


def _finding_kind(findings: list[Finding]) -> Markup:
    """Return all findings of one kind: a line per person, the sentence once if it is the same."""
    first, class_ = findings[0], "serious" if findings[0].serious else "remark"
    parts = [element("b", first.kind)]
    if len({finding.text for finding in findings}) == 1:
        parts.append(join(element("br"), element("span", first.text)))
        lines = [_where(finding) for finding in findings if finding.who or finding.spans]
    else:
        lines = [f"{_where(finding)} {DASH} {finding.text}" for finding in findings]
    parts += [join(element("br"), element("span", line)) for line in lines]
    return element("li", *parts, class_=class_)


def _where(finding: Finding) -> str:
    times = spans_text(finding.spans)
    return f"{finding.who}: {times}" if finding.who and times else finding.who or times


def _posters(report: Report) -> Markup:
    if not report.posters:
        return _section("Pictures", absent(report.no_posters or "no moment could be drawn"))
    figures = [_poster(report, poster) for poster in report.posters]
    return _section("Pictures", element("div", *figures, class_="posters"))


def _poster(report: Report, poster: Poster) -> Markup:
    frame = poster.moment.frame
    there = [
        person.name
        for person in report.people
        if person.start <= frame < person.start + person.num_frames
        and person.presence.present[frame - person.start]
    ]
    where = "over the video" if poster.over_video else "on a floor"
    who = ", ".join(there) or "nobody"
    reason = f" · {poster.moment.reason}" if poster.moment.reason else ""
    data = base64.b64encode(poster.jpeg).decode()
    image = element(
        "img",
        src=f"data:image/jpeg;base64,{data}",
        width=poster.size[0],
        height=poster.size[1],
        alt=f"Bodies and keypoints drawn {where} at {moment(poster.time)}: {who}",
    )
    camera = f" · {poster.camera}" if poster.camera else ""
    caption = f"{moment(poster.time)} · frame {frame}{camera}{reason}"
    return element("figure", image, element("figcaption", caption))


def _timeline(report: Report) -> Markup:
    title = "Who is there when"
    if not report.people or not len(report.take.time):
        return _section(title, absent("this take holds no people"))
    longest = sorted(report.people, key=lambda person: -int(person.presence.present.sum()))
    shown = {person.name for person in longest[:MAX_ROWS]}
    people = tuple(person for person in report.people if person.name in shown)
    more = len(report.people) - len(people)
    rest = (
        element("p", f"And {count(more, 'person', 'people')} more, seen for a shorter time.")
        if more
        else Markup()
    )
    drawing = draw_timeline(people, report.take.time, cuts=report.cuts)
    return _section(title, _key(), element("figure", drawing), rest)


def _key() -> Markup:
    """The legend: what the marks of the timeline mean."""
    marks = (
        ("level2", "less sure"),
        ("level5", "sure"),
        ("bridged", "gap bridged"),
        ("gap", "gap left open"),
    )
    items = [
        element("span", _swatch(element("rect", width=14, height=10, class_=name)), text)
        for name, text in marks
    ]
    line = element("line", x1=7, y1=0, x2=7, y2=10, class_="cut")
    return element("p", *items, element("span", _swatch(line), "shot cut"), class_="key quiet")


def _swatch(shape: Markup) -> Markup:
    return element("svg", shape, viewBox="0 0 14 10", aria_hidden="true")


def _people(report: Report) -> Markup:
    longest = sorted(report.people, key=lambda person: -int(person.presence.present.sum()))
    shown = {person.name for person in longest[:MAX_SECTIONS]}
    people = [person for person in report.people if person.name in shown]
    parts = [person_section(report, person) for person in people]
    more = len(report.people) - len(people)
    if more:
        text = f"{count(more, 'person', 'people')} more, seen for a shorter time, only stand above."
        parts.append(element("p", text))
    return join(*parts)


def _section(title: str, *content: Markup) -> Markup:
    return element("section", element("h2", title), *content)
