"""Several cameras on the page: how they stand, how well they agree, which of them is doubtful."""

import base64

import numpy as np

from marey.view.report.camera_figures import REACH, SURE, CameraFigures
from marey.view.report.camera_words import describe_cameras, judge_camera
from marey.view.report.curve_plot import draw_curve
from marey.view.report.markup import Markup, element, table
from marey.view.report.model import Report
from marey.view.report.posters import Poster
from marey.view.report.rig_drawing import draw_rig
from marey.view.report.section import color_swatch
from marey.view.report.share_plot import draw_shares
from marey.view.report.words import DASH, UNKNOWN, count, moment, number, percent, spoken

MAX_CURVES = 24
"""Cameras with a curve of their own; of more, those that are furthest off."""


def cameras_section(report: Report) -> Markup:
    """Return the section about several cameras; nothing where there is but one."""
    take = report.take
    if take.cameras is None or len(take.cameras.names) < 2:
        return Markup()
    found = report.cameras
    doubtful = [] if found is None else found.doubtful
    rig = draw_rig(take, frame=report.rig_frame, doubtful=doubtful)
    parts = [element("h2", "Cameras")]
    if found is None:
        reason = "Not available: this take holds no points in space to compare the cameras by."
        parts.append(element("p", reason, class_="absent"))
        return element("section", *parts, element("div", *rig, class_="pair"))
    parts += [
        element("p", describe_cameras(found)),
        element("div", *rig, class_="pair"),
        _verdicts(found),
        _agreement_table(found),
        *_pictures(report.camera_posters),
        _curves(report, found),
        _agreement(found),
    ]
    return element("section", *parts)


def _agreement_table(found: CameraFigures) -> Markup:
    """Return a row of figures for each camera, and what is to be said of each below."""
    head = (
        "Camera",
        "sees somebody in",
        "agrees",
        "residual, px",
        "95 %",
        "at the person, mm",
        "left out, px",
    )
    rows = [
        (
            name,
            percent(float(found.frames_seen[view])),
            percent(float(found.agreeing[view])),
            number(float(found.median_px[view])),
            number(float(found.high_px[view])),
            number(1000 * float(found.median_m[view])),
            UNKNOWN if (fault := found.faults[view]) is None else number(fault.before_px),
        )
        for view, name in enumerate(found.names)
    ]
    caption = f"Keypoints seen with a confidence above {SURE:g}; medians"
    return element("div", table(caption, head, rows), element("dl", *_meanings(), class_="quiet"))


def _meanings() -> list[Markup]:
    items = (
        (
            "Agrees",
            f"Share of what the camera sees that lies within {100 * REACH:g} % of the distance "
            "from the points in space.",
        ),
        (
            "Residual",
            "Reprojection error: how far what the camera sees lies from the points in space, which "
            "all cameras made together, this one among them.",
        ),
        (
            "Left out",
            "Leave-one-out reprojection error: how far it lies from the points that the other "
            "cameras make without it. A camera pulls points towards itself, so this is larger, and "
            "it shows better what is wrong with a camera.",
        ),
    )
    return [part for name, text in items for part in (element("dt", name), element("dd", text))]


def _verdicts(found: CameraFigures) -> Markup:
    """Return a sentence or two about each camera."""
    items = []
    for view, name in enumerate(found.names):
        class_ = "serious" if view in found.doubtful else "remark"
        text = element("span", f" {DASH} {judge_camera(found, view)}")
        items.append(element("li", element("b", name), text, class_=class_))
    return element("ul", *items, class_="findings")


def _pictures(posters: tuple[Poster, ...]) -> list[Markup]:
    if not posters:
        return []
    figures = []
    for poster in posters:
        data = base64.b64encode(poster.jpeg).decode()
        image = element(
            "img",
            src=f"data:image/jpeg;base64,{data}",
            width=poster.size[0],
            height=poster.size[1],
            alt=f"What {poster.camera} sees at {moment(poster.time)}, with bodies and keypoints",
        )
        figures.append(element("figure", image, element("figcaption", poster.camera)))
    title = f"All cameras at {moment(posters[0].time)}"
    return [element("h3", title), element("div", *figures, class_="views")]


def _curves(report: Report, found: CameraFigures) -> Markup:
    time = report.take.time
    order = np.argsort(-np.nan_to_num(found.median_px, nan=-1.0), kind="stable")[:MAX_CURVES]
    top = float(np.nanmax(found.error_px, initial=0.0))
    curves = [
        draw_curve(found.names[view], found.error_px[view], time, unit="px", least=0.5 * top)
        for view in sorted(order.tolist())
    ]
    more = len(found.names) - len(curves)
    rest = [element("p", f"And {count(more, 'camera')} that are nearer.")] if more else []
    title = "Residual of each camera over time"
    text = "Mean distance between what the camera sees and the points that all cameras made."
    return element("div", element("h3", title), element("p", text, class_="quiet"), *curves, *rest)


def _agreement(found: CameraFigures) -> Markup:
    groups = _group_views(len(found.names))
    shares = np.stack([found.agreed_by[:, low : high + 1].sum(1) for low, high in groups], 1)
    names = ["fewer than 2", *(f"{a}" if a == b else f"{a} to {b}" for a, b in groups[1:])]
    classes = ["gap", *(f"level{level}" for level in _levels(len(groups) - 1))]
    title = "How many cameras agree on each joint"
    key = [
        element("span", color_swatch(class_), f"{name} cameras")
        for name, class_ in zip(names, classes, strict=True)
    ]
    drawing = draw_shares(title, [spoken(k) for k in found.keypoints], shares, classes)
    text = "Share of the moments at which somebody is seen. On what fewer than two see, none agree."
    return element(
        "div",
        element("h3", title),
        element("p", *key, class_="key quiet"),
        element("figure", drawing),
        element("p", text, class_="quiet"),
    )


def _group_views(num: int) -> list[tuple[int, int]]:
    """Group numbers of cameras: too few, then each by itself while they are few."""
    groups, low, width = [(0, 1)], 2, 1
    while low <= num:
        width = 1 if low < 4 else width * 2
        groups.append((low, min(low + width - 1, num)))
        low += width
    return groups


def _levels(num: int) -> list[int]:
    """Return shades for groups, the last one the darkest."""
    return [round(5 - 4 * (num - 1 - k) / max(num - 1, 1)) for k in range(num)]
