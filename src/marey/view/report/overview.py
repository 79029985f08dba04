"""The top of the page: what the take is, and everyone in a row each."""

import numpy as np

from marey.view.report.figures import PersonFigures
from marey.view.report.markup import Markup, element, table
from marey.view.report.model import Report
from marey.view.report.section import absent, section
from marey.view.report.words import (
    DASH,
    TIMES,
    UNKNOWN,
    count,
    duration,
    moment,
    number,
    percent,
)

MAX_ROWS = 40
"""People in the table."""


def page_header(report: Report) -> Markup:
    """Return the title and what is to be known at once."""
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


def summary_section(report: Report) -> Markup:
    """Return everyone's figures, a row each."""
    if not report.people:
        return section("Summary", absent("this take holds no people"))
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
    return section("Summary", table(caption, head, rows), rest)


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
