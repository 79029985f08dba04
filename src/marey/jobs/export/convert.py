"""A take on another body or rig.

Motion on a body is converted by its skin (`marey.fit.convert`). Motion on a bare rig, and motion of
the SMPL family whose body file nobody gave, is carried over by the names of its joints
(`marey.fit.retarget`); that needs no file, keeps the target's proportions and has no residual to
report but the feet's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from marey.body import Body, load_body
from marey.body.layouts import LAYOUTS, Layout
from marey.core import BodyMotion, Person, Rig, Take
from marey.core.errors import InputError, NothingFoundError
from marey.core.progress import Progress, silent
from marey.fit.convert import convert_motion
from marey.fit.retarget import retarget_motion
from marey.jobs.export.writers import SMPL_FAMILY


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonConversion:
    """How one person was converted. Residuals are one per frame of the person's span, m."""

    person: str
    way: str
    """`skin` or `names`."""
    skin: Float[np.ndarray, "L"] | None = None
    joints: Float[np.ndarray, "L"] | None = None
    landmarks: Float[np.ndarray, "L"] | None = None
    feet: Float[np.ndarray, "L"] | None = None

    def summary(self) -> dict[str, Any]:
        """Return means and worst values in mm, for people and for the take."""
        lines: dict[str, Any] = {"way": self.way}
        for name in ("skin", "joints", "landmarks", "feet"):
            values = getattr(self, name)
            if values is not None and np.isfinite(values).any():
                lines[f"{name}_mm"] = round(1000 * float(np.nanmean(values)), 3)
                lines[f"{name}_worst_mm"] = round(1000 * float(np.nanmax(values)), 3)
        return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedTake:
    """A take on another body, and how well each person got there."""

    take: Take
    people: tuple[PersonConversion, ...]


def convert(
    take: Take, *, body: str | Path = "marey-h", progress: Progress = silent
) -> ConvertedTake:
    """Convert the motion of everyone in a take to another body or rig.

    Args:
        take: The take.
        body: `marey-h`, the path of an SMPL, SMPL-H or SMPL-X file, or a .bvh file whose rig is
            wanted.
        progress: Called after every person.

    Returns:
        The take on the new body; keypoints, cameras and tracks stay as they are.

    Raises:
        NothingFoundError: If nobody has a motion.
        InputError: If the body cannot be loaded, or a rig's joints have no known names.
    """
    moving = [person for person in take.people if person.motion is not None]
    if not moving:
        raise NothingFoundError(
            "this take holds no motion; marey solve makes it of a video or of image keypoints"
        )
    target = _load_target(body)
    people, done = [], []
    for person in take.people:
        if person.motion is None:
            people.append(person)
            continue
        motion, how = _convert_person(person, person.motion, target)
        people.append(replace(person, motion=motion))
        done.append(how)
        progress("convert", len(done), len(moving))
    told = {
        "body": target.name if isinstance(target, _Target) else target.rig.name,
        "people": {how.person: how.summary() for how in done},
    }
    provenance: Mapping[str, Any] = {**take.provenance, "convert": told}
    return ConvertedTake(
        take=replace(take, people=tuple(people), provenance=provenance), people=tuple(done)
    )


@dataclass(frozen=True, slots=True)
class _Target:
    body: Body
    name: str
    """What motions on it are called: a name, or where its file lies."""


@dataclass(frozen=True, slots=True)
class _TargetRig:
    rig: Rig
    example: BodyMotion


def _load_target(source: str | Path) -> _Target | _TargetRig:
    path = Path(source)
    if path.name.lower().endswith((".bvh", ".bvh.gz")):
        from marey.io.bvh import read_bvh

        example = read_bvh(path)
        assert isinstance(example.body, Rig)
        return _TargetRig(example.body, example)
    if str(source) in SMPL_FAMILY:
        raise InputError(
            f"the body '{source}' is in a file that marey may not ship; give the path of your own"
        )
    return _Target(load_body(source), str(path.resolve()) if path.suffix else str(source))


def _convert_person(
    person: Person, motion: BodyMotion, target: _Target | _TargetRig
) -> tuple[BodyMotion, PersonConversion]:
    source = _find_source(motion)
    if isinstance(source, Body) and isinstance(target, _Target):
        found = convert_motion(motion, source, target.body)
        how = PersonConversion(
            person=person.name,
            way="skin",
            skin=found.skin[0],
            joints=found.joints[0],
            landmarks=found.landmarks[0],
        )
        return replace(found.motion, body=target.name), how
    own = source if isinstance(source, Body) else None
    if isinstance(source, Rig):
        motion = replace(motion, body=source, shape=np.zeros((1, 0), np.float32))
    if isinstance(target, _Target):
        carried = retarget_motion(motion, target.body, source=own)
        moved = replace(carried.motion, body=target.name)
    else:
        carried = retarget_motion(motion, target.rig, source=own, example=target.example)
        moved = carried.motion
    return moved, PersonConversion(person=person.name, way="names", feet=carried.feet[0])


def _find_source(motion: BodyMotion) -> Body | Rig:
    """Return the body or rig of a motion; for the SMPL family without a file, one in its place."""
    if isinstance(motion.body, Rig):
        return motion.body
    if motion.body in SMPL_FAMILY:
        joints = motion.R_parent_joint.shape[2] + 1
        if joints not in LAYOUTS:
            raise InputError(f"the motion has {joints} joints, which is no body of the SMPL family")
        return _stand_in(LAYOUTS[joints])
    return load_body(motion.body, num_shape=motion.shape.shape[1])


def _stand_in(layout: Layout) -> Rig:
    """Return a rig with a layout's names and the bones of marey-h, whose axes are the same."""
    body = load_body("marey-h", mesh="light")
    rest = body.rest_joints(torch.zeros(body.num_shape)).numpy()
    known = dict(zip(body.joint_names, rest, strict=True))
    place: list[np.ndarray] = []
    for name, parent in zip(layout.joints, layout.parents, strict=True):
        place.append(known[name] if name in known else place[parent])
    offset = [place[k] - place[parent] for k, parent in enumerate(layout.parents) if parent >= 0]
    return Rig(
        name=layout.name,
        root=layout.joints[0],
        joints=layout.joints[1:],
        parents=tuple(parent - 1 for parent in layout.parents[1:]),
        offset=np.array(offset, np.float32),
    )
