"""A part of a take of keypoints, by its clock."""

from dataclasses import replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from marey.core import Clip, Keypoints2D, Keypoints3D, Person, Take, Track, Tracks
from marey.core.errors import InputError

_Points = TypeVar("_Points", Keypoints2D, Keypoints3D)


def cut_take(
    take: Take, *, start: float | None = None, end: float | None = None, every: int = 1
) -> Take:
    """Return the part of a take of keypoints between two moments.

    Args:
        take: A take without motion.
        start: First moment, s from the first frame of its video, or of the take; None for all.
        end: Moment at which the part ends, not included; None for the end.
        every: Step; 2 takes every other frame.

    Returns:
        A take whose clock keeps the times of the frames it has, without people who are in none.

    Raises:
        InputError: If no frame is left.
    """
    if start is None and end is None and every == 1:
        return take
    origin = take.clips[0].time[0] if take.clips else take.time[0]
    # What is written with three decimals means the frame that is shown then.
    moments = take.time - origin + 5e-4
    first = 0 if start is None else int(np.searchsorted(moments, start))
    stop = len(moments) if end is None else int(np.searchsorted(moments, end))
    frames = range(first, stop, every)
    if not frames:
        raise InputError(
            f"no frame of the keypoints lies between {start or 0:g} s and "
            f"{moments[-1] if end is None else end:g} s; their last one is at {moments[-1]:.2f} s"
        )
    people = (_cut_person(person, frames) for person in take.people)
    return replace(
        take,
        time=take.time[_slice(frames)],
        clips=tuple(_cut_clip(clip, take.time, frames) for clip in take.clips),
        people=tuple(person for person in people if person is not None),
        tracks=tuple(
            Tracks(time=tracks.time[_slice(frames)], tracks=_cut_tracks(tracks, frames))
            for tracks in take.tracks
        ),
    )


def _cut_clip(clip: Clip, time: Float[np.ndarray, "T"], frames: range) -> Clip:
    # A video with a clock of its own stays whole; frames find each other by their times.
    if not np.array_equal(clip.time, time):
        return clip
    if clip.path is None:
        return replace(clip, time=time[_slice(frames)])
    first = clip.first + clip.step * frames.start
    return replace(
        clip, time=time[_slice(frames)], cuts=(), first=first, step=clip.step * frames.step
    )


def _slice(frames: range) -> slice:
    return slice(frames.start, frames.stop, frames.step)


def _rows(start: int, stop: int, frames: range) -> tuple[int, slice] | None:
    """Return where a span begins among the frames that stay, and which of its rows do."""
    here = [row for row, frame in enumerate(frames) if start <= frame < stop]
    if not here:
        return None
    first, last = frames[here[0]] - start, frames[here[-1]] - start
    return here[0], slice(first, last + 1, frames.step)


def _cut_person(person: Person, frames: range) -> Person | None:
    found = _rows(person.start, person.stop, frames)
    if found is None:
        return None
    start, rows = found
    points3d = person.keypoints3d
    return Person(
        name=person.name,
        start=start,
        num_frames=len(range(person.num_frames)[rows]),
        keypoints2d=tuple(_cut_points(points, rows) for points in person.keypoints2d),
        keypoints3d=None if points3d is None else _cut_points(points3d, rows),
    )


def _cut_points(points: _Points, rows: slice) -> _Points:
    return replace(
        points,
        time=points.time[rows],
        position=points.position[:, rows],
        confidence=points.confidence[:, rows],
        sigma=None if points.sigma is None else points.sigma[:, rows],
    )


def _cut_tracks(tracks: Tracks, frames: range) -> tuple[Track, ...]:
    cut = []
    for track in tracks.tracks:
        found = _rows(track.start, track.stop, frames)
        if found is not None:
            start, rows = found
            box, sure = track.box[rows], track.confidence[rows]
            cut.append(replace(track, start=start, box=box, confidence=sure))
    return tuple(cut)
