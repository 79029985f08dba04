"""The last stage of one camera: bodies out of each other, then who touches whom; piece by piece.

As `settle` does for several cameras, with two differences. One picture knows little of depth, so
people give way in depth first (`give_way`) and move slowly. And a clip may be long: people are
looked at window by window (`meetings`), only where they are near somebody, and every piece that was
solved is kept, so that a run that was interrupted goes on behind it.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from marey.body import Body
from marey.capture.contact.depth_first import give_way
from marey.capture.contact.depth_room import shift_root
from marey.capture.contact.gathering import Gathering
from marey.capture.contact.meetings import Meetings, find_centre, lay_over
from marey.capture.contact.pieces import read_piece, solve_pieces
from marey.capture.contact.settle import SettleOptions
from marey.core import BodyMotion, Cameras
from marey.core.motion import BodyTouch
from marey.core.progress import Progress, silent
from marey.core.scratch import Scratch, chunks
from marey.fit.contact.body_parts import name_parts
from marey.fit.contact.crowd import Crowd
from marey.fit.contact.crowd_body import CrowdBody
from marey.fit.contact.options import CollisionOptions
from marey.fit.contact.separate import find_unsure
from marey.fit.contact.stretches import Piece
from marey.fit.contact.touch import find_touches
from marey.fit.threads import one_thread_each

ONE_VIEW = CollisionOptions(sigma=0.004, steady=4.0, margin=0.8, rounds=8)
"""How bodies that one camera sees are taken apart: softer and slower than with several, whose
pictures say where everybody is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledEveryone:
    """What the stage came to."""

    meetings: Meetings
    pieces: tuple[tuple[int, int], ...] = ()
    """First frame and one past the last of each piece that was solved."""
    touches: BodyTouch | None = None
    """Of everyone with a motion, in their order, by the clip's frames; None where nobody looked."""
    moved: dict[int, list[int]] = field(default_factory=dict)
    """Numbers of the pieces in which each person has moved."""
    unsure: dict[int, Int[np.ndarray, "M"]] = field(default_factory=dict)
    """Frames of the clip in which each person is still deep in somebody, or in the same place as
    somebody; their poses have half the confidence."""

    def place(
        self, number: int, motion: BodyMotion, *, scratch: Scratch | None = None
    ) -> BodyMotion:
        """Return a person's motion as this stage leaves it; the same arrays where nothing moved.

        Args:
            number: Who.
            motion: Their fit in the world.
            scratch: Where the arrays of a long span lie.
        """
        start, length = self.meetings.gathering.starts[number], len(motion.time)
        if self.touches is not None:
            row = list(self.meetings.moving).index(number)
            own = self.touches.of_person(row, start=start, stop=start + length)
            motion = replace(motion, touch=own)
        if number in self.unsure:
            confidence = motion.confidence.copy()
            confidence[0, self.unsure[number] - start] *= np.float32(0.5)
            motion = replace(motion, confidence=confidence)
        if number not in self.moved and number not in self.meetings.shifts:
            return motion
        scratch, old = scratch or Scratch(), motion
        motion = replace(
            motion,
            T_world_root=_copy(scratch, "apart.root", old.T_world_root),
            R_parent_joint=_copy(scratch, "apart.joints", old.R_parent_joint),
        )
        span = slice(start, start + length)
        if number in self.meetings.shifts:
            away = self.meetings.shifts[number].over(span)
            for frames in chunks(length):
                motion.T_world_root[0, frames] = shift_root(
                    old.T_world_root[0, frames], away[frames], self.meetings.centre
                )
        for piece in self.moved.get(number, ()):
            lay_over(motion, (number,), span, read_piece(self.meetings.gathering, piece))
        return motion


