"""How one person's motion is carried over to another rig: what is learnt once, and every frame."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion, Rig
from marey.core.errors import InputError
from marey.fit.legs import keep_feet
from marey.fit.rig_frames import PosedRig, find_frames, pose_rig, rest_positions
from marey.geometry.rotation import matrix_to_quaternion

SAMPLE = 512
"""Frames from which frames of joints, the floor and the scale are learnt."""
_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
_ANKLES, _TOES = ("left_ankle", "right_ankle"), ("left_foot", "right_foot")
_FLOOR_M = 0.25
"""Lowest joints this near to z = 0 stand on it."""
_STIFF = np.radians(2.0)
"""A forearm that twists by less does not twist at all: its rig leaves that to the wrist."""
_TWIST_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is the same in all frames of a person."""

    rig: Rig
    places: dict[str, int]
    own_frames: dict[str, Float[np.ndarray, "3 3"]]
    frames: dict[str, Float[np.ndarray, "3 3"]]
    own_hips: tuple[int, ...]
    scale: float
    origin: Float[np.ndarray, "3"]
    """The point of the world that scaling leaves alone."""
    lift: float
    """How much higher feet are than the scaled source's, m."""
    stiff: Bool[np.ndarray, "2"]
    """Whether the source's left and right forearm never twist."""


