"""Who touches whom: a row over time for each pair of parts, and how deep they are in each other."""

import numpy as np

from marey.evaluate.quality import joined_runs
from marey.fit.contact.touch import TOUCH_M
from marey.view.report.curve_plot import draw_curve
from marey.view.report.markup import Markup, element
from marey.view.report.model import Report
from marey.view.report.section import absent, section
from marey.view.report.timeline_plot import draw_spans
from marey.view.report.touches import DEEP_M, Touching
from marey.view.report.words import DASH, count, moment, number, percent, spans_text, spoken

MAX_PAIRS = 12
TITLE = "Who touches whom"
LIMIT_CM = 100 * DEEP_M


def touch_section(report: Report) -> Markup:
    """Return who touches whom; nothing where there is but one body."""
    moving = [person for person in report.take.people if person.motion is not None]
    if report.touches is None:
        reason = (
            "nobody has looked which parts touch in this take (marey solve does, for people who "
            "share one world)"
        )
        return section(TITLE, absent(reason)) if len(moving) > 1 else Markup()
    if not report.touches:
        text = "Nobody touches anybody."
        return section(TITLE, element("p", text)) if len(moving) > 1 else Markup()
    lead = (
        f"Parts touch where their skins are less than {100 * TOUCH_M:g} cm apart. Depth is how far "
        "one skin is in the other: flesh gives way where people press, these bodies do not, so "
        "that a centimetre or two is no fault."
    )
    pairs = [_pair(report, touching) for touching in report.touches[:MAX_PAIRS]]
    more = len(report.touches) - len(pairs)
    rest = element("p", f"And {count(more, 'pair')} more.") if more > 0 else Markup()
    return section(TITLE, element("p", lead, class_="quiet"), *pairs, rest)


def describe_touching(report: Report, touching: Touching) -> str:
    """Return in sentences when two touch, with what, and how deep."""
    time, there = report.take.time, _count_together(report, touching)
    frames = int(touching.frames.sum())
    interval = float(np.median(np.diff(time))) if len(time) > 1 else 1.0
    runs = joined_runs(touching.frames, join=round(0.25 / max(interval, 1e-6)))
    spans = tuple((float(time[run.start]), float(time[run.stop - 1])) for run in runs)
    share = f" ({percent(frames / there)})" if there else ""
    most = touching.parts[0]
    parts = [
        f"They touch in {count(frames, 'frame')} of {there}{share}: {spans_text(spans)}.",
        f"Longest: {name_parts(touching, most.part, most.other_part)}.",
    ]
    frame, depth = touching.deepest()
    if depth > 0:
        deepest = max(touching.parts, key=lambda part: part.depth)
        where = name_parts(touching, deepest.part, deepest.other_part)
        when = moment(float(time[frame]))
        parts.append(f"Deepest in each other: {number(100 * depth)} cm at {when}, {where}.")
    return " ".join(parts)


def name_parts(touching: Touching, part: str, other_part: str) -> str:
    """Return which parts of whom: `left hand of Anna and chest of Ben`."""
    if touching.person == touching.other:
        return f"{spoken(part)} and {spoken(other_part)}"
    return f"{spoken(part)} of {touching.person} and {spoken(other_part)} of {touching.other}"


def _count_together(report: Report, touching: Touching) -> int:
    """Return the frames in which both are there; of the take, if one is not known to it."""
    both = np.ones(len(report.take.time), bool)
    for name in (touching.person, touching.other):
        person = next((each for each in report.people if each.name == name), None)
        if person is not None:
            here = np.zeros(len(both), bool)
            here[person.start : person.start + person.num_frames] = person.presence.present
            both &= here
    return int(both.sum())


def _pair(report: Report, touching: Touching) -> Markup:
    oneself = touching.person == touching.other
    title = f"{touching.person}, oneself" if oneself else f"{touching.person} and {touching.other}"
    time = report.take.time
    rows = [("anywhere", touching.frames, "level5")]
    rows += [
        (f"{spoken(part.part)} {DASH} {spoken(part.other_part)}", part.frames, "level3")
        for part in touching.parts
    ]
    text = f"When {title} touch, by parts"
    parts = [element("h3", title), element("p", describe_touching(report, touching))]
    if not oneself:
        caption = f"Part of {touching.person} {DASH} part of {touching.other}"
        parts.append(element("p", caption, class_="quiet"))
    parts.append(element("figure", draw_spans(text, rows, time, cuts=report.cuts)))
    if touching.num_more:
        more = count(touching.num_more, "more pair of parts", "more pairs of parts")
        parts.append(element("p", f"And {more}, for a shorter time.", class_="quiet"))
    if np.nanmax(touching.depth) > 0:
        depth, name = 100 * touching.depth, "Depth of one body in the other"
        parts.append(draw_curve(name, depth, time, unit="cm", cuts=report.cuts, limit=LIMIT_CM))
    return element("div", *parts)
