"""The last stage of several cameras: bodies out of each other, who touches whom, and the floor.

It looks at everyone's fitted motion in one world at once. One camera has `settle_everyone`.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float

from marey.body import Body
from marey.capture.contact.floors import choose_floors, find_low
from marey.capture.place_in_world import to_world
from marey.capture.world import World
from marey.core import BodyMotion, Cameras, Keypoints2D, Person
from marey.core.progress import Progress, silent
from marey.core.take import stack_motions
from marey.fit.contact.options import CollisionOptions
from marey.fit.contact.separate import Separated, separate_people
from marey.fit.contact.touch import find_touches

_UPRIGHT = 0.7
"""Least mean of how far people's own up points along the world's; below it, up is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleOptions:
    """What is done about contact."""

    collision: CollisionOptions | None = field(default_factory=CollisionOptions)
    """How bodies are taken apart; None leaves them in each other."""
    touches: bool = True
    """Whether it is noted which parts touch."""
    workers: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """People after that stage."""

    people: tuple[Person, ...]
    separated: Separated | None
    """Depths before and after; None with one person, or where it was not asked."""


def settle_contact(
    people: tuple[Person, ...],
    time: Float[np.ndarray, "T"],
    cameras: Cameras,
    body: Body,
    *,
    options: SettleOptions | None = None,
    progress: Progress = silent,
) -> Settled:
    """Take people's bodies apart and note which parts touch each other.

    Args:
        people: Everyone; those without a motion are left as they are.
        time: The common clock, s.
        cameras: The views of people's keypoints, in the world of their motion.
        body: The body of the motions.
        options: How.
        progress: Called as stretches are solved.
    """
    options = options or SettleOptions()
    moving = [person for person in people if person.motion is not None]
    if not moving:
        return Settled(people=people, separated=None)
    motion, separated = stack_motions(moving, time), None
    alone = len(moving) < 2 and not (options.collision and options.collision.oneself)
    if options.collision is not None and not alone:
        separated = separate_people(
            body,
            motion,
            _stack_keypoints(moving, time),
            cameras,
            options=options.collision,
            workers=options.workers,
            progress=progress,
        )
        motion = separated.motion
    if options.touches and len(moving) > 1:
        motion = replace(motion, touch=find_touches(body, motion, workers=options.workers))
    rows = {person.name: row for row, person in enumerate(moving)}
    done = tuple(
        replace(person, motion=_cut(motion, rows[person.name], person, separated))
        if person.name in rows
        else person
        for person in people
    )
    return Settled(people=done, separated=separated)


def mark_floor(body: Body, people: tuple[Person, ...]) -> tuple[Person, ...]:
    """Note which points of the feet touch the floor, where nobody has and up is known.

    The floor is that of `choose_floors`, so that nobody who is placed badly or stands lower takes
    it from the others. Left as they are if the bodies do not stand along +Z.

    Args:
        body: The body of the motions.
        people: Everyone, in one world.
    """
    moving = [p.motion for p in people if p.motion is not None]
    blank = [motion for motion in moving if motion.contact is None]
    if not blank or len(blank) < len(moving) or not _stands(moving):
        return people
    with torch.inference_mode():
        floors = choose_floors([find_low(_feet(body, motion)) for motion in moving])
        if np.isnan(floors).all():
            return people
        floor = iter(floors)
        return tuple(
            person
            if person.motion is None
            else replace(person, motion=_mark(body, person.motion, next(floor)))
            for person in people
        )


def _mark(body: Body, motion: BodyMotion, floor: float) -> BodyMotion:
    lift = World(R_world_cam=np.eye(3), t_world_cam=np.array([0.0, 0.0, -floor]), floor_known=True)
    marked = to_world(body, motion, lift)
    return replace(motion, contact=marked.contact, contact_names=marked.contact_names)


def _stands(motions: list[BodyMotion]) -> bool:
    """Tell whether bodies' own up is the world's on average."""
    root = np.concatenate([motion.T_world_root[0] for motion in motions])
    w, x, y, z = root[np.isfinite(root).all(-1), :4].T
    # The body's +Y in the world's +Z: an entry of the rotation matrix.
    up = 2 * (y * z + w * x)
    return bool(len(up)) and float(up.mean()) > _UPRIGHT


def _feet(body: Body, motion: BodyMotion) -> Float[np.ndarray, "M"]:
    known = np.isfinite(motion.T_world_root[0]).all(-1)
    posed = body.pose(
        torch.from_numpy(np.asarray(motion.shape[0])),
        torch.from_numpy(np.ascontiguousarray(motion.T_world_root[0][known])),
        torch.from_numpy(np.ascontiguousarray(motion.R_parent_joint[0][known])),
    )
    names = [f"{side}_{part}" for side in ("left", "right") for part in ("ankle", "foot")]
    names = [name for name in names if name in body.points]
    skin = [f"{side}_{part}" for side in ("left", "right") for part in ("heel", "big_toe")]
    names = skin if set(skin) <= set(body.landmarks.names) else names
    return body.landmark_positions(posed, names)[..., 2].flatten().numpy()


def _stack_keypoints(people: list[Person], time: Float[np.ndarray, "T"]) -> Keypoints2D | None:
    """Lay out everyone's keypoints in all views on the common clock; None if somebody has none."""
    views = {len(person.keypoints2d) for person in people}
    if len(views) != 1 or views == {0}:
        return None
    first = people[0].keypoints2d[0]
    shape = (views.pop(), len(people), len(time), len(first.skeleton))
    position = np.full((*shape, 2), np.nan, np.float32)
    confidence, sigma = np.zeros(shape, np.float32), np.full(shape, np.nan, np.float32)
    for row, person in enumerate(people):
        span = slice(person.start, person.stop)
        for view, block in enumerate(person.keypoints2d):
            position[view, row, span] = block.position[0]
            confidence[view, row, span] = block.confidence[0]
            if block.sigma is not None:
                sigma[view, row, span] = block.sigma[0]
    return replace(
        first,
        people=tuple(person.name for person in people),
        time=time,
        position=position,
        confidence=confidence,
        sigma=sigma if np.isfinite(sigma).any() else None,
    )


def _cut(motion: BodyMotion, row: int, person: Person, separated: Separated | None) -> BodyMotion:
    """Return one person's part; what did not change stays the same array."""
    assert person.motion is not None
    span = slice(person.start, person.stop)
    touch = motion.touch
    own = None if touch is None else touch.of_person(row, start=span.start, stop=span.stop)
    if separated is None or not (separated.changed[row] | separated.unsure[row]).any():
        return replace(person.motion, touch=own)
    return replace(
        person.motion,
        confidence=motion.confidence[row : row + 1, span],
        T_world_root=motion.T_world_root[row : row + 1, span],
        R_parent_joint=motion.R_parent_joint[row : row + 1, span],
        touch=own,
    )
