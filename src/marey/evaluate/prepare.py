"""Bringing predictions and truth together: joints, frames, units and people, checked on the way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from marey.core import load_skeleton
from marey.core.errors import InputError
from marey.evaluate.joints import to_joints
from marey.evaluate.pairing import FIELDS, pair_people, there
from marey.evaluate.poses import PoseSequence, PoseSet, check_poses
from marey.evaluate.positions import expect
from marey.evaluate.protocol import Protocol

_SMALLEST_M, _LARGEST_M = 0.1, 10.0
_TYPICAL_M = 1.5
_MOST_SIZED = 500  # poses of a sequence that tell its unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One sequence, both sides in the protocol's joints, the same frames and the same people."""

    name: str
    predicted: PoseSequence
    truth: PoseSequence
    valid: Bool[np.ndarray, "N T K"]
    """What counts: labelled surely enough."""
    num_people: int
    """True people of all frames together."""
    num_missed: int
    """Those nobody was paired with."""


def explain_no_vertices(pairs: Sequence[Pair]) -> str:
    """Say which side has no meshes, and why where a reader knows; empty if both have them."""
    sides = {"predictions": [p.predicted for p in pairs], "truth": [p.truth for p in pairs]}
    bare = {
        name: [each.no_vertices for each in side if each.vertices is None]
        for name, side in sides.items()
    }
    lacking = [name for name, reasons in bare.items() if reasons]
    if not lacking:
        return ""
    reason = next((each for name in lacking for each in bare[name] if each), "")
    return f"the {' and the '.join(lacking)} hold no vertices" + (f": {reason}" if reason else "")


def prepare(
    protocol: Protocol,
    predicted: PoseSet,
    truth: PoseSet,
    *,
    regressors: Path | None = None,
    allow_missing: bool = False,
) -> list[Pair]:
    """Check both sides and pair them sequence by sequence.

    Args:
        protocol: What is compared.
        predicted: Predictions.
        truth: Truth.
        regressors: Folder of the licensed files that make joints from vertices.
        allow_missing: Whether predictions may lack frames and sequences; they are counted.

    Raises:
        InputError: If something is missing, doubled, in another unit or cannot be compared.
        ShapeError: If an array has the wrong size.
    """
    sides = []
    for poses, what in ((predicted, "the predictions"), (truth, "the truth")):
        check_poses(poses, what)
        if poses.unit != protocol.unit:
            raise InputError(
                f"protocol {protocol.name} compares positions in {protocol.unit}, {what} are in "
                f"{poses.unit}"
            )
        made = to_joints(protocol, poses, what, regressors)
        for each in made.sequences:
            _check_size(each, what, protocol.unit)
        sides.append({each.name: each for each in made.sequences})
    ours, theirs = sides
    if len(ours) == len(theirs) == 1:
        # A pair of files needs no common name.
        ours = dict(zip(theirs, ours.values(), strict=True))
    lacking = sorted(set(theirs) - set(ours))
    if lacking and not allow_missing:
        raise InputError(
            f"the predictions lack {len(lacking)} of {len(theirs)} sequences, the first is "
            f"'{lacking[0]}'; predict them, or allow missing ones (--allow-missing)"
        )
    if not set(theirs) & set(ours):
        raise InputError(
            f"predictions and truth have no sequence in common: '{next(iter(ours))}' is none of "
            f"'{', '.join(list(theirs)[:3])}'"
        )
    strict = not allow_missing
    return [_pair(protocol, ours[name], theirs[name], strict) for name in theirs if name in ours]


