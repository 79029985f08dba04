"""Move people who are in each other along the camera's view, before anything else is moved.

How far is found frame by frame, from their skins; the arithmetic is in `depth_room`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int

from marey.capture.contact.depth_room import (
    Shift,
    are_behind,
    choose_front,
    cut_rows,
    find_direction,
    find_room,
    smooth_room,
)
from marey.capture.contact.meetings import Depths, Meetings, Pair

_GIVES_WAY_S = 0.4
"""How long it takes to give way in depth."""


def give_way(meetings: Meetings) -> None:
    """Move people who are in each other along the camera's view, and look at them again.

    Args:
        meetings: Keeps how far everyone is moved.
    """
    steps = np.diff(meetings.gathering.time)
    frame_s = float(np.median(steps)) if len(steps) else _GIVES_WAY_S
    reach = max(1, round(_GIVES_WAY_S / max(frame_s, 1e-3)))
    ways: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
    for pair in meetings.pairs():
        if pair[0] == pair[1]:
            continue
        for group in _split(meetings.depths(pair), 4 * reach):
            frames, room = _find_room(meetings, pair, group)
            if not room.any():
                continue
            one, two = (meetings.pelvis(n, group.frame) for n in pair)
            front = choose_front(one, two, meetings.centre)
            when, smooth = smooth_room(frames, room, reach)
            for number, sign in zip(pair, (-front, front), strict=True):
                ways.setdefault(number, []).append((when, sign * smooth / 2))
    for number, parts in ways.items():
        meetings.shifts[number] = _add(parts, meetings.moving[number])
    touched = np.concatenate([np.zeros(0, int), *(s.frame for s in meetings.shifts.values())])
    for number, window in enumerate(meetings.windows):
        if ((touched >= window.start) & (touched < window.stop)).any():
            meetings.look(number)


def _find_room(
    meetings: Meetings, pair: Pair, group: Depths
) -> tuple[Int[np.ndarray, "M"], Float[np.ndarray, "M"]]:
    """Return how far a pair must be moved apart in depth, in frames of one meeting."""
    one, two = (meetings.pelvis(n, group.frame) for n in pair)
    front = choose_front(one, two, meetings.centre)
    behind = are_behind(one, two, meetings.centre)
    options = meetings.options
    wanted = np.flatnonzero(behind & (group.depth > options.deep))
    room = np.zeros(len(group.frame))
    for rows in cut_rows(wanted, group.frame, options.longest):
        frames = group.frame[rows]
        window = slice(int(frames[0]), int(frames[-1]) + 1)
        crowd, inside = meetings.crowd(pair, window), frames - window.start
        ways = [
            torch.from_numpy(find_direction(p[rows], meetings.centre) * sign / 2)
            for p, sign in zip((one, two), (-front, front), strict=True)
        ]

        def measure(some: Int[np.ndarray, "K"], apart: float) -> Float[np.ndarray, "K"]:
            at = torch.from_numpy(inside[some])  # noqa: B023
            poses = tuple(
                replace(pose[at], translation=pose[at].translation + apart * way[some])
                for pose, way in zip(crowd.poses, ways, strict=True)  # noqa: B023
            )
            near, _ = crowd.find(0, 1, inside[some], (poses[0], poses[1]), 0.0)  # noqa: B023
            depth = np.zeros(len(some))
            for side in near:
                np.maximum.at(depth, side.row, -side.distance)
            return depth

        room[rows] = find_room(measure, group.depth[rows], deep=options.deep, allowed=options.least)
    return group.frame, room


def _split(depths: Depths, gap: int) -> Iterator[Depths]:
    """Yield the meetings of a pair, which long times apart divide."""
    cuts = np.flatnonzero(np.diff(depths.frame) > gap) + 1
    for rows in np.split(np.arange(len(depths.frame)), cuts):
        yield Depths(depths.frame[rows], depths.depth[rows])


def _add(parts: Sequence[tuple[np.ndarray, np.ndarray]], span: slice) -> Shift:
    """Add up how far one person gives way to everybody, within their span."""
    frame, place = np.unique(np.concatenate([when for when, _ in parts]), return_inverse=True)
    away = np.zeros(len(frame))
    np.add.at(away, place, np.concatenate([way for _, way in parts]))
    own = (frame >= span.start) & (frame < span.stop) & (away != 0)
    return Shift(frame=frame[own], away=away[own])
