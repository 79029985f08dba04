"""Motions made of formulas: joint angles over time, and a root that follows the feet.

Angles are Euler angles about X, Y, Z of the rest axes (R = Rx Ry Rz; Y up, facing +Z, left +X) in
rad. A motion says how the joints turn; where the body travels follows from its feet: the points of
the sole near the ground stay where they are, as they do on a floor with friction.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.body import Body

MotionName = Literal["walk", "wave", "kick", "dance"]

SOLE = ("left_heel", "left_big_toe", "left_small_toe")
SOLE_POINTS = (*SOLE, *(name.replace("left", "right") for name in SOLE))
"""Points that can touch the floor."""

FINGERS = ("index", "middle", "pinky", "ring", "thumb")

GROUND_SOFTNESS_M = 0.01
"""Heights over which the weight passes from one point of the sole to another."""

# From the rest axes (Y up, facing +Z) to the world (Z up); the person faces -Y.
R_WORLD_REST = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])

Angles = dict[str, Float[np.ndarray, "T 3"]]
"""Joint name, or `root`, to Euler angles in rad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedBody:
    """One person's motion in the world, and where the points of the body are."""

    shape: Float[np.ndarray, "S"]
    R_world_root: Float[np.ndarray, "T 3 3"]
    t_world_root: Float[np.ndarray, "T 3"]
    R_parent_joint: Float[np.ndarray, "T J 3 3"]
    points: tuple[str, ...]
    """Names of the body's joints and landmarks."""
    position: Float[np.ndarray, "T P 3"]
    """World position of each of them, m."""

    def select(self, names: tuple[str, ...]) -> Float[np.ndarray, "T K 3"]:
        """Return the named points, NaN for a name the body lacks."""
        result = np.full((len(self.position), len(names), 3), np.nan)
        for column, name in enumerate(names):
            if name in self.points:
                result[:, column] = self.position[:, self.points.index(name)]
        return result


def move_body(
    body: Body,
    motion: MotionName,
    time: Float[np.ndarray, "T"],
    *,
    shape: Float[np.ndarray, "S"],
    rng: np.random.Generator,
) -> MovedBody:
    """Let a body perform a motion, starting at the origin.

    Args:
        body: A body with the joint names of the SMPL family.
        motion: Name of the motion.
        time: Time of each frame, s.
        shape: Shape coefficients.
        rng: Source of the individual variation (phase, amplitudes).
    """
    angles = _stand(time) | _MOTIONS[motion](time, rng)
    local = np.tile(np.eye(3), (len(time), body.num_joints, 1, 1))
    for joint, name in enumerate(body.rig.joints):
        if name in angles:
            local[:, joint] = Rotation.from_euler("XYZ", angles[name]).as_matrix()
    # Turn first, then lean: a lean keeps its meaning whichever way the person faces.
    root = R_WORLD_REST @ Rotation.from_euler("YXZ", angles["root"][:, [1, 0, 2]]).as_matrix()
    position = _place(body, shape, root, local)
    still = MovedBody(
        shape=shape,
        R_world_root=root,
        t_world_root=np.zeros((len(time), 3)),
        R_parent_joint=local,
        points=body.points,
        position=position,
    )
    return shift_body(still, _follow_feet(still.select(SOLE_POINTS)))


def shift_body(moved: MovedBody, shift: Float[np.ndarray, "#T 3"]) -> MovedBody:
    """Carry a moving body along, m."""
    return replace(
        moved,
        t_world_root=moved.t_world_root + shift,
        position=moved.position + shift[:, None],
    )


def _place(
    body: Body,
    shape: Float[np.ndarray, "S"],
    root: Float[np.ndarray, "T 3 3"],
    local: Float[np.ndarray, "T J 3 3"],
) -> Float[np.ndarray, "T P 3"]:
    # In float64, so that the travel, which adds up small steps, stays exact.
    exact = body.to(dtype=torch.float64)
    posed = exact.pose_matrices(
        torch.as_tensor(shape, dtype=torch.float64),
        torch.as_tensor(root),
        torch.as_tensor(local),
        position=torch.zeros(3, dtype=torch.float64),
    )
    return exact.landmark_positions(posed, body.points).numpy()


