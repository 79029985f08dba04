"""Which moments of a take are worth a picture."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from marey.view.report.figures import PersonFigures

NUM_SPREAD = 4
"""Moments spread over the take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A frame and why it was chosen."""

    frame: int
    reason: str = ""


def choose_moments(people: tuple[PersonFigures, ...], num_frames: int) -> tuple[Moment, ...]:
    """Choose up to six frames, in order: some spread, the worst error, the fastest moment.

    Args:
        people: Everyone's figures.
        num_frames: Frames of the take.
    """
    special = [moment for moment in (_worst(people), _fastest(people)) if moment is not None]
    chosen: dict[int, str] = {}
    for moment in special:
        known = chosen.get(moment.frame)
        chosen[moment.frame] = f"{known}; {moment.reason}" if known else moment.reason
    apart = max(num_frames // 24, 1)
    for frame in _spread(people, num_frames):
        if all(abs(frame - other) >= apart for other in chosen):
            chosen[frame] = ""
    return tuple(Moment(frame=frame, reason=chosen[frame]) for frame in sorted(chosen))


def _spread(people: tuple[PersonFigures, ...], num_frames: int) -> list[int]:
    """In each part of the take, the frame near its middle with most people, surely seen."""
    score = np.zeros(num_frames, np.float32)
    for person in people:
        confidence = person.presence.confidence
        score[person.start : person.start + person.num_frames] += confidence + (confidence > 0)
    borders = np.linspace(0, num_frames, min(NUM_SPREAD, num_frames) + 1).astype(int)
    frames = []
    for start, stop in pairwise(borders.tolist()):
        quarter = (stop - start) // 4
        for window in (slice(start + quarter, stop - quarter), slice(start, stop)):
            if score[window].any():
                frames.append(window.start + int(score[window].argmax()))
                break
    return frames


def _worst(people: tuple[PersonFigures, ...]) -> Moment | None:
    curves = [(p, p.reprojection.error_share) for p in people if p.reprojection is not None]
    found = _highest(curves)
    if found is None:
        return None
    person, frame, value = found
    reason = f"largest reprojection error: {100 * value:.1f} % of the height of {person.name}"
    return Moment(frame=person.start + frame, reason=reason)


def _fastest(people: tuple[PersonFigures, ...]) -> Moment | None:
    curves = [(p, p.movement.fastest) for p in people if p.movement is not None]
    found = _highest(curves)
    if found is None:
        return None
    person, frame, value = found
    assert person.movement is not None
    joint = person.movement.joints[int(np.nanargmax(person.movement.peak))].replace("_", " ")
    reason = f"fastest moment: {joint} of {person.name}, {value:.1f} m/s"
    return Moment(frame=person.start + frame, reason=reason)


def _highest(
    curves: list[tuple[PersonFigures, np.ndarray]],
) -> tuple[PersonFigures, int, float] | None:
    """Return whose curve is highest, when (frame of the span), and how high."""
    known = [(person, curve) for person, curve in curves if np.isfinite(curve).any()]
    if not known:
        return None
    person, curve = max(known, key=lambda pair: float(np.nanmax(pair[1])))
    frame = int(np.nanargmax(curve))
    return person, frame, float(curve[frame])
