"""Refine the motion of a take: by HANet where it knows the joints, by a classical filter elsewhere.

The networks want two sets: COCO's 17 keypoints with six of the feet, in metres from the middle of
the hips with +Z up and +Y away from the camera, and SMPL-H's 22 body rotations. Other skeletons are
brought there by name. What is outside the set (the way through the world, fingers, faces, bare
rigs) gets the classical filter, and the notes say so. What is missing stays missing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from marey.assets import find_asset
from marey.body.layouts import LAYOUTS
from marey.capture._absent_points import complete_points
from marey.capture._refine_rotations import (
    refine_in_world,
    to_columns,
    to_quaternions,
    turn_to_world,
)
from marey.capture._trust import POINTS, ROTATIONS, find_trust
from marey.capture.filters import (
    ROTATION_FILTERS,
    FilterName,
    FilterOptions,
    filter_values,
)
from marey.core import BodyMotion, Keypoints3D
from marey.core.errors import InputError
from marey.models.hanet import HANet, RefineOptions, load_hanet, refine_sequence

Method = Literal["none", "hanet", "one-euro", "savgol", "gaussian"]
_NATIVE = (24.0, 36.0)
"""Frame rates at which the networks take motion as it is: they have seen such speeds."""
_NEEDED = tuple(
    f"{side}_{joint}"
    for side in ("left", "right")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
)
"""Without these a skeleton is no body the network knows."""
_BLOCK, _MARGIN = 3000, 240
"""Frames refined at a time, and how many more are seen on either side: long takes need no more."""
_CAMERA_TO_Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineSettings:
    """How to refine."""

    method: Method = "hanet"
    fallback: FilterName = "gaussian"
    """The filter of what the network does not know."""
    filters: FilterOptions = field(default_factory=FilterOptions)
    """For metres."""
    rotation_filters: FilterOptions = ROTATION_FILTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinedMotion:
    """A refined motion and how it came about."""

    motion: BodyMotion
    notes: Mapping[str, Any]
    """Plain values for a take's provenance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinedPoints:
    """Refined points and how they came about."""

    points: Keypoints3D
    notes: Mapping[str, Any]


def check_method(method: str) -> None:
    """Refuse an unknown method.

    Raises:
        InputError: If it is none of `Method`.
    """
    if method not in get_args(Method):
        raise InputError(
            f"unknown way to refine '{method}'; choose one of {', '.join(get_args(Method))}"
        )


def refine_motion(motion: BodyMotion, settings: RefineSettings | None = None) -> RefinedMotion:
    """Refine the rotations of everyone, and smooth their way through the world.

    Args:
        motion: In the world, on any body; the network knows those of the SMPL family (marey-h).
        settings: How; HANet if None.

    Raises:
        InputError: If the method is unknown, or a clock has fewer than two frames per person.
    """
    settings = settings or RefineSettings()
    check_method(settings.method)
    if settings.method == "none" or len(motion.time) < 2:
        return RefinedMotion(motion=motion, notes={"method": "none"})
    rate = _rate(motion.time)
    filtering = _filter_of(settings)
    known = _known_joints(motion) if settings.method == "hanet" else 0
    notes: dict[str, Any] = {"method": settings.method}
    if settings.method == "hanet":
        notes |= _describe_network("hanet-rotations", rate)
        notes["filter"] = filtering
        notes["filtered"] = "root position and joints below the wrists" if known else "everything"
    root, pose = motion.T_world_root.copy(), motion.R_parent_joint.copy()
    blocks, corrections = list(_blocks(len(motion.time))), list[float]()
    for row in range(len(motion.people)):
        rotations = np.concatenate([root[row, :, None, :4], pose[row]], 1)
        network = _network("hanet-rotations") if known else None
        turned, trust = np.empty_like(rotations), 1.0
        if network is not None:
            parts = (turn_to_world(to_columns(rotations[own, :known])) for own, _ in blocks)
            trust = find_trust(parts, ROTATIONS)
            corrections.append(trust)
        for inner, outer in blocks:
            part = _refine_rotations(rotations[outer], network, known, rate, settings, trust)
            turned[inner] = part[inner.start - outer.start :][: inner.stop - inner.start]
        root[row, :, :4], pose[row] = turned[:, 0], turned[:, 1:]
        root[row, :, 4:] = filter_values(
            root[row, :, 4:], filtering, rate=rate, options=settings.filters
        )
    if corrections:
        notes["corrections"] = _percent(corrections)
    return RefinedMotion(
        motion=replace(motion, T_world_root=root, R_parent_joint=pose), notes=notes
    )


