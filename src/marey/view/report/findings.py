"""What a reader should look at, in plain words and with the times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from marey.core import Take
from marey.evaluate.quality import joined_runs
from marey.view.report.figures import PersonFigures

UNSURE = 0.3
"""Confidence below which a stretch is doubted."""
SMALL_PX = 96
OUTSIDE = 0.15
"""Share of the body outside of the picture that is worth a word."""
OFF = 0.08
"""Reprojection error, as a share of the box's height, from which body and picture disagree."""
MAX_ROOT_SPEED, MAX_JOINT_SPEED = 13.0, 25.0
"""m/s; sprinters reach 12, a kick or a throw 25."""
BELOW_M = 0.05
FLOOR_OFF_M = 0.05
"""How far somebody's floor may be from z = 0 without a word."""
SLIDE = 0.2
"""m/s, on average while touching the floor."""

Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at."""

    kind: str
    """A few words, the same for all findings of a kind."""
    who: str = ""
    """The person; empty if it is about the whole take."""
    text: str
    spans: Spans = ()
    """First and last moment of each occurrence, s."""
    serious: bool = True
    """Whether the result may be wrong there; else it is only worth knowing."""


def find_all(take: Take, people: tuple[PersonFigures, ...]) -> tuple[Finding, ...]:
    """Return all findings, the serious ones first, each kind together."""
    found = [*_faults(take), *_cuts(take), *_keypoints_only(take)]
    # What one of several cameras does not show, the others do.
    hidden = _OF_ONE_CAMERA if len(take.clips) > 1 else ()
    for rule in (rule for rule in _RULES if rule not in hidden):
        for person in people:
            found += rule(take, person)
    return tuple(sorted(found, key=lambda finding: not finding.serious))


def _faults(take: Take) -> Iterator[Finding]:
    # What is said of two videos together is said once.
    for warning in dict.fromkeys(warning for clip in take.clips for warning in clip.warnings):
        yield Finding(kind="Fault of the recording", text=f"{warning}.")


def _cuts(take: Take) -> Iterator[Finding]:
    for clip in take.clips:
        if clip.cuts:
            moments = [float(clip.time[cut]) for cut in clip.cuts if cut < len(clip.time)]
            yield Finding(
                kind="Shot cut",
                text="Everyone is followed anew from here; nobody is recognised across a cut.",
                spans=tuple((moment, moment) for moment in moments),
                serious=False,
            )


def _keypoints_only(take: Take) -> Iterator[Finding]:
    if take.people and not any(person.motion for person in take.people):
        text = "No body was fitted to anyone in this take, so nothing is known of the motion."
        yield Finding(kind="Keypoints only", text=text, serious=False)


def _no_motion(take: Take, person: PersonFigures) -> Iterator[Finding]:
    if person.problem:
        yield Finding(
            kind="Motion not drawn", who=person.name, text=f"{person.problem}.", serious=False
        )
    elif not person.presence.has_motion and any(other.motion for other in take.people):
        yield Finding(
            kind="No motion",
            who=person.name,
            text="Seen, but never well enough to fit a body; only keypoints are kept.",
        )


def _gaps(take: Take, person: PersonFigures) -> Iterator[Finding]:
    present = person.presence.present
    inside = np.flatnonzero(present)
    if not len(inside):
        return
    missing = ~present
    missing[: inside[0]] = missing[inside[-1] :] = False
    spans = _spans(take, person, joined_runs(missing))
    if spans:
        text = "The person is not seen well enough and comes back later; there is no pose between."
        yield Finding(kind="Gap left open", who=person.name, text=text, spans=spans)


def _bridged(take: Take, person: PersonFigures) -> Iterator[Finding]:
    spans = _spans(take, person, joined_runs(person.presence.bridged))
    if spans:
        text = "Short gap filled with the most plausible motion; nothing was seen there."
        yield Finding(kind="Gap bridged", who=person.name, text=text, spans=spans, serious=False)


def _unsure(take: Take, person: PersonFigures) -> Iterator[Finding]:
    presence = person.presence
    mask = presence.present & ~presence.bridged & (presence.confidence < UNSURE)
    spans = _lasting(take, person, mask, seconds=0.2)
    if spans:
        text = f"The networks are unsure (confidence below {UNSURE:g}): hidden, blurred or dark."
        yield Finding(kind="Low confidence", who=person.name, text=text, spans=spans)


def _exchanged(take: Take, person: PersonFigures) -> Iterator[Finding]:
    if person.sight is None:
        return
    fitted = person.reprojection is not None
    for limbs, mask in person.sight.exchanged.items():
        runs = joined_runs(mask, shortest=2 if fitted else 1, join=2)
        spans = _spans(take, person, runs)
        if spans:
            text = (
                f"Left and right {limbs} fit better exchanged; one of keypoints and body is wrong."
                if fitted
                else f"Left and right {limbs} change places from one frame to the next."
            )
            yield Finding(kind="Left-right swap suspected", who=person.name, text=text, spans=spans)


def _off(take: Take, person: PersonFigures) -> Iterator[Finding]:
    if person.reprojection is None:
        return
    error = person.reprojection.error_share
    spans = _lasting(take, person, _above(error, OFF), seconds=0.1)
    if spans:
        worst = 100 * float(np.nanmax(error))
        text = f"The body lies off the keypoints, by up to {worst:.0f} % of the person's height."
        yield Finding(kind="Body off the picture", who=person.name, text=text, spans=spans)


def _fast(take: Take, person: PersonFigures) -> Iterator[Finding]:
    if person.movement is None:
        return
    root = _above(person.movement.root_speed, MAX_ROOT_SPEED)
    joints = _above(person.movement.fastest, MAX_JOINT_SPEED)
    spans = _spans(take, person, joined_runs(root | joints, join=3))
    if spans:
        top = float(np.nanmax(person.movement.fastest))
        text = f"Faster than people move (up to {top:.0f} m/s): a jump of the track or of the fit."
        yield Finding(kind="Implausible speed", who=person.name, text=text, spans=spans)


def _below(take: Take, person: PersonFigures) -> Iterator[Finding]:
    if person.floor is None:
        return
    lowest = person.floor.lowest
    spans = _lasting(take, person, _above(-lowest, BELOW_M), seconds=0.1)
    if spans:
        depth = -100 * float(np.nanmin(lowest))
        text = f"Feet or other parts up to {depth:.0f} cm below the floor."
        yield Finding(kind="Below the floor", who=person.name, text=text, spans=spans)


def _elsewhere(take: Take, person: PersonFigures) -> Iterator[Finding]:
    if person.floor is not None and person.floor.own and abs(person.floor.level) > FLOOR_OFF_M:
        way = "above" if person.floor.level > 0 else "below"
        text = (
            f"The feet come down to {100 * abs(person.floor.level):.0f} cm {way} z = 0, and that "
            "is taken for this person's floor. The calibration's floor is elsewhere or tilted, or "
            "this person is placed badly."
        )
        yield Finding(kind="Floor not at z = 0", who=person.name, text=text, serious=False)


def _slides(take: Take, person: PersonFigures) -> Iterator[Finding]:
    if person.floor is not None and person.floor.mean_slide > SLIDE:
        speed = 100 * person.floor.mean_slide
        text = f"While they touch the floor, feet move at {speed:.0f} cm/s on average."
        yield Finding(kind="Sliding feet", who=person.name, text=text)


def _outside(take: Take, person: PersonFigures) -> Iterator[Finding]:
    if person.sight is None:
        return
    spans = _lasting(take, person, _above(person.sight.outside, OUTSIDE), seconds=0.2)
    if spans:
        text = "Part of the body is outside of the picture; its pose there is a guess."
        yield Finding(kind="Out of frame", who=person.name, text=text, spans=spans, serious=False)


def _small(take: Take, person: PersonFigures) -> Iterator[Finding]:
    if person.sight is None:
        return
    height = person.sight.height_px
    spans = _lasting(take, person, _above(-height, -SMALL_PX), seconds=0.5)
    if spans:
        text = f"Less than {SMALL_PX} px high: hands and feet can hardly be seen."
        yield Finding(
            kind="Small in the picture", who=person.name, text=text, spans=spans, serious=False
        )


_RULES: tuple[Callable[[Take, PersonFigures], Iterator[Finding]], ...] = (
    _no_motion,
    _gaps,
    _exchanged,
    _off,
    _fast,
    _unsure,
    _below,
    _elsewhere,
    _slides,
    _bridged,
    _outside,
    _small,
)

_OF_ONE_CAMERA = (_exchanged, _outside, _small)


def _above(values: Float[np.ndarray, "L"], limit: float) -> Bool[np.ndarray, "L"]:
    """Compare, with NaN never above."""
    return np.nan_to_num(values, nan=-np.inf) > limit


def _lasting(
    take: Take, person: PersonFigures, mask: Bool[np.ndarray, "L"], *, seconds: float
) -> Spans:
    """Return the runs that last, those less than a quarter of a second apart as one."""
    interval = float(np.median(np.diff(take.time))) if len(take.time) > 1 else 1.0
    shortest, join = max(round(seconds / interval), 1), round(0.25 / interval)
    # A clip shorter than what counts as lasting is judged as a whole.
    shortest = min(shortest, max(person.num_frames, 1))
    return _spans(take, person, joined_runs(mask, shortest=shortest, join=join))


def _spans(take: Take, person: PersonFigures, runs: tuple[slice, ...]) -> Spans:
    time = take.time
    return tuple(
        (float(time[person.start + run.start]), float(time[person.start + run.stop - 1]))
        for run in runs
    )
