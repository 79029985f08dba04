"""Motion as glTF keys, and back.

The root has keys for translation and rotation at every frame in which the person is present; a
joint that never turns has a single key. A person who is absent in some frames has the root's scale
on the full clock, 1 where present and 0 where absent.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64

from marey.core import BodyMotion
from marey.core.errors import InputError
from marey.geometry.rotation import quaternion_multiply
from marey.io.gltf._container import GlbReader, GlbWriter

HALF = 0.5**0.5
R_GLTF_WORLD = (HALF, -HALF, 0.0, 0.0)
"""Quaternion wxyz of -90 degrees about X, from marey's world to glTF's."""


def find_present(motion: BodyMotion) -> Bool[np.ndarray, "N T"]:
    """Return where a person has a complete pose."""
    root = np.all(np.isfinite(motion.T_world_root), -1)
    return np.asarray(root & np.all(np.isfinite(motion.R_parent_joint), (-1, -2)))


def make_clock(time: Float[np.ndarray, "T"]) -> Float32[np.ndarray, "T"]:
    """Return key times in s from 0 on.

    Raises:
        InputError: If the times do not increase, or by less than float32 can tell apart.
    """
    clock = (time - time[:1]).astype(np.float32)
    if not (np.diff(clock) > 0).all():
        raise InputError("glTF needs frame times that increase; resample the motion first")
    return clock


def add_motion(
    file: tuple[GlbWriter, dict[str, Any]],
    motion: tuple[Float[np.ndarray, "T 7"], Float[np.ndarray, "T J 4"]],
    *,
    node: int,
    clock: Float32[np.ndarray, "T"],
    present: Bool[np.ndarray, "T"],
) -> None:
    """Add one person's keys.

    Args:
        file: The file and its animation.
        motion: Pose of the root in marey's world, and rotations of the joints.
        node: The root's node; the joints' nodes follow it.
        clock: Times of the frames, s.
        present: Frames in which the person has a pose.
    """
    glb, animation = file
    if present.any():
        root, pose = (values[present].astype(np.float64) for values in motion)
        x, y, z = root[:, 4:].T
        position = np.stack([x, z, -y], -1).astype(np.float32)
        _add_keys(file, (node, "translation"), clock[present], position)
        rotations = np.concatenate([_turn(R_GLTF_WORLD, root[:, None, :4]), pose], 1)
        keys = _to_keys(rotations)
        _add_keys(file, (node, "rotation"), clock[present], keys[:, 0])
        for joint in range(1, keys.shape[1]):
            still = bool((keys[:, joint] == keys[0, joint]).all())
            rows = slice(0, 1) if still else slice(None)
            target = (node + joint, "rotation")
            _add_keys(file, target, clock[present][rows], keys[rows, joint])
    if not present.all():
        scale = np.repeat(present[:, None].astype(np.float32), 3, 1)
        _add_keys((glb, animation), (node, "scale"), clock, scale, interpolation="STEP")


def read_clock(glb: GlbReader) -> Float32[np.ndarray, "T"]:
    """Return the times of all frames: the longest of a file's key times."""
    times = [np.zeros(0, np.float32)]
    for animation in glb.parts.get("animations", ()):
        inputs = {sampler["input"] for sampler in animation["samplers"]}
        times += [glb.read_array(index) for index in sorted(inputs)]
    return max(times, key=len)


def read_motion(
    glb: GlbReader, *, node: int, num_joints: int, clock: Float32[np.ndarray, "T"]
) -> tuple[Float32[np.ndarray, "T 7"], Float32[np.ndarray, "T J 4"]]:
    """Return one person's root in marey's world and joint rotations, NaN where absent."""
    root = np.full((len(clock), 7), np.nan, np.float32)
    pose = np.full((len(clock), num_joints, 4), np.nan, np.float32)
    keys = _read_keys(glb)
    if (node, "translation") not in keys:
        return root, pose
    times, position = keys[node, "translation"]
    rows = np.searchsorted(clock, times)
    x, y, z = position.T
    root[rows, 4:] = np.stack([x, -z, y], -1)
    back = (HALF, HALF, 0.0, 0.0)
    root[rows, :4] = _turn(back, _from_keys(keys[node, "rotation"][1]))
    for joint in range(num_joints):
        pose[rows, joint] = _from_keys(keys[node + 1 + joint, "rotation"][1])
    return root, pose


def _add_keys(
    file: tuple[GlbWriter, dict[str, Any]],
    target: tuple[int, str],
    times: Float32[np.ndarray, "L"],
    values: Float32[np.ndarray, "L item"],
    *,
    interpolation: str = "LINEAR",
) -> None:
    glb, animation = file
    sampler = {
        "input": glb.add_array(times, bounds=True),
        "interpolation": interpolation,
        "output": glb.add_array(values),
    }
    animation["samplers"].append(sampler)
    node, path = target
    channel = {"sampler": len(animation["samplers"]) - 1, "target": {"node": node, "path": path}}
    animation["channels"].append(channel)


def _read_keys(
    glb: GlbReader,
) -> dict[tuple[int, str], tuple[Float32[np.ndarray, "L"], Float32[np.ndarray, "L item"]]]:
    keys = {}
    for animation in glb.parts.get("animations", ()):
        for channel in animation["channels"]:
            sampler, target = animation["samplers"][channel["sampler"]], channel["target"]
            values = glb.read_array(sampler["input"]), glb.read_array(sampler["output"])
            keys[target["node"], target["path"]] = values
    return keys


def _turn(
    rotation: tuple[float, ...], quaternions: Float[np.ndarray, "*B 4"]
) -> Float64[np.ndarray, "*B 4"]:
    left = torch.tensor(rotation, dtype=torch.float64)
    return quaternion_multiply(left, torch.from_numpy(quaternions.astype(np.float64))).numpy()


def _to_keys(quaternions: Float64[np.ndarray, "T K 4"]) -> Float32[np.ndarray, "T K 4"]:
    """Make quaternions unit and continuous in sign, first one with w >= 0; in glTF's order xyzw."""
    unit = quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True)
    steps = np.where((unit[1:] * unit[:-1]).sum(-1) < 0, -1.0, 1.0)
    start = np.where(unit[:1, :, 0] < 0, -1.0, 1.0)
    sign = np.cumprod(np.concatenate([start, steps]), 0)
    return (unit * sign[..., None])[..., [1, 2, 3, 0]].astype(np.float32)


def _from_keys(values: Float32[np.ndarray, "L 4"]) -> Float32[np.ndarray, "L 4"]:
    return values[..., [3, 0, 1, 2]]
