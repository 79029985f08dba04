"""The table of measures: what each name in a protocol computes for one sequence.

A measure that is an average returns the map it averages, one value per person, frame and joint, so
that tables per joint, worst frames and intervals come from the very numbers of the result.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from marey.core import load_skeleton
from marey.core.errors import InputError
from marey.evaluate.correctness import (
    box_size,
    correct_keypoints,
    correct_limbs,
    sampled_areas_under_curve,
)
from marey.evaluate.motion import acceleration_errors, differentiate, valid_steps
from marey.evaluate.poses import PoseSequence
from marey.evaluate.positions import (
    aligned_errors,
    centre_on,
    expect,
    joint_errors,
    rooted_errors,
    scaled_errors,
)
from marey.evaluate.prepare import Pair, explain_no_vertices
from marey.evaluate.protocol import Metric, Protocol
from marey.evaluate.world import root_translation_errors, world_errors

_PADDING = 1.2


class NotMeasurable(Exception):
    """The files do not hold what a metric needs; the result says so instead of a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMap:
    """One number per person, frame and joint, NaN where it does not count."""

    values: Float[np.ndarray, "N U R"]
    expected: Bool[np.ndarray, "N U R"]
    """Where a number should be."""
    columns: tuple[str, ...] = ()
    """Joints or limbs; none for vertices."""
    first_frame: int = 0
    """How many frames of the sequence come before the first of the map."""


