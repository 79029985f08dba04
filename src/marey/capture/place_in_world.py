"""Bring motions from camera axes into one world that all people share.

Motions are looked at in chunks of frames, one person after the other.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation
from scipy.special import expit

from marey.body import Body
from marey.capture.world import World, find_world
from marey.core import BodyMotion
from marey.core.scratch import Scratch, chunks, forget_pages

_FOOT_POINTS = ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
_FOOT_JOINTS = ("left_ankle", "left_foot", "right_ankle", "right_foot")
"""Used where a body file has no landmarks on the skin."""
_STILL_SPEED = 0.25
"""A foot point slower than this rests on something, m/s."""
_CHUNK = 512
_MOST_EVIDENCE = 100_000
"""Frames of people that up and the floor are found from; of more, evenly spread ones are taken."""


def find_shared_world(
    body: Body, motions: Iterable[BodyMotion], *, num_frames: int | None = None
) -> World:
    """Find up and the floor from everyone's bodies.

    Args:
        body: The body of the motions.
        motions: Motions in camera axes; at least one with a finite frame.
        num_frames: How many frames they have together; counted where not given.
    """
    if num_frames is None:
        motions = list(motions)
        num_frames = sum(len(motion.time) for motion in motions)
    step, skipped = -(-num_frames // _MOST_EVIDENCE), 0
    heads, pelvises, feet, resting = [], [], [], []
    for motion in motions:
        for frames, head, foot, speed in _walk(body, motion):
            chosen = slice(skipped, None, step)
            skipped = (skipped - len(frames)) % step
            heads.append(head[chosen])
            pelvises.append(motion.T_world_root[0, frames[chosen], 4:])
            feet.append(foot[chosen])
            resting.append(speed[chosen] < _STILL_SPEED)
    return find_world(
        np.concatenate(heads),
        np.concatenate(pelvises),
        np.concatenate(feet),
        np.concatenate(resting),
    )


def to_world(
    body: Body, motion: BodyMotion, world: World, *, scratch: Scratch | None = None
) -> BodyMotion:
    """Turn one motion from camera into world axes and mark which foot points touch the floor.

    Args:
        body: The body of the motion.
        motion: One person's, in camera axes.
        world: Where the camera is in the world.
        scratch: Where the arrays of a long span lie, those of the result among them.
    """
    scratch, names = scratch or Scratch(), foot_points(body)
    length = len(motion.time)
    root = scratch.empty("world.root", (length, 7))
    contact = scratch.empty("world.contact", (length, len(names)))
    for frames in chunks(length):
        root[frames] = _turn(motion.T_world_root[0, frames], world)
    moved = replace(motion, T_world_root=root[None])
    for frames, _, feet, speed in _walk(body, moved):
        contact[frames] = _contact(feet, speed)
        scratch.release()
    return replace(moved, contact=contact[None], contact_names=names)


def _turn(root: Float[np.ndarray, "L 7"], world: World) -> Float[np.ndarray, "L 7"]:
    result, sound = root.copy(), np.isfinite(root).all(-1)
    if sound.any():
        turned = Rotation.from_matrix(world.R_world_cam) * Rotation.from_quat(
            root[sound, :4], scalar_first=True
        )
        result[sound, :4] = turned.as_quat(canonical=True, scalar_first=True)
        result[sound, 4:] = world.apply(root[sound, 4:])
    return result


def foot_points(body: Body) -> tuple[str, ...]:
    """Name the points of a body that can touch the floor."""
    on_skin = set(_FOOT_POINTS) <= set(body.landmarks.names)
    return _FOOT_POINTS if on_skin else _FOOT_JOINTS


def _walk(body: Body, motion: BodyMotion) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield chunks of the frames with a pose: their numbers, heads, feet and speeds of the feet."""
    parts = [
        np.isfinite(motion.T_world_root[0, frames]).all(-1) for frames in chunks(len(motion.time))
    ]
    sound = np.flatnonzero(np.concatenate(parts))
    # Clocks of some files stand still for a frame.
    clock = np.maximum.accumulate(motion.time[sound]) + 1e-6 * np.arange(len(sound))
    for part in chunks(len(sound), _CHUNK):
        # Speeds need a neighbour on either side.
        around = slice(max(0, part.start - 1), min(len(sound), part.stop + 1))
        inner = slice(part.start - around.start, part.stop - around.start)
        head, feet = _head_and_feet(body, motion, sound[around])
        yield sound[part], head[inner], feet[inner], _speed(feet, clock[around])[inner]
        for array in (motion.T_world_root, motion.R_parent_joint):
            forget_pages(array)


def _head_and_feet(
    body: Body, motion: BodyMotion, sound: Int[np.ndarray, "M"]
) -> tuple[Float[np.ndarray, "M 3"], Float[np.ndarray, "M G 3"]]:
    posed = body.pose(
        torch.tensor(motion.shape[0]).expand(len(sound), -1),
        torch.from_numpy(motion.T_world_root[0, sound]),
        torch.from_numpy(motion.R_parent_joint[0, sound]),
    )
    head = posed.joints[:, 1 + body.rig.index("head")]
    feet = body.landmark_positions(posed, foot_points(body))
    return head.numpy().astype(np.float64), feet.numpy().astype(np.float64)


def _speed(feet: Float[np.ndarray, "M G 3"], clock: Float[np.ndarray, "M"]) -> np.ndarray:
    if len(clock) < 2:
        return np.zeros(feet.shape[:2])
    return np.linalg.norm(np.gradient(feet, clock, axis=0), axis=-1)


def _contact(feet: Float[np.ndarray, "M G 3"], speed: Float[np.ndarray, "M G"]) -> np.ndarray:
    """Probability of contact: slow and near the floor, each a soft threshold."""
    slow = expit((2 * _STILL_SPEED - speed) / (0.5 * _STILL_SPEED))
    low = expit((0.10 - feet[..., 2]) / 0.03)
    return (slow * low).astype(np.float32)