def _follow_feet(sole: Float[np.ndarray, "T G 3"]) -> Float[np.ndarray, "T 3"]:
    # The lowest points carry the weight; a soft minimum makes the change of foot smooth.
    height = sole[..., 2]
    weight = np.exp((height.min(1, keepdims=True) - height) / GROUND_SOFTNESS_M)
    weight /= weight.sum(1, keepdims=True)
    between = (weight[1:] + weight[:-1]) / 2
    shift = -np.einsum("tk,tkc->tc", between, np.diff(sole[..., :2], axis=0))
    travel = np.zeros((len(sole), 3))
    travel[1:, :2] = np.cumsum(shift, 0)
    travel[:, 2] = -(weight * height).sum(1)
    return travel


def _stand(time: Float[np.ndarray, "T"]) -> Angles:
    still = np.zeros_like(time)
    angles: Angles = {"root": _angles(still)}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        angles[f"{side}_shoulder"] = _angles(still, z=-1.25 * sign)
        angles[f"{side}_elbow"] = _angles(still, y=-0.35 * sign)
        for number, finger in enumerate(FINGERS):
            curl = 0.25 + 0.15 * np.sin(0.7 * time + number)
            for joint in (1, 2, 3):
                bend = 0.3 * curl if finger == "thumb" else curl
                angles[f"{side}_{finger}{joint}"] = _angles(still, z=-bend * sign)
    return angles


def _walk(time: Float[np.ndarray, "T"], rng: np.random.Generator) -> Angles:
    phase = 2 * np.pi * rng.uniform(0.8, 1.0) * time + rng.uniform(0, 2 * np.pi)
    stride, still = rng.uniform(0.38, 0.48), np.zeros_like(time)
    angles: Angles = {
        "root": _angles(0.03 + still, y=0.08 * np.sin(phase), z=0.03 * np.sin(phase)),
        "spine2": _angles(0.04 + still, y=-0.12 * np.sin(phase)),
    }
    for side, sign in (("left", 1.0), ("right", -1.0)):
        own = phase if side == "left" else phase + np.pi
        # The leg shortens while it swings forward (own = 0) and pushes off with the toes before.
        swing = np.exp(2.5 * (np.cos(own) - 1))
        push = np.exp(4.0 * (np.cos(own + 1.3) - 1))
        angles[f"{side}_hip"] = _angles(-0.12 - stride * np.sin(own) - 0.3 * swing)
        angles[f"{side}_knee"] = _angles(0.1 + 0.85 * swing + 0.2 * push)
        angles[f"{side}_ankle"] = _angles(-0.05 - 0.25 * swing + 0.3 * push)
        angles[f"{side}_shoulder"] = _angles(0.45 * np.sin(own), z=-1.3 * sign + still)
        angles[f"{side}_elbow"] = _angles(still, y=-sign * (0.45 - 0.2 * np.sin(own)))
    return angles


def _wave(time: Float[np.ndarray, "T"], rng: np.random.Generator) -> Angles:
    beat = 2 * np.pi * rng.uniform(1.4, 1.9) * time + rng.uniform(0, 2 * np.pi)
    still = np.zeros_like(time)
    return {
        "root": _angles(still, y=0.05 * np.sin(0.5 * beat)),
        "right_shoulder": _angles(still, z=-0.5 + 0.1 * np.sin(beat)),
        "right_elbow": _angles(still, z=-0.9 + 0.5 * np.sin(beat)),
        "right_wrist": _angles(still, z=0.25 * np.sin(beat - 0.6)),
        "neck": _angles(still, y=-0.2 + 0.1 * np.sin(0.3 * beat), z=0.1 * np.sin(0.5 * beat)),
    }


