"""A take: everything marey knows about one recording.

A person is stored over the span of frames in which they are followed; `Take.motion` and its
siblings lay the people out on the common clock on demand. Long recordings read people one by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core.cameras import Cameras
from marey.core.clip import Clip
from marey.core.errors import InputError, NothingFoundError
from marey.core.keypoints import Keypoints2D, Keypoints3D
from marey.core.motion import BodyMotion, Rig, join_touches
from marey.core.tracks import Tracks


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person of a take; every member has N = 1 and covers the person's span of L frames."""

    name: str
    start: int
    """First frame of the span, as an index into the take's clock."""
    num_frames: int
    keypoints2d: tuple[Keypoints2D, ...] = ()
    """One per view."""
    keypoints3d: Keypoints3D | None = None
    motion: BodyMotion | None = None

    @property
    def stop(self) -> int:
        """One past the last frame of the span."""
        return self.start + self.num_frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Clips, cameras, people and where they came from."""

    time: Float[np.ndarray, "T"]
    """The common clock, s."""
    clips: tuple[Clip, ...] = ()
    cameras: Cameras | None = None
    tracks: tuple[Tracks, ...] = ()
    """One per view."""
    people: tuple[Person, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Stage name to its options and hashes; plain TOML values."""

    @property
    def motion(self) -> BodyMotion:
        """The motion of all people on the common clock.

        Raises:
            NothingFoundError: If no person has a motion.
            InputError: If people have different bodies.
        """
        moving = [person for person in self.people if person.motion is not None]
        if not moving:
            raise NothingFoundError(
                "this take holds no motion; marey solve makes it of a video or of image keypoints"
            )
        return stack_motions(moving, self.time)

    def keypoints2d(self, view: int = 0) -> Keypoints2D:
        """Return the image keypoints of all people in one view on the common clock.

        Raises:
            NothingFoundError: If no person has keypoints.
        """
        seen = [person for person in self.people if len(person.keypoints2d) > view]
        if not seen:
            raise NothingFoundError("this take holds no keypoints; run marey solve on its video")
        first = seen[0].keypoints2d[view]
        shape = (len(seen), len(self.time), len(first.skeleton.keypoints))
        position = np.full((*shape, 2), np.nan, np.float32)
        confidence = np.zeros(shape, np.float32)
        sigma = np.full(shape, np.nan, np.float32)
        for row, person in enumerate(seen):
            span, block = slice(person.start, person.stop), person.keypoints2d[view]
            position[row, span] = block.position[0]
            confidence[row, span] = block.confidence[0]
            if block.sigma is not None:
                sigma[row, span] = block.sigma[0]
        return replace(
            first,
            people=tuple(person.name for person in seen),
            time=self.time,
            position=position,
            confidence=confidence,
            sigma=sigma,
        )


def stack_motions(people: list[Person], time: Float[np.ndarray, "T"]) -> BodyMotion:
    """Lay the motions of several people out on one clock, NaN where a person is absent.

    Args:
        people: Persons with a motion on the same body.
        time: The common clock, s.

    Returns:
        One motion with N = len(people).

    Raises:
        InputError: If their bodies differ.
    """
    first = _motion(people[0])
    for person in people[1:]:
        if not _is_same_body(first, _motion(person)):
            raise InputError(
                f"'{people[0].name}' and '{person.name}' have different bodies "
                f"({_describe_body(first)}; {_describe_body(_motion(person))}), which one motion "
                "cannot hold; take each person on their own (in Python take.people[i].motion)"
            )
    num_people, num_frames = len(people), len(time)
    root = np.full((num_people, num_frames, 7), np.nan, np.float32)
    pose = np.full((num_people, num_frames, *first.R_parent_joint.shape[2:]), np.nan, np.float32)
    confidence = np.zeros((num_people, num_frames), np.float32)
    contact = np.zeros((num_people, num_frames, len(first.contact_names)), np.float32)
    for row, person in enumerate(people):
        span, block = slice(person.start, person.stop), _motion(person)
        root[row, span] = block.T_world_root[0]
        pose[row, span] = block.R_parent_joint[0]
        confidence[row, span] = block.confidence[0]
        if block.contact is not None and block.contact_names == first.contact_names:
            contact[row, span] = block.contact[0]
    touched = [(p.start, touch) for p in people if (touch := _motion(p).touch) is not None]
    return replace(
        first,
        people=tuple(person.name for person in people),
        time=time,
        shape=np.concatenate([_motion(person).shape for person in people]),
        T_world_root=root,
        R_parent_joint=pose,
        confidence=confidence,
        contact=contact if first.contact is not None else None,
        touch=join_touches(touched) if len(touched) == len(people) else None,
    )


def _motion(person: Person) -> BodyMotion:
    assert person.motion is not None
    return person.motion


def _is_same_body(a: BodyMotion, b: BodyMotion) -> bool:
    if (
        a.shape.shape[1] != b.shape.shape[1]
        or a.R_parent_joint.shape[2] != b.R_parent_joint.shape[2]
    ):
        return False
    if not isinstance(a.body, Rig) or not isinstance(b.body, Rig):
        return isinstance(a.body, str) and a.body == b.body
    names = (a.body.name, a.body.root, a.body.joints, a.body.parents)
    return (
        names == (b.body.name, b.body.root, b.body.joints, b.body.parents)
        and a.body.offset.shape == b.body.offset.shape
        and np.allclose(a.body.offset, b.body.offset, atol=1e-6)
    )


def _describe_body(motion: BodyMotion) -> str:
    name = motion.body.name if isinstance(motion.body, Rig) else motion.body
    return f"{name} with {motion.R_parent_joint.shape[2]} joints"
