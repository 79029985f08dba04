"""What the page says about one person."""

import numpy as np

from marey.view.report.curve_plot import draw_curve
from marey.view.report.figures import Floor, PersonFigures
from marey.view.report.findings import BELOW_M, OFF, UNSURE
from marey.view.report.markup import Markup, element, table
from marey.view.report.model import Report
from marey.view.report.words import UNKNOWN, moment, number, percent, spoken

NUM_FASTEST = 8
_RIGID = 0.005
"""Spread of limbs, as a share of their lengths, that nobody measures without being told to."""


def person_section(report: Report, person: PersonFigures) -> Markup:
    """Return one person's section: curves over time, then tables."""
    return element(
        "section",
        element("h2", f"Person {person.name}"),
        _curves(report, person),
        element(
            "div",
            _block(f"Reprojection error{_camera(report, person)}", _reprojection(report, person)),
            _block("Limb lengths", _limbs(report, person)),
            _block("Speed and jitter", _movement(report, person)),
            _block("Feet and floor", _floor(person)),
            _block(f"What was seen{_camera(report, person)}", _coverage(person)),
            class_="columns",
        ),
    )


def _camera(report: Report, person: PersonFigures) -> str:
    """Say which of several cameras a figure is about."""
    cameras = report.take.cameras
    if cameras is None or len(cameras.names) < 2:
        return ""
    return f", {cameras.names[person.view]}"


def _block(title: str, content: Markup) -> Markup:
    return element("div", element("h3", title), content)


def _absent(reason: str) -> Markup:
    return element("p", f"Not available: {reason}.", class_="absent")


def _curves(report: Report, person: PersonFigures) -> Markup:
    time = report.take.time[person.start : person.start + person.num_frames]
    if not len(time):
        return _absent("this person has no frames")
    cuts, presence = report.cuts, person.presence
    confidence = np.where(presence.present, presence.confidence, np.nan)
    curves = [
        draw_curve("Confidence", confidence, time, unit="0 to 1", cuts=cuts, limit=UNSURE, least=1)
    ]
    if person.reprojection is not None:
        share = 100 * person.reprojection.error_share
        name = f"Reprojection error, mean of the body{_camera(report, person)}"
        curves.append(
            draw_curve(name, share, time, unit="% of height", cuts=cuts, limit=100 * OFF, least=1)
        )
    if person.movement is not None:
        name = "Speed of the fastest joint"
        curves.append(
            draw_curve(name, person.movement.fastest, time, unit="m/s", cuts=cuts, least=0.5)
        )
    if person.floor is not None:
        height = 100 * person.floor.lowest
        name = "Height of the lowest point over the floor"
        curves.append(draw_curve(name, height, time, unit="cm", cuts=cuts, limit=-100 * BELOW_M))
    return element("div", *curves)


def _no_motion(person: PersonFigures) -> str:
    if person.problem:
        return f"the motion could not be posed ({person.problem})"
    return "this person has no motion"


def _reprojection(report: Report, person: PersonFigures) -> Markup:
    found = person.reprojection
    if found is None:
        if person.movement is None:
            reason = _no_motion(person)
        elif report.take.cameras is None:
            reason = "this take holds no camera"
        elif person.sight is None or not person.sight.groups:
            reason = "this person has no keypoints in the picture"
        else:
            reason = "no keypoint is sure enough to compare with"
        return _absent(reason)
    median, high, share, high_share = found.total
    rows = [("whole body", number(median), number(high), percent(share), percent(high_share))]
    columns = (found.median_px, found.high_px, found.median_share, found.high_share)
    for name, *values in zip(found.names, *columns, strict=True):
        px, high, share, high_share = (float(value) for value in values)
        cells = number(px), number(high), percent(share), percent(high_share)
        rows.append((spoken(name), *cells))
    head = ("Keypoint", "median, px", "95 %, px", "median, % of height", "95 %")
    return table("Distance between the body in the picture and the keypoints", head, rows)


def _limbs(report: Report, person: PersonFigures) -> Markup:
    found = person.limbs
    if found is None:
        return _absent("this person has no 3D keypoints (limbs of the motion itself are rigid)")
    rows = [
        (spoken(name), number(100 * length), number(100 * low), number(100 * high), percent(spread))
        for name, length, low, high, spread in zip(
            found.names,
            found.median.tolist(),
            found.low.tolist(),
            found.high.tolist(),
            found.spread.tolist(),
            strict=True,
        )
    ]
    head = ("Limb", "median, cm", "5 %", "95 %", "spread")
    caption = (
        "Between the points in space before the fit, which were refined to limbs of one length"
        if _camera(report, person) and not np.nanmax(found.spread) > _RIGID
        else "Between the 3D keypoints before the fit; a rigid limb has no spread"
    )
    return table(caption, head, rows)


def _movement(report: Report, person: PersonFigures) -> Markup:
    found = person.movement
    if found is None:
        reason = _no_motion(person)
        no_pair = person.presence.has_motion and not person.problem
        return _absent("no two neighbouring frames hold a pose" if no_pair else reason)
    time = report.take.time
    order = [
        k for k in np.argsort(-np.nan_to_num(found.peak, nan=-1.0)) if found.peak_frame[k] >= 0
    ]
    rows = []
    for k in order[:NUM_FASTEST]:
        when = moment(float(time[person.start + int(found.peak_frame[k])]))
        rows.append((spoken(found.joints[k]), number(float(found.peak[k])), when))
    jitter = (
        f"Jitter (mean jerk): {number(found.jitter)} m/s³; "
        f"typical (median): {number(found.typical_jerk)} m/s³."
    )
    fastest = table("Fastest joints", ("Joint", "peak speed, m/s", "at"), rows)
    return element("div", element("p", jitter), fastest)


def _floor(person: PersonFigures) -> Markup:
    found = person.floor
    if found is None:
        return _absent(_no_motion(person))
    mean, high = (number(100 * depth) for depth in found.depth)
    where = element("p", describe_floor(found), class_="quiet")
    depth = f"Lowest point below the floor: {mean} cm on average, 95 % of frames within {high} cm."
    if not found.names:
        rest = _absent("contacts, as this motion does not tell which points touch the floor")
        return element("div", where, element("p", depth), rest)
    rows = [
        (spoken(name), percent(share), number(100 * slide), number(100 * high_slide))
        for name, share, slide, high_slide in zip(
            found.names,
            found.contact_share.tolist(),
            found.slide.tolist(),
            found.high_slide.tolist(),
            strict=True,
        )
    ]
    head = ("Point", "touches in", "slides, cm/s", "95 %")
    contact = table("Contact with the floor", head, rows)
    return element("div", where, element("p", depth), contact)


def describe_floor(found: Floor) -> str:
    """Say where the floor is from which heights and contacts are counted."""
    if not found.own:
        return "The floor is that of the take's world, z = 0."
    way = "above" if found.level >= 0 else "below"
    return (
        f"The floor is where this person's own feet come down to, {number(100 * abs(found.level))} "
        f"cm {way} z = 0: contact and depth are counted from there."
    )


def _coverage(person: PersonFigures) -> Markup:
    found = person.sight
    if found is None or not found.groups:
        return _absent("this person has no keypoints in the picture")
    known = found.height_px[np.isfinite(found.height_px)]
    height = f"{number(float(np.median(known)))} px" if len(known) else UNKNOWN
    rows = [
        (part, percent(share))
        for part, share in zip(found.groups, found.coverage.tolist(), strict=True)
    ]
    return element(
        "div",
        element("p", f"Height in the picture: {height} (median)."),
        table("Share of frames in which at least half is seen", ("Part", "frames"), rows),
    )
