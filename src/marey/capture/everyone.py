"""Everyone of a clip, fitted side by side and placed in one world, wherever their arrays lie."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol, runtime_checkable

from marey.body import Body
from marey.capture.fit_body import FitOptions
from marey.capture.fit_person import fit_person, make_bodies
from marey.capture.observe import PinholeView
from marey.capture.place_in_world import find_shared_world
from marey.capture.world import World
from marey.core import BodyMotion, Person
from marey.core.errors import NothingFoundError
from marey.core.progress import Progress, silent
from marey.core.scratch import Scratch
from marey.fit.threads import one_thread_each, side_by_side


@runtime_checkable
class Archive(Protocol):
    """Everyone of a clip, wherever their keypoints and motions lie."""

    @property
    def lengths(self) -> Sequence[int]:
        """Frames of each person's span."""
        ...

    def read_person(self, number: int) -> Person:
        """Return one person's keypoints."""
        ...

    def has_motion(self, number: int) -> bool:
        """Whether this person has been fitted, with or without success."""
        ...

    def read_motion(self, number: int) -> BodyMotion | None:
        """Return a fitted person's motion in camera axes."""
        ...

    def keep_motion(self, number: int, motion: BodyMotion | None) -> None:
        """Keep a fitted person's motion in camera axes."""
        ...

    def scratch(self, number: int) -> AbstractContextManager[Scratch]:
        """Return room for one person's working arrays, until their motion is kept."""
        ...


@dataclass(slots=True)
class InMemory:
    """People and motions of a short clip."""

    people: Sequence[Person]
    motions: list[BodyMotion | None] = field(init=False)

    def __post_init__(self) -> None:
        self.motions = [None] * len(self.people)

    @property
    def lengths(self) -> Sequence[int]:
        """Frames of each person's span."""
        return [person.num_frames for person in self.people]

    def read_person(self, number: int) -> Person:
        """Return one person."""
        return self.people[number]

    def has_motion(self, number: int) -> bool:
        """Nobody has been fitted before."""
        return False

    def read_motion(self, number: int) -> BodyMotion | None:
        """Return a fitted person's motion."""
        return self.motions[number]

    def keep_motion(self, number: int, motion: BodyMotion | None) -> None:
        """Keep it."""
        self.motions[number] = motion

    def scratch(self, number: int) -> AbstractContextManager[Scratch]:
        """All is in memory."""
        return nullcontext(Scratch())


def fit_everyone(
    archive: Archive,
    *,
    body: Body,
    view: PinholeView,
    options: FitOptions,
    workers: int = 2,
    progress: Progress = silent,
) -> None:
    """Fit a body to everyone who has not been fitted yet, in camera axes."""
    bodies = make_bodies(body)
    # The body passes every frame of a person twice, each hand once.
    rounds = 2 + len(bodies.hands)
    total, done, lock = sum(archive.lengths) * rounds, 0, Lock()

    def advance(frames: int) -> None:
        nonlocal done
        with lock:
            done += frames
            progress("fit", min(done, total), total)

    def fit(number: int) -> None:
        if archive.has_motion(number):
            advance(archive.lengths[number] * rounds)
            return
        person = archive.read_person(number)
        assert person.keypoints3d is not None
        with archive.scratch(number) as scratch:
            motion = fit_person(
                bodies,
                person.keypoints2d[0],
                person.keypoints3d,
                view,
                options=options,
                advance=advance,
                scratch=scratch,
            )
            archive.keep_motion(number, motion)

    with one_thread_each():
        side_by_side(fit, range(len(archive.lengths)), workers=workers)
    progress("fit", total, total)


def find_world_of(archive: Archive, *, body: Body, name: str) -> World:
    """Find up and the floor from everyone who has been fitted.

    Args:
        archive: Everyone.
        body: The body that was fitted.
        name: What the clip is called, for the message.

    Raises:
        NothingFoundError: If nobody was seen well enough to fit a body.
    """
    moving = [
        number for number in range(len(archive.lengths)) if archive.read_motion(number) is not None
    ]
    if not moving:
        raise NothingFoundError(
            f"people were found in {name}, but none is seen well enough to fit a body; more of the "
            "body must be in view"
        )
    motions = (motion for number in moving if (motion := archive.read_motion(number)) is not None)
    num_frames = sum(archive.lengths[number] for number in moving)
    return find_shared_world(body, motions, num_frames=num_frames)
