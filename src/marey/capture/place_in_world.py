"""Bring motions from camera axes into one world that all people share."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation
from scipy.special import expit

from marey.body import Body
from marey.capture.world import World, find_world
from marey.core import BodyMotion

_FOOT_POINTS = ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
_FOOT_JOINTS = ("left_ankle", "left_foot", "right_ankle", "right_foot")
"""Used where a body file has no landmarks on the skin."""
_STILL_SPEED = 0.25
"""A foot point slower than this rests on something, m/s."""


def find_shared_world(body: Body, motions: list[BodyMotion]) -> World:
    """Find up and the floor from everyone's bodies.

    Args:
        body: The body of the motions.
        motions: Motions in camera axes; at least one with a finite frame.
    """
    heads, pelvises, feet, resting = [], [], [], []
    for motion in motions:
        sound = np.isfinite(motion.T_world_root[0]).all(-1)
        head, foot = _head_and_feet(body, motion, sound)
        heads.append(head)
        pelvises.append(motion.T_world_root[0, sound, 4:])
        feet.append(foot)
        resting.append(_resting(foot, motion.time[sound]))
    return find_world(
        np.concatenate(heads),
        np.concatenate(pelvises),
        np.concatenate(feet),
        np.concatenate(resting),
    )


def to_world(body: Body, motion: BodyMotion, world: World) -> BodyMotion:
    """Turn one motion from camera into world axes and mark which foot points touch the floor."""
    sound = np.isfinite(motion.T_world_root[0]).all(-1)
    root = motion.T_world_root.copy()
    turned = Rotation.from_matrix(world.R_world_cam) * Rotation.from_quat(
        root[0, sound, :4], scalar_first=True
    )
    root[0, sound, :4] = turned.as_quat(canonical=True, scalar_first=True)
    root[0, sound, 4:] = world.apply(root[0, sound, 4:])
    moved = replace(motion, T_world_root=root)
    names = foot_points(body)
    contact = np.zeros((1, len(motion.time), len(names)), np.float32)
    _, feet = _head_and_feet(body, moved, sound)
    contact[0, sound] = _contact(feet, motion.time[sound])
    return replace(moved, contact=contact, contact_names=names)


def foot_points(body: Body) -> tuple[str, ...]:
    """Name the points of a body that can touch the floor."""
    on_skin = set(_FOOT_POINTS) <= set(body.landmarks.names)
    return _FOOT_POINTS if on_skin else _FOOT_JOINTS


def _head_and_feet(
    body: Body, motion: BodyMotion, sound: Bool[np.ndarray, "L"]
) -> tuple[Float[np.ndarray, "M 3"], Float[np.ndarray, "M G 3"]]:
    posed = body.pose(
        torch.from_numpy(motion.shape[0]).expand(int(sound.sum()), -1),
        torch.from_numpy(motion.T_world_root[0, sound]),
        torch.from_numpy(motion.R_parent_joint[0, sound]),
    )
    head = posed.joints[:, 1 + body.rig.index("head")]
    feet = body.landmark_positions(posed, foot_points(body))
    return head.numpy().astype(np.float64), feet.numpy().astype(np.float64)


def _speed(feet: Float[np.ndarray, "M G 3"], time: Float[np.ndarray, "M"]) -> np.ndarray:
    if len(time) < 2:
        return np.zeros(feet.shape[:2])
    # Clocks of some files stand still for a frame.
    clock = np.maximum.accumulate(time) + 1e-6 * np.arange(len(time))
    return np.linalg.norm(np.gradient(feet, clock, axis=0), axis=-1)


def _resting(feet: Float[np.ndarray, "M G 3"], time: Float[np.ndarray, "M"]) -> np.ndarray:
    return _speed(feet, time) < _STILL_SPEED


def _contact(feet: Float[np.ndarray, "M G 3"], time: Float[np.ndarray, "M"]) -> np.ndarray:
    """Probability of contact: slow and near the floor, each a soft threshold."""
    slow = expit((2 * _STILL_SPEED - _speed(feet, time)) / (0.5 * _STILL_SPEED))
    low = expit((0.10 - feet[..., 2]) / 0.03)
    return (slow * low).astype(np.float32)