def make_plan(
    motion: BodyMotion,
    person: int,
    rows: Int[np.ndarray, "_"],
    source: tuple[Rig, dict[str, int]],
    target: tuple[Rig, dict[str, int], dict[str, np.ndarray]],
) -> Plan:
    """Learn from some frames how a person's joints stand, where the floor is, and the scale.

    Args:
        motion: The motion.
        person: Whose.
        rows: Frames in which the person is present.
        source: The rig of the motion, and marey's joints on it.
        target: The rig wanted, marey's joints on it, and how they stand (`find_frames`).
    """
    few = rows[:: max(len(rows) // SAMPLE, 1)]
    posed = pose_rig(motion, person, few, *source)
    rig, places, frames = target
    own = posed.places
    hips = tuple(own[name] for name in ("left_hip", "right_hip"))
    scale = _leg_length(rest_positions(rig), places) / _leg_length(rest_positions(source[0]), own)
    lowest = float(np.quantile(posed.position[..., 2].min(1), 0.01))
    floor = 0.0 if abs(lowest) < _FLOOR_M else lowest
    origin = np.array([*posed.position[0, hips].mean(0)[:2], floor])
    plan = Plan(
        rig=rig,
        places=places,
        own_frames=find_frames(source[0], own, posed),
        frames=frames,
        own_hips=hips,
        scale=scale,
        origin=origin,
        lift=0.0,
        stiff=_find_stiff(posed),
    )
    pairs = zip(_ANKLES, _TOES, strict=True)
    held = [_held_joint(places, own, ankle, toe) for ankle, toe in pairs]
    names = [name for name in held if name is not None]
    if not names:
        return plan
    rotation, start = _first_guess(plan, posed)
    above = _place(plan, rotation, start)[:, [places[name] for name in names], 2]
    scaled = _scaled(plan, posed.position[:, [own[name] for name in names]])[..., 2]
    # How high the joint is over the sole shows where a foot stands: in the lowest frames.
    low = scaled <= np.quantile(scaled, 0.1)
    return replace(plan, lift=float((above - scaled)[low].mean()))


def _held_joint(places: dict[str, int], own: dict[str, int], ankle: str, toe: str) -> str | None:
    """Return the joint of a foot that keeps to the source's path.

    The ankle if both have it. Holding the toes instead was tried: over five real clips the slowest
    point of resting feet then slid by up to a fifth more than before, with the ankle by 4 % more
    (running apart, where toes are better).
    """
    return next((name for name in (ankle, toe) if name in places and name in own), None)


def _leg_length(rest: Float[np.ndarray, "K 3"], places: dict[str, int]) -> float:
    total = 0.0
    for side in ("left", "right"):
        names = [f"{side}_{part}" for part in ("hip", "knee", "ankle")]
        leg = rest[[places[name] for name in names if name in places]]
        total += float(np.linalg.norm(np.diff(leg, axis=0), axis=1).sum())
    if total < 1e-3:
        raise InputError("the legs of the rig have no length; is its unit right?")
    return total


def _scaled(plan: Plan, position: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    return plan.origin + plan.scale * (position - plan.origin)


def _find_stiff(posed: PosedRig) -> Bool[np.ndarray, "2"]:
    stiff = []
    for side in ("left", "right"):
        names = [f"{side}_{part}" for part in ("shoulder", "elbow", "wrist")]
        if not set(names) <= set(posed.places):
            stiff.append(False)
            continue
        upper, lower, wrist = (posed.places[name] for name in names)
        local = np.swapaxes(posed.rotation[:, upper], 1, 2) @ posed.rotation[:, lower]
        bone = rest_positions(posed.rig)[wrist] - rest_positions(posed.rig)[lower]
        stiff.append(bool(np.ptp(_twist(local, bone)) < _STIFF))
    return np.array(stiff)


def _twist(
    rotation: Float[np.ndarray, "T 3 3"], axis: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "T"]:
    """Return the angle of the turn about an axis that a rotation begins with (swing-twist)."""
    quaternion = Rotation.from_matrix(rotation).as_quat()
    along = quaternion[:, :3] @ (axis / np.linalg.norm(axis))
    angle = 2 * np.arctan2(along, quaternion[:, 3])
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _first_guess(
    plan: Plan, posed: PosedRig
) -> tuple[Float[np.ndarray, "T K 3 3"], Float[np.ndarray, "T 3"]]:
    """Turn every joint as the source's; return rotations in the world and the root's place."""
    body = {
        name: posed.rotation[:, place] @ plan.own_frames[name]
        for name, place in posed.places.items()
    }
    _fill_trunk(body)
    _share_twist(plan, body)
    parents = (-1, *(parent + 1 for parent in plan.rig.parents))
    names = {place: name for name, place in plan.places.items()}
    world: list[np.ndarray] = []
    # A neck of two joints bends in both.
    lower_neck = parents[plan.places["neck"]] if "neck" in plan.places else -1
    for row, parent in enumerate(parents):
        name = names.get(row)
        if name is None and row == lower_neck:
            half = _part_way(body["spine3"], body["neck"], 0.5)
            world.append(half @ plan.frames["neck"].T)
        elif name is not None and name in body:
            world.append(body[name] @ plan.frames[name].T)
        else:
            world.append(world[parent] if parent >= 0 else body["pelvis"])
    rotation = np.stack(world, 1)
    hips = [plan.places[name] for name in ("left_hip", "right_hip")]
    middle = _scaled(plan, posed.position[:, plan.own_hips].mean(1))
    offset = _place(plan, rotation, np.zeros((len(middle), 3)))[:, hips].mean(1)
    return rotation, middle - offset + np.array([0, 0, plan.lift])


def _fill_trunk(body: dict[str, np.ndarray]) -> None:
    """Let joints of the trunk that the source lacks lie between those it has."""
    known = [k for k, name in enumerate(_TRUNK) if name in body]
    for k, name in enumerate(_TRUNK):
        if name in body:
            continue
        below = max(other for other in known if other < k)
        above = min((other for other in known if other > k), default=below)
        share = (k - below) / (above - below) if above > below else 0.0
        body[name] = _part_way(body[_TRUNK[below]], body[_TRUNK[above]], share)


def _part_way(
    first: Float[np.ndarray, "T 3 3"], last: Float[np.ndarray, "T 3 3"], share: float
) -> Float[np.ndarray, "T 3 3"]:
    turn = Rotation.from_matrix(np.swapaxes(first, 1, 2) @ last).as_rotvec()
    return first @ Rotation.from_rotvec(share * turn).as_matrix()


def _share_twist(plan: Plan, body: dict[str, np.ndarray]) -> None:
    """Turn forearms about themselves with the hand, where the source's rig cannot."""
    for side, stiff, axis in zip(("left", "right"), plan.stiff, (1.0, -1.0), strict=True):
        elbow, wrist = f"{side}_elbow", f"{side}_wrist"
        if not stiff or wrist not in body:
            continue
        bone = np.array([axis, 0.0, 0.0])
        angle = _TWIST_SHARE * _twist(np.swapaxes(body[elbow], 1, 2) @ body[wrist], bone)
        body[elbow] = body[elbow] @ Rotation.from_rotvec(angle[:, None] * bone).as_matrix()


def _place(
    plan: Plan, rotation: Float[np.ndarray, "T K 3 3"], root: Float[np.ndarray, "T 3"]
) -> Float[np.ndarray, "T K 3"]:
    position = np.empty((*rotation.shape[:2], 3))
    position[:, 0] = root
    for joint, parent in enumerate(plan.rig.parents, start=1):
        bone = rotation[:, parent + 1] @ plan.rig.offset[joint - 1].astype(np.float64)
        position[:, joint] = position[:, parent + 1] + bone
    return position


def carry_over(
    plan: Plan, posed: PosedRig
) -> tuple[Float[np.ndarray, "T 7"], Float[np.ndarray, "T J 4"], Float[np.ndarray, "T"]]:
    """Carry frames over; return root, joints, and how far the feet are from their paths, m."""
    rotation, root = _first_guess(plan, posed)
    parents = np.array([parent + 1 for parent in plan.rig.parents], np.int64)
    local = np.concatenate(
        [rotation[:, :1], np.swapaxes(rotation[:, parents], 2, 3) @ rotation[:, 1:]], 1
    )
    position = _place(plan, rotation, root)
    feet = np.full(len(root), np.nan)
    wanted: dict[str, np.ndarray] = {}
    for ankle, toe in zip(_ANKLES, _TOES, strict=True):
        held = _held_joint(plan.places, posed.places, ankle, toe)
        if held is None:
            continue
        lifted = _scaled(plan, posed.position[:, posed.places[held]]) + np.array([0, 0, plan.lift])
        # The foot keeps its own length, and how it is turned.
        for name in (ankle, toe) if toe in plan.places else (ankle,):
            own = position[:, plan.places[name]] - position[:, plan.places[held]]
            wanted[name] = lifted + own
    if wanted:
        local, root, feet = keep_feet(plan.rig, plan.places, local, root, wanted)
    quaternion = _quaternions(local)
    return np.concatenate([quaternion[:, 0], root], 1), quaternion[:, 1:], feet


def _quaternions(matrix: Float[np.ndarray, "T K 3 3"]) -> Float[np.ndarray, "T K 4"]:
    return matrix_to_quaternion(torch.from_numpy(matrix)).numpy()
