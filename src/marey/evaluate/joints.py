"""Poses in a protocol's joints: taken by name, or made from vertices by a licensed regressor."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core import convert_keypoints, load_skeleton
from marey.core.errors import FormatError, InputError
from marey.evaluate.poses import PoseSequence, PoseSet
from marey.evaluate.protocol import Protocol
from marey.io.npz import read_npy


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
            f"protocol {protocol.name} compares joints of {target.name}; those of {what} are "
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
