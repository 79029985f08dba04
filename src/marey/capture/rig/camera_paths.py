"""Cameras that move, such as those worn on heads: their poses at the moments of a clock.

A path is a pose per frame of the camera's own video. Between two frames the centre goes straight
and the rotation the short way. Where a pose is not known the camera sees nothing: whatever its
pictures show has no place in the world.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from marey.capture.rig.common_clock import Steps, choose_clock, find_steps
from marey.core import Cameras
from marey.core.errors import InputError

CameraPath = Float[np.ndarray, "L 7"]
"""World to camera per frame of the camera's own video; NaN where it is not known."""

_NOWHERE = np.array([1.0, 0, 0, 0, 0, 0, 0])


def follow_paths(
    cameras: Cameras,
    paths: Sequence[CameraPath | None],
    times: Sequence[Float[np.ndarray, "_"]],
) -> Cameras:
    """Return cameras with a pose per moment of the common clock; as they are if none moves.

    Args:
        cameras: Static ones, in whose place those with a path move.
        paths: Per camera, its path, or None where it stands still.
        times: Of each camera's frames on its own clock, s; `time_offset` brings them to the common
            one.

    Raises:
        InputError: If a path is not of its video's frames.
    """
    if all(path is None for path in paths):
        return cameras
    for name, path, own in zip(cameras.names, paths, times, strict=True):
        if path is not None and len(path) != len(own):
            raise InputError(
                f"{name} came with {len(path)} poses for {len(own)} frames; give one per frame"
            )
    common = [own + late for own, late in zip(times, cameras.time_offset, strict=True)]
    clock = choose_clock(common)
    poses = [
        np.repeat(cameras.T_cam_world[row], len(clock), 0)
        if path is None
        else _between(path, find_steps(common[row], clock))
        for row, path in enumerate(paths)
    ]
    return replace(cameras, T_cam_world=np.stack(poses))


def fill_poses(cameras: Cameras) -> tuple[Cameras, Bool[np.ndarray, "C M"]]:
    """Return cameras that have a pose at all times, the nearest known one, and when they had one.

    Args:
        cameras: Static, or with a pose per moment, NaN where it is not known.
    """
    known = np.asarray(np.isfinite(cameras.T_cam_world).all(-1))
    if known.all():
        return cameras, known
    pose = cameras.T_cam_world.astype(np.float64)
    for row, own in enumerate(known):
        moments = np.flatnonzero(own)
        if not len(moments):
            pose[row] = _NOWHERE
            continue
        frames = np.arange(len(own))
        after = np.minimum(np.searchsorted(moments, frames), len(moments) - 1)
        before = np.maximum(after - 1, 0)
        nearer = np.abs(frames - moments[before]) <= np.abs(frames - moments[after])
        pose[row] = pose[row, moments[np.where(nearer, before, after)]]
    return replace(cameras, T_cam_world=pose), known


def blind_steps(steps: Sequence[Steps], known: Bool[np.ndarray, "C M"]) -> list[Steps]:
    """Return steps without frames at the moments at which a camera's pose is not known."""
    return [
        replace(own, before=np.where(there, own.before, -1), after=np.where(there, own.after, -1))
        for own, there in zip(steps, known, strict=True)
    ]


def _between(path: CameraPath, steps: Steps) -> Float[np.ndarray, "T 7"]:
    one, other = path[steps.before], path[steps.after]
    share = steps.share
    known = np.isfinite(one).all(-1) & (np.isfinite(other).all(-1) | (share == 0))
    known &= steps.before >= 0
    one, other = one[known], np.where((share == 0)[known, None], one[known], other[known])
    pose = np.full((len(known), 7), np.nan)
    if not known.any():
        return pose
    first = Rotation.from_quat(one[:, :4], scalar_first=True)
    last = Rotation.from_quat(other[:, :4], scalar_first=True)
    part = share[known, None]
    turn = first * Rotation.from_rotvec(part * (first.inv() * last).as_rotvec())
    centre = (1 - part) * -first.inv().apply(one[:, 4:]) - part * last.inv().apply(other[:, 4:])
    pose[known, :4] = turn.as_quat(canonical=True, scalar_first=True)
    pose[known, 4:] = -turn.apply(centre)
    return pose
