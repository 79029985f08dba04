"""Everyone of a clip in one world, wherever their arrays lie, seen through windows of frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from marey.core import BodyMotion, Keypoints2D, Person
from marey.core.take import stack_motions


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What taking bodies apart has changed in some frames."""

    first: int
    """The first of the frames, on the clip's clock."""
    people: tuple[int, ...]
    motion: BodyMotion
    """Of those people; NaN with confidence 0 where they stay as they were."""

    @property
    def stop(self) -> int:
        """One past the last frame."""
        return self.first + len(self.motion.time)


@runtime_checkable
class Gathering(Protocol):
    """Everyone of a clip, in the world."""

    @property
    def time(self) -> Float[np.ndarray, "T"]:
        """The clip's clock, s."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Of everyone, with a motion or without."""
        ...

    @property
    def starts(self) -> Sequence[int]:
        """First frame of each person's span."""
        ...

    def read_root(self, number: int) -> Float[np.ndarray, "L 7"] | None:
        """Return a person's root in the world over their span; None without a motion."""
        ...

    def read_motion(self, number: int) -> BodyMotion:
        """Return the motion in the world of a person who has one."""
        ...

    def read_person(self, number: int) -> Person:
        """Return a person's keypoints."""
        ...

    def read_piece(self, piece: int) -> Moved | None:
        """Return what an earlier run has found in a piece; None if none has."""
        ...

    def keep_piece(self, piece: int, moved: Moved) -> None:
        """Keep what was found in a piece."""
        ...


@dataclass(slots=True)
class InMemory:
    """People of a short clip."""

    time: Float[np.ndarray, "T"]
    people: Sequence[Person]
    pieces: dict[int, Moved] = field(default_factory=dict)

    @property
    def names(self) -> Sequence[str]:
        """Names of everyone."""
        return [person.name for person in self.people]

    @property
    def starts(self) -> Sequence[int]:
        """First frames."""
        return [person.start for person in self.people]

    def read_root(self, number: int) -> Float[np.ndarray, "L 7"] | None:
        """Return a person's root."""
        motion = self.people[number].motion
        return None if motion is None else motion.T_world_root[0]

    def read_motion(self, number: int) -> BodyMotion:
        """Return a person's motion."""
        motion = self.people[number].motion
        assert motion is not None
        return motion

    def read_person(self, number: int) -> Person:
        """Return a person."""
        return self.people[number]

    def read_piece(self, piece: int) -> Moved | None:
        """Return what was found in this run."""
        return self.pieces.get(piece)

    def keep_piece(self, piece: int, moved: Moved) -> None:
        """Keep it."""
        self.pieces[piece] = moved


def cut_motions(
    motions: Mapping[int, tuple[int, BodyMotion]], time: Float[np.ndarray, "T"], window: slice
) -> BodyMotion:
    """Lay some people's motions out over a window of frames, NaN where they are absent.

    Args:
        motions: First frame and motion of each.
        time: The clip's clock.
        window: Frames of it.
    """
    people = []
    for start, motion in motions.values():
        first, stop = (
            min(max(at, start), start + len(motion.time)) for at in (window.start, window.stop)
        )
        own = slice(first - start, max(stop, first) - start)
        part = replace(
            motion,
            time=motion.time[own],
            T_world_root=motion.T_world_root[:, own],
            R_parent_joint=motion.R_parent_joint[:, own],
            confidence=motion.confidence[:, own],
            contact=None if motion.contact is None else motion.contact[:, own],
            touch=None,
        )
        place = first - window.start if own.stop > own.start else 0
        people.append(
            Person(name=motion.people[0], start=place, num_frames=own.stop - own.start, motion=part)
        )
    return stack_motions(people, time[window])


def cut_keypoints(
    people: Sequence[Person], time: Float[np.ndarray, "T"], window: slice
) -> Keypoints2D | None:
    """Lay people's keypoints in one view out over a window of frames; None if somebody has none."""
    if any(len(person.keypoints2d) != 1 for person in people):
        return None
    first = people[0].keypoints2d[0]
    shape = (len(people), window.stop - window.start, len(first.skeleton))
    position = np.full((*shape, 2), np.nan, np.float32)
    confidence, sigma = np.zeros(shape, np.float32), np.full(shape, np.nan, np.float32)
    for row, person in enumerate(people):
        start, stop = max(window.start, person.start), min(window.stop, person.stop)
        if start >= stop:
            continue
        block = person.keypoints2d[0]
        own = slice(start - person.start, stop - person.start)
        there = slice(start - window.start, stop - window.start)
        position[row, there] = block.position[0, own]
        confidence[row, there] = block.confidence[0, own]
        if block.sigma is not None:
            sigma[row, there] = block.sigma[0, own]
    return replace(
        first,
        people=tuple(person.name for person in people),
        time=time[window],
        position=position,
        confidence=confidence,
        sigma=sigma if np.isfinite(sigma).any() else None,
    )
