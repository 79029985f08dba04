"""How good the cameras are, in plain words: which one is doubtful, and why.

Two errors are told apart everywhere. The *residual* is the distance of what a camera sees from the
points that all cameras made together, that camera among them. *Left out* (leave-one-out) is the
distance from the points that the others make without it: a camera pulls points towards itself, so
this is the larger one, and it shows what a camera does wrong.
"""

import math
from collections.abc import Iterator

import numpy as np

from marey.view.report.camera_faults import CameraFault
from marey.view.report.camera_figures import WEAK, CameraFigures
from marey.view.report.findings import Finding
from marey.view.report.words import number, percent

FEW = 0.5
"""Share of agreeing keypoints below which a camera is wrong."""
TELLING, LEAST_PX = 0.4, 2.0
"""Share of the difference, and px, that an explanation has to explain."""


def judge_camera(cameras: CameraFigures, view: int) -> str:
    """Return what is to be said about one camera, in sentences."""
    if cameras.left_out[view]:
        return (
            "The solve left it out, since its video does not seem to be this camera's: see the "
            "fault of the recording."
        )
    if cameras.num_seen[view] == 0:
        return "It sees nobody: is it dark, or turned away?"
    if cameras.is_blind(view):
        return "It hardly sees anybody and adds nothing: is it dark, or turned away?"
    agreeing = cameras.agreeing[view]
    if not math.isfinite(agreeing):
        return "No other camera sees what it sees, so that nothing can be said about it."
    fault = cameras.faults[view]
    reasons = [] if fault is None else list(explain_fault(fault))
    parts = []
    if agreeing < FEW:
        share = f"Only {percent(agreeing)} of what" if agreeing > 0.005 else "Nothing that"
        parts.append(f"{share} it sees agrees with the others.")
        if not reasons:
            parts.append("Its calibration, its clock or the order of the videos seems wrong.")
    elif view in cameras.doubtful:
        parts.append(
            f"{percent(agreeing)} of what it sees agrees with the others, but it is further off "
            "than they are."
            if agreeing >= WEAK
            else f"{percent(agreeing)} of what it sees agrees with the others, the rest does not."
        )
    else:
        parts.append("It agrees with the others.")
        if reasons:
            parts.append("What is left is the same all the time.")
    return " ".join([*parts, *reasons])


def explain_fault(fault: CameraFault) -> Iterator[str]:
    """Yield a sentence for each thing a camera does wrong all the time, if it matters."""
    if fault.before_px - fault.after_px < 0.15 * fault.before_px:
        return
    shift, roll, growth, late = (
        effect >= max(TELLING * fault.before_px, LEAST_PX) for effect in fault.effects_px
    )
    if shift:
        right, down = fault.shift_px
        ways = [
            f"{number(abs(value))} px {name[value < 0]}"
            for value, name in ((right, ("to the right", "to the left")), (down, ("down", "up")))
            if abs(value) >= 0.3 * math.hypot(right, down)
        ]
        yield (
            f"All it sees lies {' and '.join(ways)} from where the others alone see it, as if it "
            f"had been turned by {number(fault.shift_deg)}°."
        )
    if roll:
        way = "clockwise" if fault.roll_deg > 0 else "counter-clockwise"
        yield f"Its picture is rolled by {number(abs(fault.roll_deg))}° {way}."
    if growth:
        way = "larger" if fault.growth > 0 else "smaller"
        yield (
            f"It shows everything {percent(abs(fault.growth))} {way} than its calibration says: "
            "its focal length or its distance is wrong."
        )
    if late:
        way = "late" if fault.late_s > 0 else "early"
        yield f"What moves is seen {1000 * abs(fault.late_s):.0f} ms too {way}: its clock is off."


def describe_cameras(cameras: CameraFigures) -> str:
    """Return how good the cameras are together, in a sentence or two."""
    doubtful = [cameras.names[view] for view in cameras.doubtful]
    sound = [v for v in range(len(cameras.names)) if cameras.names[v] not in doubtful]
    if not sound:
        return "No camera agrees with the others; the calibration is not that of these videos."
    off = float(np.median(cameras.median_m[sound]))
    px = float(np.median(cameras.median_px[sound]))
    grade = next(word for limit, word in _GRADES if off < limit)
    lead = (
        f"{grade}: what a camera sees lies {number(px)} px from the points that all make together, "
        f"{number(1000 * off)} mm at the person (residual, median)."
    )
    left_out = [fault.before_px for v in sound if (fault := cameras.faults[v]) is not None]
    if left_out:
        apart = number(float(np.median(left_out)))
        lead += f" From points made without it, it is {apart} px away (left out)."
    if doubtful:
        return f"{lead} Doubtful: {', '.join(doubtful)}."
    return f"{lead} No camera stands out."


_GRADES = (
    (0.008, "Very good"),
    (0.015, "Good"),
    (0.03, "Fair; a refined calibration would give more"),
    (0.06, "Poor; calibrate again, or refine the calibration"),
    (math.inf, "Bad; calibrate again"),
)
"""Upper limits of the median distance at the person, m. A detector alone is off by about 10 mm."""


def find_in_cameras(cameras: CameraFigures | None) -> tuple[Finding, ...]:
    """Return what a reader should look at."""
    if cameras is None:
        return ()
    return tuple(
        Finding(kind="Doubtful camera", who=cameras.names[view], text=judge_camera(cameras, view))
        for view in cameras.doubtful
    )