def refine_points(points: Keypoints3D, settings: RefineSettings | None = None) -> RefinedPoints:
    """Refine points in space of everyone.

    Args:
        points: In any frame and skeleton.
        settings: How; HANet if None.

    Raises:
        InputError: If the method is unknown.
    """
    settings = settings or RefineSettings()
    check_method(settings.method)
    if settings.method == "none" or len(points.time) < 2:
        return RefinedPoints(points=points, notes={"method": "none"})
    rate, notes = _rate(points.time), {"method": settings.method}
    filtering, names = _filter_of(settings), points.skeleton.keypoints
    usable = settings.method == "hanet" and set(_NEEDED) <= set(names)
    outside: tuple[str, ...] = names
    position = np.where(points.valid[..., None], points.position, np.nan)
    result = np.stack([_filter(person, filtering, rate, settings.filters) for person in position])
    if usable:
        network = _network("hanet-joints")
        outside = tuple(name for name in names if name not in network.config.joints)
        corrections = []
        for row, person in enumerate(position):
            result[row], trust = _refine_person(person, result[row], points, network, rate)
            corrections.append(trust)
        notes["corrections"] = _percent(corrections)
    if settings.method == "hanet":
        notes |= _describe_network("hanet-joints", rate)
        notes |= {"filter": filtering, "filtered": ["mid_hip", *outside]}
    return RefinedPoints(
        points=replace(points, position=result.astype(points.position.dtype)), notes=notes
    )


def _refine_person(
    position: Float[np.ndarray, "T K 3"],
    smooth: Float[np.ndarray, "T K 3"],
    points: Keypoints3D,
    network: HANet,
    rate: float,
) -> tuple[Float[np.ndarray, "T K 3"], float]:
    """Return the smooth points with the network's set refined, and the share of corrections."""
    names, wanted = points.skeleton.keypoints, network.config.joints
    hips = [names.index("left_hip"), names.index("right_hip")]
    turn = np.eye(3) if points.frame == "world" else _CAMERA_TO_Z_UP
    centred = (position - position[:, hips].mean(1, keepdims=True)) @ turn.T
    seen, _ = complete_points(centred, points.skeleton, wanted)
    if not np.isfinite(seen).all(-1).any():
        return smooth, 0.0
    trust = find_trust([seen], POINTS)
    options = RefineOptions(trust=trust) if network.config.filter_bank else None
    done = refine_sequence(network, seen, fps=_network_rate(rate), options=options)
    refined = done.position @ turn
    middle = smooth[:, hips].mean(1, keepdims=True)
    result = smooth.copy()
    for column, name in enumerate(wanted):
        if name in names:
            row = names.index(name)
            found = refined[:, column] + middle[:, 0]
            # What is missing stays missing; what the network lost keeps the filter's value.
            usable = np.isfinite(found) & np.isfinite(position[:, row])
            result[:, row] = np.where(usable, found, smooth[:, row])
    return result, trust


def _refine_rotations(
    quaternions: Float[np.ndarray, "T K 4"],
    network: HANet | None,
    known: int,
    rate: float,
    settings: RefineSettings,
    trust: float,
) -> Float[np.ndarray, "T K 4"]:
    """Refine the first `known` rotations by the network and filter the others."""
    if not np.isfinite(quaternions).all(-1).any():
        return quaternions
    columns = to_columns(quaternions)
    smooth = columns.copy()
    if network is not None:
        refined = refine_in_world(columns[:, :known], network, fps=_network_rate(rate), trust=trust)
        smooth[:, :known] = np.where(np.isfinite(refined), refined, columns[:, :known])
    options = settings.rotation_filters
    smooth[:, known:] = _filter(columns[:, known:], _filter_of(settings), rate, options)
    return to_quaternions(smooth, like=quaternions)


def _percent(shares: list[float]) -> str:
    """Return the share of learned corrections that were applied, in words."""
    low, high = round(100 * min(shares)), round(100 * max(shares))
    return f"{low} %" if low == high else f"{low} to {high} %"


def _blocks(length: int) -> Iterator[tuple[slice, slice]]:
    """Yield blocks of frames, and each with what it needs to see on both sides."""
    for start in range(0, length, _BLOCK):
        stop = min(start + _BLOCK, length)
        yield slice(start, stop), slice(max(start - _MARGIN, 0), min(stop + _MARGIN, length))


def _filter(
    values: Float[np.ndarray, "T K D"], name: FilterName, rate: float, options: FilterOptions
) -> Float[np.ndarray, "T K D"]:
    flat = filter_values(values.reshape(len(values), -1), name, rate=rate, options=options)
    return flat.reshape(values.shape)


def _filter_of(settings: RefineSettings) -> FilterName:
    method = settings.method
    return settings.fallback if method in ("hanet", "none") else method


def _known_joints(motion: BodyMotion) -> int:
    """Return how many rotations, the root's among them, the network knows: 22 or none."""
    joints = motion.R_parent_joint.shape[2] + 1
    return 22 if isinstance(motion.body, str) and joints in LAYOUTS else 0


def _rate(time: Float[np.ndarray, "T"]) -> float:
    step = float(np.median(np.diff(time)))
    if not step > 0:
        raise InputError("the times of the frames do not increase; refining needs a clock")
    return 1 / step


def _network_rate(rate: float) -> float | None:
    """Return the rate to tell the network, or None where it takes the motion as it is."""
    return None if _NATIVE[0] <= rate <= _NATIVE[1] else rate


@cache
def _network(asset: str) -> HANet:
    find_asset(asset, "config.json")
    return load_hanet(find_asset(asset, "model.safetensors").parent)


def _describe_network(asset: str, rate: float) -> dict[str, Any]:
    fps = _network(asset).config.fps
    resampled = "no" if _network_rate(rate) is None else f"from {rate:.6g} to {fps:.6g} and back"
    return {"network": asset, "resampled": resampled}