def measure(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    """Compute one metric's map of one sequence, in m, m/frame^2, or shares of 1.

    Raises:
        NotMeasurable: If the files lack what it needs.
    """
    return _TABLE[metric.measure](protocol, metric, pair)


def is_map(metric: Metric) -> bool:
    """Say whether a metric is an average over a map."""
    return metric.measure in _TABLE


def columns_of(protocol: Protocol, metric: Metric) -> tuple[tuple[str, ...], list[int]]:
    """Return the names and places of the joints that a metric is about."""
    skeleton = load_skeleton(protocol.skeleton)
    names = metric.joints or protocol.joints or skeleton.keypoints
    return names, [skeleton.index(name) for name in names]


def root_of(protocol: Protocol) -> tuple[int, ...]:
    """Return the places of the root joints."""
    skeleton = load_skeleton(protocol.skeleton)
    return tuple(skeleton.index(name) for name in protocol.root)


def _positions(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    names, rows = columns_of(protocol, metric)
    root = root_of(protocol) if metric.rooted else ()
    ours, theirs = pair.predicted.position, pair.truth.position
    errors = rooted_errors(ours, theirs, root=root, valid=pair.valid)
    return ErrorMap(
        values=errors[..., rows], expected=expect(theirs, pair.valid)[..., rows], columns=names
    )


def _aligned(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    names, rows = columns_of(protocol, metric)
    ours, theirs = pair.predicted.position[:, :, rows], pair.truth.position[:, :, rows]
    valid = pair.valid[..., rows]
    return ErrorMap(
        values=aligned_errors(ours, theirs, valid=valid),
        expected=expect(theirs, valid),
        columns=names,
    )


def _scaled(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    names, rows = columns_of(protocol, metric)
    root = root_of(protocol)
    ours, theirs = (
        centre_on(each.position, root)[:, :, rows] for each in (pair.predicted, pair.truth)
    )
    valid = pair.valid[..., rows]
    return ErrorMap(
        values=scaled_errors(ours, theirs, root=(), valid=valid),
        expected=expect(theirs, valid),
        columns=names,
    )


def _meshes(pair: Pair) -> tuple[Float[np.ndarray, "N T V 3"], Float[np.ndarray, "N T V 3"]]:
    ours, theirs = pair.predicted.vertices, pair.truth.vertices
    if ours is None or theirs is None:
        raise NotMeasurable(explain_no_vertices([pair]))
    if ours.shape != theirs.shape:
        raise InputError(
            f"sequence '{pair.name}': predictions have {ours.shape[2]} vertices, the truth "
            f"{theirs.shape[2]}; both must be of one body model"
        )
    return ours, theirs


def _vertices(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    ours, theirs = _meshes(pair)
    if protocol.has("first-vertex"):
        offset = theirs[:, :, 0] - ours[:, :, 0]
    elif protocol.has("vertices-unaligned"):
        offset = np.zeros_like(ours[:, :, 0])
    else:
        offset = _root_positions(protocol, pair.truth) - _root_positions(protocol, pair.predicted)
    errors = joint_errors(ours + offset[:, :, None], theirs)
    return ErrorMap(values=errors, expected=expect(theirs, None))


def _aligned_vertices(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    ours, theirs = _meshes(pair)
    return ErrorMap(values=aligned_errors(ours, theirs), expected=expect(theirs, None))


def _acceleration(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    names, rows = columns_of(protocol, metric)
    ours, theirs = pair.predicted.position, pair.truth.position
    if metric.rooted:
        root = root_of(protocol)
        ours, theirs = centre_on(ours, root), centre_on(theirs, root)
    valid = valid_steps(expect(theirs, pair.valid), 2) & _steady(pair.truth, 2)[None, :, None]
    errors = np.where(valid, acceleration_errors(ours, theirs), np.nan)
    return ErrorMap(
        values=errors[..., rows], expected=valid[..., rows], columns=names, first_frame=1
    )


def _jitter(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    names, rows = columns_of(protocol, metric)
    rate = pair.truth.frame_rate or pair.predicted.frame_rate
    if rate is None:
        raise NotMeasurable("neither file states a frame rate")
    jerk = differentiate(pair.predicted.position[:, :, rows], 3, frame_rate=rate)
    values = np.where(_steady(pair.truth, 3)[None, :, None], np.linalg.norm(jerk, axis=-1), np.nan)
    return ErrorMap(values=values, expected=np.isfinite(values), columns=names, first_frame=2)


def _steady(each: PoseSequence, order: int) -> Bool[np.ndarray, "U"]:
    # Differences across a gap in the frame numbers are no derivatives. Sequences sampled every n-th
    # frame are steady at their own step.
    step = np.diff(each.frame)
    if not len(step):
        return np.zeros(max(len(each.frame) - order, 0), bool)
    even = (step == np.median(step))[:, None]
    return valid_steps(even, order - 1)[:, 0] if len(step) >= order else np.zeros(0, bool)


def _world(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    names, rows = columns_of(protocol, metric)
    num_aligned = 2 if metric.measure == "w-mpjpe" else None
    truth = np.where(pair.valid[..., None], pair.truth.position, np.nan)[:, :, rows]
    ours = pair.predicted.position[:, :, rows]
    values = np.stack(
        [world_errors(p, g, num_aligned=num_aligned) for p, g in zip(ours, truth, strict=True)]
    )
    return ErrorMap(values=values, expected=expect(truth, None), columns=names)


def _root_translation(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    ours, theirs = (_root_positions(protocol, each) for each in (pair.predicted, pair.truth))
    values = np.stack([root_translation_errors(p, g) for p, g in zip(ours, theirs, strict=True)])
    return ErrorMap(values=values, expected=expect(theirs, None)[..., None], columns=("root",))


def _root_positions(protocol: Protocol, each: PoseSequence) -> Float[np.ndarray, "N T 3"]:
    return np.asarray(each.position, np.float64)[:, :, list(root_of(protocol))].mean(2)


def _correct(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    names, ours, theirs, valid = _rooted(protocol, metric, pair)
    assert metric.threshold is not None
    right = correct_keypoints(ours, theirs, scale=1.0, threshold=metric.threshold, valid=valid)
    return ErrorMap(values=right, expected=_should_count(metric, protocol, pair), columns=names)


def _areas(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    names, ours, theirs, valid = _rooted(protocol, metric, pair)
    assert metric.threshold is not None
    # In whole mm, as published: 0.001 m has no exact binary form.
    thresholds = np.arange(round(1000 * metric.threshold) + 1, dtype=np.float64)
    errors = 1000.0 * joint_errors(ours, theirs)
    errors = np.where(np.isfinite(errors), errors, np.inf)
    counted = np.where(expect(theirs, valid), errors, np.nan)
    return ErrorMap(
        values=sampled_areas_under_curve(counted, thresholds),
        expected=_should_count(metric, protocol, pair),
        columns=names,
    )


def _should_count(metric: Metric, protocol: Protocol, pair: Pair) -> Bool[np.ndarray, "N T R"]:
    """Say where there is a truth, of people too who were not found and whom `found-only` hides."""
    _, rows = columns_of(protocol, metric)
    truth = pair.truth.position
    centred = centre_on(truth, root_of(protocol)) if metric.rooted else truth
    return expect(centred, pair.valid)[..., rows]


def _rooted(
    protocol: Protocol, metric: Metric, pair: Pair
) -> tuple[
    tuple[str, ...],
    Float[np.ndarray, "N T R D"],
    Float[np.ndarray, "N T R D"],
    Bool[np.ndarray, "N T R"],
]:
    names, rows = columns_of(protocol, metric)
    ours, theirs = pair.predicted.position, pair.truth.position
    if metric.rooted:
        root = root_of(protocol)
        ours, theirs = centre_on(ours, root), centre_on(theirs, root)
    valid = pair.valid
    if protocol.has("found-only"):
        valid = valid & expect(pair.predicted.position, None).any(-1, keepdims=True)
    return names, ours[:, :, rows], theirs[:, :, rows], valid[..., rows]


def _correct_in_image(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    names, rows = columns_of(protocol, metric)
    ours, theirs = (
        each.position if protocol.unit == "px" else each.image
        for each in (pair.predicted, pair.truth)
    )
    box = pair.truth.box
    sides = {
        "keypoints in the image of the predictions": ours,
        "true keypoints in the image": theirs,
        "boxes of the truth": box,
    }
    lacking = [name for name, part in sides.items() if part is None]
    if ours is None or theirs is None or box is None:
        raise NotMeasurable(f"there are no {' and no '.join(lacking)}")
    assert metric.threshold is not None
    padded = any(quirk.name == "unpadded-box" and not quirk.on for quirk in protocol.quirks)
    right = correct_keypoints(
        ours[:, :, rows],
        theirs[:, :, rows],
        scale=box_size(box) / (_PADDING if padded else 1.0),
        threshold=metric.threshold,
        valid=pair.valid[..., rows],
    )
    return ErrorMap(values=right, expected=np.isfinite(right), columns=names)


def _limbs(protocol: Protocol, metric: Metric, pair: Pair) -> ErrorMap:
    skeleton = load_skeleton(protocol.skeleton)
    limbs = np.array([[skeleton.index(end) for end in limb] for limb in protocol.limbs])
    assert metric.threshold is not None
    truth = np.where(pair.valid[..., None], pair.truth.position, np.nan)
    right = correct_limbs(pair.predicted.position, truth, limbs=limbs, threshold=metric.threshold)
    names = tuple(f"{first} - {second}" for first, second in protocol.limbs)
    return ErrorMap(values=right, expected=np.isfinite(right), columns=names)


_TABLE: dict[str, Callable[[Protocol, Metric, Pair], ErrorMap]] = {
    "mpjpe": _positions,
    "pa-mpjpe": _aligned,
    "n-mpjpe": _scaled,
    "mpvpe": _vertices,
    "pa-mpvpe": _aligned_vertices,
    "acceleration": _acceleration,
    "jitter": _jitter,
    "wa-mpjpe": _world,
    "w-mpjpe": _world,
    "root-translation": _root_translation,
    "pck": _correct,
    "pck-image": _correct_in_image,
    "auc": _areas,
    "pcp": _limbs,
}