def _kick(time: Float[np.ndarray, "T"], rng: np.random.Generator) -> Angles:
    # One kick every 1.6 s or so: lift the knee, turn the hips, snap the leg, come back.
    phase = (time / rng.uniform(1.4, 1.8) + rng.uniform(0, 0.3)) % 1.0
    lift, snap = _bump(phase, 0.5, 0.16), _bump(phase, 0.52, 0.07)
    still = np.zeros_like(time)
    angles: Angles = {
        "root": _angles(-0.25 * lift, y=1.1 * lift, z=-0.35 * lift),
        "spine1": _angles(0.15 * lift, y=-0.4 * lift),
        "left_hip": _angles(-0.25 + 0.15 * lift, z=0.3 * lift),
        "left_knee": _angles(0.35 + still),
        "left_ankle": _angles(-0.1 - 0.1 * lift),
        "right_hip": _angles(-0.2 - 1.6 * lift, z=-0.5 * lift),
        "right_knee": _angles(0.35 + 1.6 * lift - 1.85 * snap),
        "right_ankle": _angles(-0.15 + 0.8 * lift),
    }
    for side, sign in (("left", 1.0), ("right", -1.0)):
        angles[f"{side}_shoulder"] = _angles(-0.6 + 0.8 * snap, z=sign * (-1.1 + 0.3 * lift))
        angles[f"{side}_elbow"] = _angles(still, y=-sign * (1.7 - 1.2 * snap))
    return angles


def _dance(time: Float[np.ndarray, "T"], rng: np.random.Generator) -> Angles:
    beat = rng.uniform(0.8, 1.1)

    def sway(size: float) -> Float[np.ndarray, "T"]:
        # Three harmonics of half the beat, the higher ones smaller: rhythmic and smooth.
        rate = np.pi * beat * np.arange(1, 4)
        part = rng.normal(size=3) / np.arange(1, 4)
        waves = np.sin(time[:, None] * rate + rng.uniform(0, 2 * np.pi, 3))
        return size * waves @ part

    still = np.zeros_like(time)
    angles: Angles = {"root": _angles(sway(0.12), y=0.8 * time + sway(0.5), z=sway(0.1))}
    for name in ("spine1", "spine2", "spine3", "neck"):
        angles[name] = _angles(sway(0.1), y=sway(0.15), z=sway(0.1))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        bend = 0.3 + np.hypot(0.1, sway(0.45))
        angles[f"{side}_hip"] = _angles(-0.55 * bend + sway(0.15), y=sway(0.15), z=sway(0.12))
        angles[f"{side}_knee"] = _angles(bend)
        angles[f"{side}_ankle"] = _angles(-0.35 * bend, z=sway(0.05))
        angles[f"{side}_shoulder"] = _angles(sway(0.5), y=sway(0.4), z=sign * (sway(0.6) - 0.6))
        angles[f"{side}_elbow"] = _angles(still, y=-sign * (0.9 + np.clip(sway(0.5), -0.8, 1.2)))
        angles[f"{side}_wrist"] = _angles(sway(0.2), y=sway(0.2), z=sway(0.3))
    return angles


_MOTIONS: dict[MotionName, Callable[[Float[np.ndarray, "T"], np.random.Generator], Angles]] = {
    "walk": _walk,
    "wave": _wave,
    "kick": _kick,
    "dance": _dance,
}


def _bump(phase: Float[np.ndarray, "T"], centre: float, width: float) -> Float[np.ndarray, "T"]:
    # von Mises shape: smooth, and periodic in the phase.
    sharpness = (2 * np.pi * width) ** -2
    return np.exp(sharpness * (np.cos(2 * np.pi * (phase - centre)) - 1))


def _angles(
    x: Float[np.ndarray, "T"],
    *,
    y: Float[np.ndarray, "T"] | float = 0.0,
    z: Float[np.ndarray, "T"] | float = 0.0,
) -> Float[np.ndarray, "T 3"]:
    return np.stack(np.broadcast_arrays(x, y, z), -1).astype(float)