def settle_everyone(
    gathering: Gathering,
    cameras: Cameras,
    body: Body,
    *,
    options: SettleOptions | None = None,
    progress: Progress = silent,
) -> SettledEveryone:
    """Take people's bodies apart where one camera saw them, and note which parts touch.

    Args:
        gathering: Everyone in the world; keeps what is found.
        cameras: The camera, which does not move.
        body: The body of the motions.
        options: How.
        progress: Called as windows are looked at and pieces solved.
    """
    options = options or SettleOptions(collision=ONE_VIEW)
    collision = options.collision or ONE_VIEW
    meetings = Meetings(
        gathering=gathering,
        body=CrowdBody(body),
        options=collision,
        cameras=cameras,
        centre=find_centre(cameras),
        workers=options.workers,
    )
    alone = len(meetings.moving) < 2
    wanted = options.touches or options.collision is not None
    if not wanted or (alone and not (options.collision and collision.oneself)):
        return SettledEveryone(meetings=meetings)
    pieces: list[Piece] = []
    with one_thread_each(), torch.inference_mode():
        for number, window in enumerate(meetings.windows):
            meetings.look(number)
            progress("contact", window.stop, len(gathering.time))
        if options.collision is not None:
            give_way(meetings)
            pieces = solve_pieces(meetings, progress)
        moved: dict[int, list[int]] = {}
        for piece in range(len(pieces)):
            for number in read_piece(gathering, piece).people:
                moved.setdefault(number, []).append(piece)
        done = SettledEveryone(
            meetings=meetings,
            pieces=tuple((piece.first, piece.stop) for piece in pieces),
            moved=moved,
        )
        if options.collision is not None:
            done = replace(done, unsure=_find_unsure(done))
        if not options.touches or alone:
            return done
        return replace(done, touches=_find_touches(done))


def _cut_near(done: SettledEveryone, number: int) -> tuple[list[int], BodyMotion]:
    """Return those who are near somebody in a window, and their motion as this stage leaves it."""
    meetings = done.meetings
    window = meetings.windows[number]
    people = sorted({n for pair in meetings.near[number] for n in pair})
    motion = meetings.cut(people, window)
    for piece, (first, stop) in enumerate(done.pieces):
        if first < window.stop and stop > window.start:
            lay_over(motion, people, window, read_piece(meetings.gathering, piece))
    return people, motion


def _find_unsure(done: SettledEveryone) -> dict[int, Int[np.ndarray, "M"]]:
    """Find who is still deep in somebody, in every window in which somebody is near somebody."""
    meetings, found = done.meetings, {}
    for number in sorted(meetings.near):
        people, motion = _cut_near(done, number)
        crowd = Crowd(meetings.body, motion, None, meetings.options, meetings.workers)
        depths = {pair: crowd.measure(*pair, within=0.0) for pair in crowd.find_pairs()}
        for who, unsure in zip(people, find_unsure(crowd, depths), strict=True):
            frames = np.flatnonzero(unsure) + meetings.windows[number].start
            if len(frames):
                found.setdefault(who, []).append(frames)
    return {who: np.concatenate(parts) for who, parts in found.items()}


def _find_touches(done: SettledEveryone) -> BodyTouch:
    """Name the parts that touch, in every window in which somebody is near somebody."""
    meetings = done.meetings
    keys, gaps = [np.zeros((5, 0), np.int64)], [np.zeros(0, np.float32)]
    everyone = list(meetings.moving)
    names = tuple(meetings.gathering.names[number] for number in everyone)
    for number in sorted(meetings.near):
        window = meetings.windows[number]
        people, motion = _cut_near(done, number)
        touch = find_touches(meetings.body, motion, workers=meetings.workers)
        rows = np.array([everyone.index(n) for n in people])
        who, other = rows[touch.person], rows[touch.other]
        frame = touch.frame + window.start
        keys.append(np.stack([who, frame, touch.part, other, touch.other_part]))
        gaps.append(touch.gap)
    table, gap = np.concatenate(keys, 1), np.concatenate(gaps)
    order = np.lexsort(table[::-1])
    person, frame, part, other, other_part = table[:, order]
    return BodyTouch(
        parts=name_parts(meetings.body.body),
        others=names,
        person=person,
        frame=frame,
        part=part,
        other=other,
        other_part=other_part,
        gap=gap[order],
    )


def _copy(
    scratch: Scratch, name: str, array: Float[np.ndarray, "1 L ..."]
) -> Float[np.ndarray, "1 L ..."]:
    copied = scratch.empty(name, array.shape[1:], array.dtype)
    for frames in chunks(array.shape[1]):
        copied[frames] = array[0, frames]
        scratch.release()
    return copied[None]
