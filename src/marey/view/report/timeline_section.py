"""Who is there when."""

from marey.view.report.markup import Markup, element
from marey.view.report.model import Report
from marey.view.report.section import absent, color_swatch, section, swatch
from marey.view.report.timeline_plot import draw_timeline
from marey.view.report.words import count

MAX_ROWS = 40
"""People in the timeline; of more, those who are there longest."""


def timeline_section(report: Report) -> Markup:
    """Return a row for each person, with its legend."""
    title = "Who is there when"
    if not report.people or not len(report.take.time):
        return section(title, absent("this take holds no people"))
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
    return section(title, _key(), element("figure", drawing), rest)


def _key() -> Markup:
    """The legend: what the marks of the timeline mean."""
    marks = (
        ("level2", "less sure"),
        ("level5", "sure"),
        ("bridged", "gap bridged"),
        ("gap", "gap left open"),
    )
    items = [element("span", color_swatch(name), text) for name, text in marks]
    line = element("line", x1=7, y1=0, x2=7, y2=10, class_="cut")
    return element("p", *items, element("span", swatch(line), "shot cut"), class_="key quiet")
