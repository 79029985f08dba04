"""How the joints of a rig stand to the body: what a rotation on one rig means on another.

Rigs rest as they like: in a T-pose, with hanging arms, with splayed legs, or as a straight line.
For every joint a rotation is found that carries the body's own axes (T-pose, +X to the person's
left, +Y up, +Z forward) to the joint's frame when the rig rests; then

    R_world_body = R_world_joint F_rig,   and on another rig   R_world_joint = R_world_body F_rig^T.

A limb's frame follows from the direction of its bone by the shortest turn from its parent's. In
the trunk the directions between joints say where a modeller put them, not how a person stands, so
there the nearest right angle is taken. What the rest pose leaves open or tells wrongly, the twist
of limbs and spine, is read from the motion: knees and elbows are hinges.
"""

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from marey.body import load_body
from marey.body.kinematics import compose_tree
from marey.core import BodyMotion, Rig
from marey.core.skeleton import mirror_name
from marey.geometry.rotation import quaternion_to_matrix

_Frame = Float[np.ndarray, "3 3"]

_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
_TIPS = {
    "left_shoulder": "left_elbow",
    "left_elbow": "left_wrist",
    "left_wrist": "left_middle1",
    "left_hip": "left_knee",
    "left_knee": "left_ankle",
    "left_ankle": "left_foot",
    "left_collar": "left_shoulder",
    **{
        f"left_{digit}{k}": f"left_{digit}{k + 1}"
        for digit in ("thumb", "index", "middle", "ring", "pinky")
        for k in (1, 2)
    },
}
TIPS = _TIPS | {mirror_name(joint): mirror_name(tip) for joint, tip in _TIPS.items()}
"""The joint at the end of each limb's bone."""
_HINGES = {
    "left_hip": ("left_knee", "left_ankle", (1.0, 0.0, 0.0)),
    "right_hip": ("right_knee", "right_ankle", (1.0, 0.0, 0.0)),
    "left_shoulder": ("left_elbow", "left_wrist", (0.0, -1.0, 0.0)),
    "right_shoulder": ("right_elbow", "right_wrist", (0.0, 1.0, 0.0)),
}
"""Upper joint of a limb to its middle, its end, and the axis about which the middle flexes."""

_SHORT = 0.01
"""A bone shorter than this has no direction, m."""
_COLLAR_TRUST = np.radians(60)
"""Collars whose bone points elsewhere by less are as the chest: their joints are put anywhere."""
_HINGE_TRUST = np.radians(45)
"""The rest pose says how a limb is twisted unless its hinge says otherwise by more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosedRig:
    """A rig, marey's joints on it, and its motion in the world."""

    rig: Rig
    places: dict[str, int]
    """Row of each of marey's joints; 0 is the root."""
    rotation: Float[np.ndarray, "T K 3 3"]
    position: Float[np.ndarray, "T K 3"]


def rest_positions(rig: Rig) -> Float[np.ndarray, "K 3"]:
    """Return the joints of a resting rig, the root at the origin."""
    rest = np.zeros((len(rig.joints) + 1, 3))
    for joint, parent in enumerate(rig.parents, start=1):
        rest[joint] = rest[parent + 1] + rig.offset[joint - 1]
    return rest


def pose_rig(
    motion: BodyMotion, person: int, rows: Int[np.ndarray, "T"], rig: Rig, places: dict[str, int]
) -> PosedRig:
    """Pose a rig as a person is posed in some frames."""
    root = motion.T_world_root[person, rows].astype(np.float64)
    quaternions = np.concatenate([root[:, None, :4], motion.R_parent_joint[person, rows]], 1)
    rotation, position = compose_tree(
        torch.from_numpy(rest_positions(rig)),
        quaternion_to_matrix(torch.from_numpy(quaternions)),
        torch.from_numpy(root[:, 4:]),
        parents=(-1, *(parent + 1 for parent in rig.parents)),
    )
    return PosedRig(rig=rig, places=places, rotation=rotation.numpy(), position=position.numpy())


def find_frames(
    rig: Rig, places: dict[str, int], posed: PosedRig | None = None
) -> dict[str, _Frame]:
    """Return how each of marey's joints stands on a rig, see above.

    Args:
        rig: The rig.
        places: Row of each of marey's joints.
        posed: Its motion, if there is one to learn from.
    """
    rest = rest_positions(rig)
    own = {name: rest[place] for name, place in places.items()}
    body = load_body("marey-h", mesh="light")
    reference = dict(zip(body.joint_names, body.joint_template.numpy().astype(float), strict=True))
    frames: dict[str, _Frame] = {}
    for name in body.joint_names:
        if name not in places:
            continue
        above = _nearest_above(name, frames, body.rig)
        if name in ("pelvis", "spine3"):
            frames[name] = _trunk_frame(name, own, reference, above)
        elif name in _TRUNK:
            frames[name] = above
        else:
            frames[name] = _limb_frame(name, own, reference, above)
        if posed is not None and name in _HINGES:
            frames[name] = _heed_hinge(name, frames[name], posed)
    if posed is not None:
        _untwist_trunk(frames, posed)
    return frames


def _nearest_above(name: str, frames: dict[str, _Frame], rig: Rig) -> _Frame:
    names = (rig.root, *rig.joints)
    while name != rig.root:
        name = names[rig.parents[rig.joints.index(name)] + 1]
        if name in frames:
            return frames[name]
    return np.eye(3)


