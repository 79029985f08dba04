"""One person's figures, measured a stretch of frames at a time.

What stays in memory is a handful of numbers per frame of one person, however many joints and
keypoints there are.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from marey.core import Keypoints2D, Person, Take
from marey.core.errors import MareyError
from marey.view.report._image_figures import (
    ReprojectionCounter,
    SightCounter,
    read_height,
    read_seen,
)
from marey.view.report._motion_figures import FloorCounter, LimbCounter, MovementCounter
from marey.view.report.figures import PersonFigures, Presence
from marey.view.report.parts import CONFIDENT, parts_of
from marey.view.report.posing import PosedPoints, Stretch, project, stretches

BRIDGED_CONFIDENCE = 0.1
"""What marey gives to frames it bridges (docs/conventions.md)."""


def measure_person(
    take: Take,
    person: Person,
    *,
    view: int = 0,
    advance: Callable[[int], None] = lambda frames: None,
) -> PersonFigures:
    """Measure all that a take tells about one person.

    Args:
        take: The take.
        person: One of its people.
        view: Which view the keypoints and the camera are of.
        advance: Called with the number of frames finished.
    """
    points = person.keypoints2d[view] if len(person.keypoints2d) > view else None
    posed, problem = _open_motion(person)
    counters = _Counters(take, person, points, posed, view)
    for stretch in stretches(person.num_frames):
        counters.add(stretch)
        advance(stretch.frames.stop - stretch.frames.start)
    return PersonFigures(
        name=person.name,
        start=person.start,
        num_frames=person.num_frames,
        presence=measure_presence(person, points),
        reprojection=counters.reprojection and counters.reprojection.finish(),
        limbs=counters.limbs and counters.limbs.finish(),
        movement=counters.movement and counters.movement.finish(),
        floor=counters.floor and counters.floor.finish(),
        sight=counters.sight.finish(),
        view=view,
        problem=problem,
    )


def choose_view(person: Person) -> int:
    """Return the camera that sees most of a person's body."""
    seen = []
    for block in person.keypoints2d:
        columns = next(iter(parts_of(block.skeleton).values()), np.arange(len(block.skeleton)))
        seen.append(sum(float((block.confidence[0, :, k] > CONFIDENT).sum()) for k in columns))
    return int(np.argmax(seen)) if seen else 0


def measure_presence(person: Person, points: Keypoints2D | None) -> Presence:
    """Return when a person is there: by the motion, else by the keypoints of the body."""
    nothing = np.zeros(person.num_frames, bool)
    if person.motion is not None:
        confidence = np.array(person.motion.confidence[0], np.float32)
        bridged = np.abs(confidence - BRIDGED_CONFIDENCE) < 1e-6
        return Presence(confidence=confidence, bridged=bridged, has_motion=True)
    source = person.keypoints3d if points is None else points
    if source is None:
        return Presence(
            confidence=np.zeros(person.num_frames, np.float32), bridged=nothing, has_motion=False
        )
    columns = next(iter(parts_of(source.skeleton).values()), np.arange(len(source.skeleton)))
    # Column by column: the whole would be large, and may lie on the disk.
    total = np.zeros(person.num_frames, np.float32)
    for column in columns:
        total += source.confidence[0, :, column]
    return Presence(confidence=total / len(columns), bridged=nothing, has_motion=False)


def _open_motion(person: Person) -> tuple[PosedPoints | None, str]:
    if person.motion is None:
        return None, ""
    try:
        return PosedPoints(person.motion), ""
    except MareyError as error:
        return None, str(error)


class _Counters:
    """What is collected about one person, as far as the take allows."""

    def __init__(
        self,
        take: Take,
        person: Person,
        points: Keypoints2D | None,
        posed: PosedPoints | None,
        view: int,
    ):
        length = person.num_frames
        self._take, self._person, self._points = take, person, points
        self._posed, self._view = posed, view
        self._cameras = take.cameras
        if take.cameras is not None and len(take.cameras.names) <= view:
            self._cameras = None
        self.sight = SightCounter(take, points, length, view=view)
        self.limbs = person.keypoints3d and LimbCounter(person.keypoints3d)
        self.movement = self.floor = self.reprojection = None
        if posed is not None:
            assert person.motion is not None
            self.movement = MovementCounter(posed.joints, length)
            self._body = self.movement.columns
            self.floor = FloorCounter(person.motion, posed.names, length)
            if points is not None and self._cameras is not None:
                self.reprojection = ReprojectionCounter(points, posed.names)

    def add(self, stretch: Stretch) -> None:
        """Count one stretch."""
        start, frames = self._person.start, stretch.frames
        seen = None if self._points is None else read_seen(self._points, frames)
        here = slice(start + frames.start, start + frames.stop)
        height = read_height(self._take, self._person.name, here, seen, view=self._view)
        shown = self._add_motion(stretch)
        if self.limbs:
            self.limbs.add(frames)
        if shown is None:
            self.sight.add(stretch, seen, height, None)
            return
        assert self._posed is not None
        if self.reprojection is not None and seen is not None:
            self.reprojection.add(stretch, shown, seen, height)
        body = shown[:, self._body], tuple(self._posed.joints[k] for k in self._body)
        self.sight.add(stretch, seen, height, body)

    def _add_motion(self, stretch: Stretch) -> Float[np.ndarray, "L P 2"] | None:
        """Pose a stretch, count it, and return where its points are in the picture."""
        if self._posed is None:
            return None
        assert self.movement is not None and self.floor is not None
        placed = self._posed.place(stretch.all)
        time = self._take.time[self._person.start :][stretch.all]
        self.movement.add(stretch, placed[:, : len(self._posed.joints)], time)
        self.floor.add(stretch, placed, time)
        if self._cameras is None:
            return None
        inside = placed[stretch.lead :]
        return project(inside, self._cameras, self._person, frames=stretch.frames, view=self._view)
