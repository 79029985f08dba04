"""One person's keypoints to one person's motion in camera axes: body first, then the hands."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation
from torch import Tensor

from marey.body import Body
from marey.capture.fit_body import FitOptions, solve_body
from marey.capture.fit_hands import Arm, solve_hand
from marey.capture.observe import Observation, PinholeView, observe
from marey.capture.spans import Presence, bridge_gaps
from marey.core import BodyMotion, Keypoints2D, Keypoints3D
from marey.core.scratch import Scratch, chunks
from marey.fit.chain import Chain, Pose, place
from marey.fit.chains import body_chain
from marey.fit.parts import LEFT_HAND, RIGHT_HAND, Part, make_part
from marey.fit.threads import side_by_side

CORE = tuple(
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
"""Keypoints that decide whether a person is observed at all."""
_MIN_CORE = 5
_MIN_CONFIDENCE = 0.3
_BRIDGED_CONFIDENCE = 0.1
_HANDS = {"left": LEFT_HAND, "right": RIGHT_HAND}
_HAND_SIGMA = (0.015, 0.015, 0.025)


@dataclass(frozen=True, slots=True)
class Bodies:
    """A body and the chains that are cut from it, made once for all people."""

    body: Body
    trunk: Chain
    hands: dict[str, Part]
    """By side; a body may have neither fingers nor finger tips."""


def make_bodies(body: Body) -> Bodies:
    """Cut a body into the chains the fit moves."""
    hands = {side: make_part(body, stage) for side, stage in _HANDS.items()}
    found = {side: part for side, part in hands.items() if part is not None}
    return Bodies(body, body_chain(body), found)


def fit_person(
    bodies: Bodies,
    keypoints2d: Keypoints2D,
    keypoints3d: Keypoints3D,
    view: PinholeView,
    *,
    options: FitOptions | None = None,
    advance: Callable[[int], None] = lambda frames: None,
    scratch: Scratch | None = None,
) -> BodyMotion | None:
    """Fit a body to one person.

    Args:
        bodies: From `make_bodies`.
        keypoints2d: COCO-WholeBody keypoints, N = 1.
        keypoints3d: Landmarks relative to the person, N = 1 (see `observe`).
        view: The camera.
        options: Weights and window sizes.
        advance: Called with the number of frames finished; three times the frames in all.
        scratch: Where the arrays of a long span lie, those of the result among them.

    Returns:
        Motion whose `T_world_root` is in camera axes (the world is found later, from all people),
        or None if the person is never seen well enough.
    """
    options, scratch = options or FitOptions(), scratch or Scratch()
    body_scratch, time = scratch.part("body"), keypoints2d.time
    seen = observe(
        bodies.trunk,
        keypoints2d,
        keypoints3d,
        view,
        space_sigma=options.space_sigma,
        scratch=body_scratch,
    )
    observed, certainty = _judge_core(bodies.trunk, seen, keypoints2d)
    if not observed.any():
        return None
    solved = bridge_gaps(observed, time, max_gap=options.max_gap)
    pose = solve_body(
        bodies.trunk,
        seen,
        view,
        Presence(time=time, observed=observed, solved=solved),
        options=options,
        advance=advance,
        scratch=body_scratch,
    )
    arms = _place_arms(bodies, pose, scratch)

    def fit_hand(side: str) -> Float[Tensor, "L J 3 3"]:
        own, hand = scratch.part(side), bodies.hands[side]
        seen = observe(
            hand.chain, keypoints2d, keypoints3d, view, space_sigma=_HAND_SIGMA, scratch=own
        )
        return solve_hand(
            hand,
            seen,
            arms[side],
            view=view,
            time=time,
            solved=solved,
            advance=advance,
            scratch=own,
        )

    hands = side_by_side(fit_hand, tuple(bodies.hands), workers=2)
    confidence = np.where(observed, certainty, _BRIDGED_CONFIDENCE)
    root, joints = _gather(bodies, pose, dict(zip(bodies.hands, hands, strict=True)), scratch)
    return BodyMotion(
        body=bodies.body.name,
        people=keypoints2d.people,
        time=time,
        shape=pose.shape[:1].numpy(),
        T_world_root=root[None],
        R_parent_joint=joints[None],
        confidence=np.where(solved, confidence, 0.0).astype(np.float32)[None],
    )


def _judge_core(
    trunk: Chain, seen: Observation, keypoints: Keypoints2D
) -> tuple[Bool[np.ndarray, "L"], Float[np.ndarray, "L"]]:
    """Tell in which frames the fit has enough core keypoints to use, and how sure those are."""
    columns = [keypoints.skeleton.index(name) for name in CORE]
    rows = [trunk.points.index(name) for name in CORE]
    observed, certainty = [], []
    for frames in chunks(len(keypoints.time)):
        used = seen.image_weight[frames][:, rows].numpy() > 0
        confidence = np.clip(keypoints.confidence[0, frames][:, columns], 0.0, 1.0)
        core = np.where(used, confidence, 0.0)
        observed.append((core > _MIN_CONFIDENCE).sum(1) >= _MIN_CORE)
        certainty.append(core.mean(1))
    return np.concatenate(observed), np.concatenate(certainty)


def _place_arms(bodies: Bodies, pose: Pose, scratch: Scratch) -> dict[str, Arm]:
    trunk, length = bodies.trunk, len(pose)
    arms = {
        side: Arm(
            elbow_rotation=torch.from_numpy(scratch.empty(f"{side}.elbow", (length, 3, 3))),
            elbow_position=torch.from_numpy(scratch.empty(f"{side}.place", (length, 3))),
            wrist=pose.rotation[:, trunk.index(f"{side}_wrist")],
            shape=pose.shape[0],
        )
        for side in bodies.hands
    }
    for frames in chunks(length):
        placed = place(trunk, pose[frames])
        for side, arm in arms.items():
            elbow = trunk.index(f"{side}_elbow")
            arm.elbow_rotation[frames] = placed.rotation[:, elbow]
            arm.elbow_position[frames] = placed.joints[:, elbow]
    return arms


def _gather(
    bodies: Bodies, pose: Pose, hands: dict[str, Float[Tensor, "L H 3 3"]], scratch: Scratch
) -> tuple[Float[np.ndarray, "L 7"], Float[np.ndarray, "L J 4"]]:
    """Return root poses and the quaternions of all joints of the rig."""
    root = scratch.empty("root", (len(pose), 7))
    joints = scratch.empty("joints", (len(pose), len(bodies.body.rig.joints), 4))
    for frames in chunks(len(pose)):
        rotation = _whole_body(bodies, pose[frames])
        for side, hand in hands.items():
            columns = [bodies.body.rig.index(name) for name in bodies.hands[side].chain.joints[1:]]
            rotation[:, columns] = hand[frames, 1:]
        root[frames], joints[frames] = _root(pose[frames]), _quaternions(rotation)
        scratch.release()
    return root, joints


def _whole_body(bodies: Bodies, pose: Pose) -> Float[Tensor, "L J 3 3"]:
    """Spread the trunk's rotations over all joints of the rig, identity for the fingers."""
    names = bodies.body.rig.joints
    rotation = torch.eye(3).expand(len(pose), len(names), -1, -1).clone()
    for row, name in enumerate(bodies.trunk.joints[1:], start=1):
        rotation[:, names.index(name)] = pose.rotation[:, row]
    rotation[~torch.isfinite(pose.translation).all(-1)] = torch.nan
    return rotation


def _root(pose: Pose) -> Float[np.ndarray, "L 7"]:
    quaternion = _quaternions(pose.rotation[:, :1])[:, 0]
    return np.concatenate([quaternion, pose.translation.numpy()], 1).astype(np.float32)


def _quaternions(rotation: Float[Tensor, "L J 3 3"]) -> Float[np.ndarray, "L J 4"]:
    """Matrices to quaternions wxyz with w >= 0; NaN stays NaN."""
    matrices = rotation.numpy()
    result = np.full((*matrices.shape[:2], 4), np.nan, np.float32)
    sound = np.isfinite(matrices).all((1, 2, 3))
    flat = matrices[sound].reshape(-1, 3, 3)
    if len(flat):
        quaternion = Rotation.from_matrix(flat).as_quat(canonical=True, scalar_first=True)
        result[sound] = quaternion.reshape(-1, matrices.shape[1], 4)
    return result