def _trunk_frame(
    name: str, own: dict[str, np.ndarray], reference: dict[str, np.ndarray], above: _Frame
) -> _Frame:
    """Turn the directions to what hangs on pelvis or chest, rounded to right angles."""
    hung = ("left_hip", "right_hip", "spine1", "spine2", "spine3")
    if name == "spine3":
        # Beyond a collar that rests turned, its shoulder says nothing of the chest.
        hung = ("neck", "left_collar", "right_collar")
        if any(o not in own or np.linalg.norm(own[o] - own[name]) < _SHORT for o in hung[1:]):
            hung = ("neck", "head", "left_shoulder", "right_shoulder")
    used = [o for o in hung if o in own and np.linalg.norm(own[o] - own[name]) > _SHORT]
    sides = {o.partition("_")[0] for o in used}
    if not {"left", "right"} <= sides:
        return above
    pairs = [(reference[o] - reference[name], own[o] - own[name]) for o in used]
    # Left and right as one direction and the middle of all as another decide a frame.
    left = next(k for k, o in enumerate(used) if o.startswith("left"))
    right = next(k for k, o in enumerate(used) if o.startswith("right"))
    middle = [k for k in range(len(used)) if k not in (left, right)] or [left, right]
    frames = []
    for side in range(2):
        across = pairs[left][side] - pairs[right][side]
        up = np.mean([pairs[k][side] for k in middle], 0)
        frames.append(_frame(across, up))
    if any(frame is None for frame in frames):
        return above
    return _round(frames[1] @ frames[0].T)


def _limb_frame(
    name: str, own: dict[str, np.ndarray], reference: dict[str, np.ndarray], above: _Frame
) -> _Frame:
    tip = TIPS.get(name)
    if tip is None or tip not in own or np.linalg.norm(own[tip] - own[name]) < _SHORT:
        return above
    turn = _aim(above @ _unit(reference[tip] - reference[name]), _unit(own[tip] - own[name]))
    if "collar" in name and turn.magnitude() < _COLLAR_TRUST:
        return above
    return turn.as_matrix() @ above


def _heed_hinge(name: str, frame: _Frame, posed: PosedRig) -> _Frame:
    """Turn a limb about its bone until knee or elbow flexes about the axis it should."""
    lower, end, axis = _HINGES[name]
    if not {lower, end} <= set(posed.places):
        return frame
    start, middle, stop = (posed.position[:, posed.places[k]] for k in (name, lower, end))
    upper, under = middle - start, stop - middle
    lengths = np.linalg.norm(upper, axis=1) * np.linalg.norm(under, axis=1)
    # As long as the sine of the bend: a straight limb has no say.
    normal = np.cross(upper, under) / np.maximum(lengths, 1e-9)[:, None]
    rotation = posed.rotation[:, posed.places[name]]
    local = np.einsum("tji,tj->ti", rotation, normal)
    mean = local.mean(0)
    if (
        np.linalg.norm(mean) < 0.1
        or np.linalg.norm(mean) < 0.8 * np.linalg.norm(local, axis=1).mean()
    ):
        return frame
    bone = _unit(np.einsum("tji,tj->ti", rotation, upper).mean(0))
    wanted, has = _unit(_across(mean, bone)), _unit(_across(frame @ np.array(axis), bone))
    angle = float(np.arctan2(np.cross(has, wanted) @ bone, has @ wanted))
    if abs(angle) < _HINGE_TRUST:
        return frame
    return Rotation.from_rotvec(angle * bone).as_matrix() @ frame


def _untwist_trunk(frames: dict[str, _Frame], posed: PosedRig) -> None:
    """Turn spine, neck and head by right angles until they go with pelvis and chest."""
    few = posed.rotation[:: max(len(posed.rotation) // 64, 1)]
    turns = [
        _round(Rotation.from_rotvec(0.5 * np.pi * k * np.eye(3)[1]).as_matrix()) for k in range(4)
    ]
    for name in _TRUNK[1:]:
        if name not in frames or name == "spine3":
            continue
        guide = "spine3" if name in ("neck", "head") and "spine3" in frames else "pelvis"
        lead = few[:, posed.places[guide]] @ frames[guide]
        own = few[:, posed.places[name]]
        costs = [
            _mean_angle(np.swapaxes(lead, 1, 2) @ (own @ frames[name] @ turn)) for turn in turns
        ]
        frames[name] = frames[name] @ turns[int(np.argmin(costs))]


def _mean_angle(rotations: Float[np.ndarray, "T 3 3"]) -> float:
    return float(Rotation.from_matrix(rotations).magnitude().mean())


def _round(frame: _Frame) -> _Frame:
    """Return the nearest rotation by right angles about the axes."""
    best, most = np.eye(3), -np.inf
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            option = np.eye(3)[list(order)] * np.array(signs)[:, None]
            fit = float((option * frame).sum())
            if np.linalg.det(option) > 0 and fit > most:
                best, most = option, fit
    return best


def _frame(along: np.ndarray, near: np.ndarray) -> _Frame | None:
    across = _across(near, _unit(along))
    if np.linalg.norm(across) < 1e-3:
        return None
    x, y = _unit(along), _unit(across)
    return np.stack([x, y, np.cross(x, y)], 1)


def _aim(source: np.ndarray, target: np.ndarray) -> Rotation:
    axis = np.cross(source, target)
    sine, cosine = np.linalg.norm(axis), float(source @ target)
    if sine < 1e-6:
        # Opposite: about whatever axis; about forward keeps a limb in the frontal plane.
        return Rotation.from_rotvec([0, 0, np.pi if cosine < 0 else 0.0])
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine))


def _across(vector: np.ndarray, axis: np.ndarray) -> np.ndarray:
    return vector - (vector @ axis) * axis


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