def _check_size(each: PoseSequence, what: str, unit: str) -> None:
    known = np.all(np.isfinite(each.position), axis=-1)
    if not known.any():
        raise InputError(f"{what}, sequence '{each.name}': not one position is a number")
    people, rows = np.nonzero(known.sum(-1) > 1)
    if not len(rows):
        return
    some = slice(None, None, len(rows) // _MOST_SIZED + 1)
    people, rows = people[some], rows[some]
    frames = np.where(known[people, rows, :, None], each.position[people, rows], np.nan)
    extent = float(np.median((np.nanmax(frames, 1) - np.nanmin(frames, 1)).max(-1)))
    if unit == "px" and 0 < extent < 2:
        raise InputError(
            f"{what}, sequence '{each.name}': people are {extent:.2g} px large; these are shares "
            "of the image's size, pixels are expected"
        )
    if unit == "m" and not _SMALLEST_M < extent < _LARGEST_M and extent > 0:
        guess = {"mm": 1e-3, "cm": 1e-2}
        best = min(guess, key=lambda name: abs(np.log(extent * guess[name] / _TYPICAL_M)))
        advice = f"; these are {best}" if extent > _LARGEST_M else ""
        raise InputError(
            f"{what}, sequence '{each.name}': bodies are {extent:.4g} large{advice}, metres are "
            "expected"
        )


def _pair(protocol: Protocol, ours: PoseSequence, theirs: PoseSequence, strict: bool) -> Pair:
    what = f"sequence '{theirs.name}'"
    shared = np.isin(theirs.frame, ours.frame)
    covered = shared
    if protocol.has("dropped-tail") and shared.any():
        theirs = _frames(theirs, slice(0, int(np.flatnonzero(shared)[-1]) + 1))
        covered = np.isin(theirs.frame, ours.frame)
    if strict and not covered.all() and protocol.missing == "refuse":
        first = theirs.frame[~covered][0]
        raise InputError(
            f"{what}: the predictions lack {int((~covered).sum())} of {len(covered)} frames, the "
            f"first is frame {first}; predict them, or allow missing ones (--allow-missing)"
        )
    ours = _spread(ours, theirs)
    people = there(theirs)
    ours, missed = (
        (ours, 0) if protocol.pairing == "none" else pair_people(protocol, ours, theirs, what)
    )
    confidence = theirs.confidence
    valid = np.ones(theirs.position.shape[:3], bool)
    if confidence is not None:
        valid = confidence > protocol.least_confidence
    if strict and protocol.missing == "refuse":
        _refuse_gaps(protocol, ours, theirs, valid, what)
    return Pair(
        name=theirs.name,
        predicted=ours,
        truth=theirs,
        valid=valid,
        num_people=int(people.sum()),
        num_missed=missed,
    )


def _refuse_gaps(
    protocol: Protocol,
    ours: PoseSequence,
    theirs: PoseSequence,
    valid: Bool[np.ndarray, "N T K"],
    what: str,
) -> None:
    skeleton = load_skeleton(protocol.skeleton)
    joints = [skeleton.index(name) for name in protocol.joints or skeleton.keypoints]
    wanted = expect(theirs.position, valid)[..., joints]
    lost = wanted & ~expect(ours.position, None)[..., joints]
    if lost.any():
        person, row, joint = (int(each[0]) for each in np.nonzero(lost))
        raise InputError(
            f"{what}: {int(lost.sum())} of {int(wanted.sum())} true joints have no prediction, the "
            f"first is {skeleton.keypoints[joints[joint]]} of person {person} in frame "
            f"{theirs.frame[row]}; {protocol.name} counts every joint, so predict them or allow "
            "missing ones (--allow-missing)"
        )


def _frames(each: PoseSequence, part: slice) -> PoseSequence:
    cut = {name: getattr(each, name)[:, part] for name in FIELDS if getattr(each, name) is not None}
    return replace(each, frame=each.frame[part], **cut)


def _spread(ours: PoseSequence, theirs: PoseSequence) -> PoseSequence:
    # Predictions on the frames of the truth: NaN where there are none.
    known = np.isin(theirs.frame, ours.frame)
    rows = np.searchsorted(ours.frame, theirs.frame[known])
    spread = {}
    for name in FIELDS:
        values = getattr(ours, name)
        if values is not None:
            full = np.full((len(values), len(known), *values.shape[2:]), np.nan, values.dtype)
            full[:, known] = values[:, rows]
            spread[name] = full
    return replace(ours, frame=theirs.frame, **spread)
