"""Pictures of some moments."""

import base64

from marey.view.report.markup import Markup, element
from marey.view.report.model import Report
from marey.view.report.posters import Poster
from marey.view.report.section import absent, section
from marey.view.report.words import moment


def pictures_section(report: Report) -> Markup:
    """Return the pictures, or why there are none."""
    if not report.posters:
        return section("Pictures", absent(report.no_posters or "no moment could be drawn"))
    figures = [_poster(report, poster) for poster in report.posters]
    return section("Pictures", element("div", *figures, class_="posters"))


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
