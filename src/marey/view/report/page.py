"""The page: one HTML file that loads nothing, with everything inside."""

import base64
import hashlib
from importlib.resources import files

from marey.view.report.camera_section import cameras_section
from marey.view.report.findings_section import findings_section
from marey.view.report.markup import Markup, element, join
from marey.view.report.model import Report
from marey.view.report.overview import page_header, summary_section
from marey.view.report.person_section import person_section
from marey.view.report.pictures_section import pictures_section
from marey.view.report.run_section import definitions, provenance_section, timings_section
from marey.view.report.timeline_section import timeline_section
from marey.view.report.touch_section import touch_section
from marey.view.report.words import DASH, count

MAX_SECTIONS = 12
"""People with a section of their own."""


def render_page(report: Report) -> str:
    """Return the whole file."""
    style = (files("marey.view.report") / "style.css").read_text(encoding="utf-8")
    body = element(
        "main",
        page_header(report),
        summary_section(report),
        findings_section(report),
        cameras_section(report),
        pictures_section(report),
        timeline_section(report),
        touch_section(report),
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


def _policy(style: str) -> str:
    """Nothing is loaded, no script runs, and only this very style applies."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'"


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
