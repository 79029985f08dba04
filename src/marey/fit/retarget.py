"""A motion on a foreign rig as the same motion on another rig or body, by joint names.

Proportions stay the target's. Every joint turns as the source's joint of the same meaning
(`rig_names`, `rig_frames`); the path of the hips is scaled by the length of the legs. Since legs
differ in more than their length, feet would slide a little; a solve of the legs puts the
ankles back on the source's paths, scaled alike, with the feet turned as they were, so that a foot
that rests stays at rest.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from marey.body import Body
from marey.core import BodyMotion, Rig
from marey.core.errors import InputError, ShapeError
from marey.fit.convert import CHUNK, check_finite, find_present
from marey.fit.retarget_plan import SAMPLE, carry_over, make_plan
from marey.fit.rig_frames import PosedRig, find_frames, pose_rig
from marey.fit.rig_names import name_joints_of
from marey.fit.threads import one_thread_each


@dataclass(frozen=True, slots=True, kw_only=True)
class Retargeting:
    """A motion on another rig, and how well it follows the original."""

    motion: BodyMotion
    scale: Float[np.ndarray, "N"]
    """Of the paths: leg length on the target over that on the source."""
    feet: Float[np.ndarray, "N T"]
    """Root mean square distance of ankles and toes from where the source's scaled paths put them,
    m."""
    joints: tuple[str, ...]
    """marey's names of the joints that both sides have."""


def retarget_motion(
    motion: BodyMotion,
    target: Body | Rig,
    *,
    source: Body | None = None,
    shape: Float[np.ndarray, "S"] | None = None,
    example: BodyMotion | None = None,
) -> Retargeting:
    """Carry a motion over to another rig or body by the names of its joints.

    Args:
        motion: N people over T frames, on a bare rig or on the source.
        target: The body or rig wanted.
        source: The body of the motion, if it is on one.
        shape: Coefficients of the target for everyone; its mean shape if None.
        example: Another motion on a target that is a rig, to learn from how its joints stand; only
            needed where the rig's rest pose is no pose a person could take.

    Returns:
        The motion; contacts, confidence and times stay. Frames that are not finite are NaN with
        confidence 0.

    Raises:
        InputError: If joints have no known names, or the source is missing.
        ShapeError: If the motion has another number of joints than its rig.
    """
    if isinstance(motion.body, str) and source is None:
        raise InputError(f"the motion is on the body {motion.body}; give that body as source")
    rig, coefficients = _target_rig(target, shape)
    places = name_joints_of(rig)
    num_people, num_frames = motion.confidence.shape
    root = np.full((num_people, num_frames, 7), np.nan, np.float32)
    pose = np.full((num_people, num_frames, len(rig.joints), 4), np.nan, np.float32)
    feet = np.full((num_people, num_frames), np.nan, np.float32)
    scale = np.full(num_people, np.nan, np.float32)
    present, shared = find_present(motion), set(places)
    frames = find_frames(rig, places, None if example is None else _example(example))
    for person in range(num_people):
        own = _rig_of(motion, person, source)
        if len(own.joints) != motion.R_parent_joint.shape[2]:
            raise ShapeError(
                f"the motion has {motion.R_parent_joint.shape[2]} joints, its rig {own.name} has "
                f"{len(own.joints)}; give the rig it was made with"
            )
        check_finite(own.offset, "bone of the rig or shape coefficient")
        own_places = name_joints_of(own)
        shared &= set(own_places)
        rows = np.flatnonzero(present[person])
        if not len(rows):
            continue
        plan = make_plan(motion, person, rows, (own, own_places), (rig, places, frames))
        scale[person] = plan.scale
        with one_thread_each(), torch.inference_mode():
            for start in range(0, len(rows), CHUNK):
                part = rows[start : start + CHUNK]
                done = carry_over(plan, pose_rig(motion, person, part, own, own_places))
                root[person, part], pose[person, part], feet[person, part] = done
    found = present & np.isfinite(root).all(-1)
    carried = replace(
        motion,
        body=target if isinstance(target, Rig) else target.name,
        shape=np.tile(coefficients, (num_people, 1)),
        T_world_root=root,
        R_parent_joint=pose,
        confidence=np.where(found, motion.confidence, 0).astype(motion.confidence.dtype),
    )
    return Retargeting(
        motion=carried,
        scale=scale,
        feet=feet,
        joints=tuple(name for name in places if name in shared),
    )


def _target_rig(
    target: Body | Rig, shape: Float[np.ndarray, "S"] | None
) -> tuple[Rig, Float[np.ndarray, "S"]]:
    if isinstance(target, Rig):
        return target, np.zeros(0, np.float32)
    given = np.zeros(0) if shape is None else np.asarray(shape)
    if len(given) > target.num_shape:
        raise ShapeError(f"{target.name} has {target.num_shape} coefficients, got {len(given)}")
    check_finite(given, "shape coefficient")
    full = np.zeros(target.num_shape, np.float32)
    full[: len(given)] = given
    return target.rig_of_shape(torch.from_numpy(full)), full


def _rig_of(motion: BodyMotion, person: int, source: Body | None) -> Rig:
    if isinstance(motion.body, Rig):
        return motion.body
    assert source is not None
    shape = torch.zeros(source.num_shape)
    shape[: motion.shape.shape[1]] = torch.from_numpy(motion.shape[person].astype(np.float32))
    return source.rig_of_shape(shape)


def _example(example: BodyMotion) -> PosedRig:
    rows = np.flatnonzero(find_present(example)[0])
    if not isinstance(example.body, Rig) or not len(rows):
        raise InputError("the example is a motion of someone on the bare rig that is the target")
    few = rows[:: max(len(rows) // SAMPLE, 1)]
    return pose_rig(example, 0, few, example.body, name_joints_of(example.body))
