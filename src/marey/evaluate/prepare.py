"""Bringing predictions and truth together: joints, frames, units and people, checked on the way."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from marey.core import convert_keypoints, load_skeleton
from marey.core.errors import FormatError, InputError
from marey.evaluate.matching import Matches, match_by_distance, match_by_image
from marey.evaluate.poses import PoseSequence, PoseSet, check_poses
from marey.evaluate.positions import expect
from marey.evaluate.protocol import Protocol
from marey.io._npz import read_npy

_SMALLEST_M, _LARGEST_M = 0.1, 10.0
_TYPICAL_M = 1.5


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
    lacking = sorted(set(theirs) - set(ours))
    if lacking and not allow_missing:
        raise InputError(
            f"the predictions lack {len(lacking)} of {len(theirs)} sequences, the first is "
            f"'{lacking[0]}'; predict them, or allow missing ones and say so with the result"
        )
    if not set(theirs) & set(ours):
        raise InputError(
            f"predictions and truth have no sequence in common: '{next(iter(ours))}' is none of "
            f"'{', '.join(list(theirs)[:3])}'"
        )
    strict = not allow_missing
    return [_pair(protocol, ours[name], theirs[name], strict) for name in theirs if name in ours]


def to_joints(
    protocol: Protocol, poses: PoseSet, what: str, regressors: Path | None = None
) -> PoseSet:
    """Express poses in the protocol's joints: regressed from vertices, or taken by name.

    Raises:
        InputError: If they cannot be.
    """
    target = load_skeleton(protocol.skeleton)
    if poses.skeleton == target.name:
        return poses
    if protocol.regressor is not None and poses.skeleton not in protocol.sources:
        return _regress(protocol, poses, what, regressors)
    if poses.skeleton not in protocol.sources:
        raise InputError(
            f"protocol {protocol.name} compares joints of {target.name}; {what} have "
            f"{poses.skeleton}, which is none of {', '.join((target.name, *protocol.sources))}"
        )
    source = load_skeleton(poses.skeleton)
    numbers = np.arange(len(source), dtype=np.float64)
    found = convert_keypoints(numbers, source, target, axis=0, substitute=True)
    wanted = [target.index(name) for name in (*protocol.joints, *protocol.root)]
    lost = [target.keypoints[row] for row in wanted or range(len(target)) if np.isnan(found[row])]
    if lost:
        raise InputError(
            f"{what}: {source.name} has no {', '.join(lost)}, which {protocol.name} needs"
        )
    rows = np.where(np.isnan(found), -1, found).astype(np.int64)
    return replace(
        poses,
        skeleton=target.name,
        sequences=tuple(_reorder(each, rows) for each in poses.sequences),
    )


def _reorder(each: PoseSequence, rows: np.ndarray) -> PoseSequence:
    def pick(values: Float[np.ndarray, "..."] | None, axis: int) -> Float[np.ndarray, "..."] | None:
        if values is None:
            return None
        moved = np.moveaxis(np.take(values, rows, axis=axis), axis, 0).copy()
        moved[rows < 0] = np.nan
        return np.moveaxis(moved, 0, axis)

    position = pick(each.position, 2)
    assert position is not None
    return replace(
        each, position=position, confidence=pick(each.confidence, 2), image=pick(each.image, 2)
    )


def _regress(protocol: Protocol, poses: PoseSet, what: str, regressors: Path | None) -> PoseSet:
    file = protocol.regressor
    assert file is not None
    if any(each.vertices is None for each in poses.sequences):
        known = ", ".join((protocol.skeleton, *protocol.sources))
        raise InputError(
            f"protocol {protocol.name} measures joints that {file} makes from vertices; {what} "
            f"hold joints of {poses.skeleton} and no vertices: give vertices, or joints made by "
            f"that file ({known})"
        )
    if regressors is None or not (regressors / file).is_file():
        raise InputError(
            f"protocol {protocol.name} needs the licensed file {file}; get it with the body model "
            "and name its folder with --smpl-dir"
        )
    matrix = read_npy(regressors / file)
    num_joints = len(load_skeleton("h36m-17-regressor"))
    vertices = {each.vertices.shape[2] for each in poses.sequences if each.vertices is not None}
    if matrix.shape != (num_joints, *vertices) or not np.allclose(matrix.sum(1), 1, atol=1e-3):
        raise FormatError(
            f"{regressors / file} should have shape ({num_joints}, {vertices}) as the vertices of "
            f"{what}, with rows that add up to 1; got {matrix.shape}"
        )
    made = tuple(
        replace(each, position=_weigh(matrix, each.vertices), confidence=None, image=None)
        for each in poses.sequences
        if each.vertices is not None
    )
    regressed = replace(poses, skeleton="h36m-17-regressor", sequences=made)
    return to_joints(protocol, regressed, what)


def _weigh(
    matrix: Float[np.ndarray, "K V"], vertices: Float[np.ndarray, "N T V 3"]
) -> Float[np.ndarray, "N T K 3"]:
    return np.asarray(matrix, np.float64) @ np.asarray(vertices, np.float64)


def _check_size(each: PoseSequence, what: str, unit: str) -> None:
    known = np.all(np.isfinite(each.position), axis=-1)
    if not known.any():
        raise InputError(f"{what}, sequence '{each.name}': not one position is a number")
    frames = np.where(known[..., None], each.position, np.nan)[known.sum(-1) > 1]
    if not len(frames):
        return
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
            f"first is frame {first}; predict them, or allow missing ones"
        )
    ours = _spread(ours, theirs)
    people = _there(theirs)
    ours, missed = (ours, 0) if protocol.pairing == "none" else _match(protocol, ours, theirs, what)
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
            "missing ones"
        )


def _match(
    protocol: Protocol, ours: PoseSequence, theirs: PoseSequence, what: str
) -> tuple[PoseSequence, int]:
    people = len(theirs.position)
    if protocol.pairing == "same":
        if len(ours.position) != people:
            raise InputError(
                f"{what}: predictions hold {len(ours.position)} people, truth {people}; "
                f"{protocol.name} compares each with the one of the same place"
            )
        return ours, int((_there(theirs) & ~_there(ours)).sum())
    order = np.full((people, len(theirs.frame)), -1)
    missed = 0
    present, wanted = _there(ours), _there(theirs)
    for row in range(len(theirs.frame)):
        finds, truths = np.flatnonzero(present[:, row]), np.flatnonzero(wanted[:, row])
        matches = _match_frame(protocol, ours, theirs, row, (finds, truths), what)
        order[truths[matches.pairs[:, 1]], row] = finds[matches.pairs[:, 0]]
        missed += len(matches.missed)
    return _take_people(ours, order), missed


def _match_frame(
    protocol: Protocol,
    ours: PoseSequence,
    theirs: PoseSequence,
    row: int,
    people: tuple[np.ndarray, np.ndarray],
    what: str,
) -> Matches:
    finds, truths = people
    if protocol.pairing == "image":
        if ours.image is None or theirs.image is None:
            raise InputError(
                f"{what}: {protocol.name} pairs people by their joints in the image; give the "
                "field image on both sides"
            )
        return match_by_image(
            ours.image[finds, row],
            theirs.image[truths, row],
            end_early=protocol.has("refusals-use-up-predictions"),
        )
    gap = np.linalg.norm(
        ours.position[finds, None, row] - theirs.position[None, truths, row], axis=-1
    )
    known = np.isfinite(gap)
    total = np.where(known, gap, 0.0).sum(-1)
    return match_by_distance(total / np.where(known.any(-1), known.sum(-1), np.nan))


def _there(each: PoseSequence) -> Bool[np.ndarray, "N T"]:
    known = expect(each.position, None)
    return np.any(known if each.confidence is None else known & (each.confidence > 0), axis=-1)


def _frames(each: PoseSequence, part: slice) -> PoseSequence:
    cut = {
        name: getattr(each, name)[:, part]
        for name in ("position", "confidence", "image", "box", "vertices")
        if getattr(each, name) is not None
    }
    return replace(each, frame=each.frame[part], **cut)


def _spread(ours: PoseSequence, theirs: PoseSequence) -> PoseSequence:
    # Predictions on the frames of the truth: NaN where there are none.
    known = np.isin(theirs.frame, ours.frame)
    rows = np.searchsorted(ours.frame, theirs.frame[known])
    spread = {}
    for name in ("position", "confidence", "image", "box", "vertices"):
        values = getattr(ours, name)
        if values is not None:
            full = np.full((len(values), len(known), *values.shape[2:]), np.nan, values.dtype)
            full[:, known] = values[:, rows]
            spread[name] = full
    return replace(ours, frame=theirs.frame, **spread)


def _take_people(ours: PoseSequence, order: np.ndarray) -> PoseSequence:
    # order: [N T] of which prediction stands for a true person in a frame, -1 for none.
    frames = np.arange(order.shape[1])[None]
    taken = {}
    for name in ("position", "confidence", "image", "box", "vertices"):
        values = getattr(ours, name)
        if values is not None:
            full = np.full((*order.shape, *values.shape[2:]), np.nan, values.dtype)
            found = order >= 0
            full[found] = values[order[found], np.broadcast_to(frames, order.shape)[found]]
            taken[name] = full
    return replace(ours, **taken)
