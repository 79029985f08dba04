"""Two people who touch: real partner dance, and grappling made by bringing two clips together.

Motion capture of different skeletons is carried over to two shipped bodies of different shapes.
Where the dancers' hands are near each other they are closed onto each other, grapplers' hands go to
the other's shoulders, and bodies are taken out of each other (`_joined`). Dancers are where they
were filmed; grapplers, who never met, come near each other from outside.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks._joined import Goal, join_people
from marey.body import Body
from marey.core import BodyMotion
from marey.datasets import acclaim, cmu_salsa
from marey.fit.chain import Chain
from marey.fit.retarget import retarget_motion
from marey.geometry.rotation import matrix_to_quaternion, quaternion_to_matrix

SHAPES = ((1.2, -0.6, 0.4), (-1.0, 0.8, -0.3))
"""Of the two bodies; the first is the taller."""
_GAP_M = 0.06
"""Between the middles of two hands that hold each other."""
_HOLD_M = (0.25, 0.45)
"""Hands of dancers nearer than the first hold each other, those farther than the second do not."""
_SIDES = ("left", "right")


def read_dance(
    shared: Path, body: Body, trial: str, *, frames: int, step: int, first: int = 240
) -> BodyMotion:
    """Return partner dance of CMU's subjects 60 and 61 on two bodies whose hands meet.

    Args:
        shared: The folder of shared samples.
        body: The body.
        trial: Its number, as `01`.
        frames: How many.
        step: Every so many of the 120 per second.
        first: The recording's frame to begin with.
    """
    path = shared / "data" / "cmu_salsa_pairs" / f"60_{trial}_scaled.bvh.gz"
    motion = cmu_salsa.read_sequence(path)
    motion = select_frames(motion, slice(first, first + frames * step, step))
    people = [_carry_over(motion, row, body) for row in (0, 1)]
    # Both dancers came from one skeleton; their paths are scaled alike to keep them together.
    hips = motion.T_world_root[:, :, 4:6].astype(np.float64)
    middle = hips.mean((0, 1))
    placed = [_place(person, (hips[row] - middle) * 0.92) for row, person in enumerate(people)]
    return join_people(body, placed, _hold_hands)


def read_grappling(
    shared: Path, body: Body, clips: tuple[str, str], *, frames: int, step: int, first: int = 240
) -> BodyMotion:
    """Return two clips brought together: chest to chest, hands on the other's shoulders.

    Args:
        shared: The folder of shared samples.
        body: The body.
        clips: Two files of `cmu_amc`.
        frames: How many.
        step: Every so many of the 120 per second.
        first: The recordings' frame to begin with.
    """
    placed = []
    for row, clip in enumerate(clips):
        motion = acclaim.read_sequence(shared / "data" / "cmu_amc" / clip)
        motion = select_frames(motion, slice(first, first + frames * step, step))
        placed.append(_face_middle(_carry_over(motion, 0, body, SHAPES[row]), row))
    ways = tuple(_face_out(row, frames) for row in range(len(clips)))
    return join_people(body, placed, _grasp_shoulders, approach=ways)


def select_frames(motion: BodyMotion, frames: slice) -> BodyMotion:
    """Return some frames of a motion."""
    return replace(
        motion,
        time=motion.time[frames] - motion.time[frames][0],
        T_world_root=motion.T_world_root[:, frames],
        R_parent_joint=motion.R_parent_joint[:, frames],
        confidence=motion.confidence[:, frames],
        contact=None,
        contact_names=(),
    )


def _carry_over(
    motion: BodyMotion, row: int, body: Body, shape: tuple[float, ...] | None = None
) -> BodyMotion:
    alone = replace(
        motion,
        people=motion.people[row : row + 1],
        shape=motion.shape[row : row + 1],
        T_world_root=motion.T_world_root[row : row + 1],
        R_parent_joint=motion.R_parent_joint[row : row + 1],
        confidence=motion.confidence[row : row + 1],
    )
    coefficients = np.zeros(body.num_shape)
    coefficients[: len(SHAPES[row])] = shape or SHAPES[row]
    return retarget_motion(alone, body, shape=coefficients).motion


def _place(person: BodyMotion, path: Float[np.ndarray, "T 2"]) -> BodyMotion:
    root = person.T_world_root.copy()
    root[0, :, 4:6] = path
    return replace(person, T_world_root=root)


def _face_middle(person: BodyMotion, row: int) -> BodyMotion:
    """Let a person move around a place beside the middle, turned towards it."""
    root = person.T_world_root.astype(np.float64)
    turns = quaternion_to_matrix(torch.from_numpy(root[0, :, :4])).numpy()
    ahead = turns[:, :2, 2]  # The body's front is its +Z.
    heading = np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))
    # Both face each other along a line that turns slowly; a third of their own turning stays.
    line = _line(row, len(heading))
    own = 0.3 * (heading - heading.mean())
    turn = line + own - heading
    cosine, sine = np.cos(turn), np.sin(turn)
    spin = np.zeros((len(turn), 3, 3))
    spin[:, 0, 0], spin[:, 0, 1], spin[:, 1, 0], spin[:, 1, 1] = cosine, -sine, sine, cosine
    spin[:, 2, 2] = 1
    root[0, :, :4] = matrix_to_quaternion(torch.from_numpy(spin @ turns)).numpy()
    wander = root[0, :, 4:6] - root[0, :, 4:6].mean(0)
    reach = 0.1 * np.tanh(wander / 0.5)
    root[0, :, 4:6] = -0.26 * np.stack([np.cos(line), np.sin(line)], -1) + reach
    return replace(person, T_world_root=root.astype(np.float32))


def _line(row: int, frames: int) -> Float[np.ndarray, "T"]:
    """Return the direction from one of two people to the other, radians."""
    return 1.5 * np.linspace(0, 1, frames) + (0.0 if row == 0 else np.pi)


def _face_out(row: int, frames: int) -> Float[np.ndarray, "T 3"]:
    """Return the way out of the middle."""
    line = _line(row, frames)
    return -np.stack([np.cos(line), np.sin(line), np.zeros(frames)], -1)


def _hold_hands(chains: list[Chain], points: list[Float[Tensor, "T K 3"]]) -> list[Goal]:
    """Let each hand hold the nearest hand of the other, where one is near."""
    place = [
        {side: points[row][:, chain.points.index(f"{side}_middle1")] for side in _SIDES}
        for row, chain in enumerate(chains)
    ]
    apart = torch.stack(
        [torch.stack([(place[0][a] - place[1][b]).norm(dim=-1) for b in _SIDES]) for a in _SIDES]
    )
    straight = (apart[0, 0] + apart[1, 1]).mean()
    crossed = (apart[0, 1] + apart[1, 0]).mean()
    pairs = ((0, 0), (1, 1)) if straight < crossed else ((0, 1), (1, 0))
    goals = []
    for a, b in pairs:
        near = ((_HOLD_M[1] - apart[a, b]) / (_HOLD_M[1] - _HOLD_M[0])).clamp(0, 1)
        weight = _smooth(near)
        one, two = place[0][_SIDES[a]], place[1][_SIDES[b]]
        middle, along = (one + two) / 2, one - two
        half = _GAP_M / 2 * along / along.norm(dim=-1, keepdim=True).clamp_min(1e-6)
        for row, side, target in ((0, a, middle + half), (1, b, middle - half)):
            point = f"{_SIDES[side]}_middle1"
            goals.append(Goal(person=row, point=point, target=target, weight=weight))
    return goals


def _grasp_shoulders(chains: list[Chain], points: list[Float[Tensor, "T K 3"]]) -> list[Goal]:
    """Put hands on the other's shoulder and side that they face."""
    goals = []
    for row in range(len(chains)):
        other, theirs = points[1 - row], chains[1 - row]
        middle = other[:, [theirs.points.index(f"{side}_shoulder") for side in _SIDES]].mean(1)
        for side, facing in (("left", "right"), ("right", "left")):
            hold = other[:, theirs.points.index(f"{facing}_shoulder")]
            out = hold - middle
            out = out / out.norm(dim=-1, keepdim=True)
            lift = torch.tensor([0.0, 0.0, 0.06 if side == "left" else -0.12])
            goals.append(
                Goal(
                    person=row,
                    point=f"{side}_middle1",
                    target=hold + 0.08 * out + lift,
                    weight=torch.ones(len(hold)),
                )
            )
    return goals


def _smooth(weight: Float[Tensor, "T"], half: int = 8) -> Float[Tensor, "T"]:
    padded = np.pad(weight.numpy(), half, mode="edge")
    kernel = np.hanning(2 * half + 3)[1:-1]
    return torch.from_numpy(np.convolve(padded, kernel / kernel.sum(), "valid").astype(np.float32))
