"""Take apart everyone who meets somebody, piece by piece; each is kept, so that nothing is lost."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from marey.capture.contact.gathering import Gathering, Moved
from marey.capture.contact.meetings import Meetings, Pair
from marey.core.progress import Progress
from marey.fit.contact.separate import solve_piece
from marey.fit.contact.stretches import Piece, cut_stretch, find_stretches


def solve_pieces(meetings: Meetings, progress: Progress) -> list[Piece]:
    """Take bodies apart, piece by piece; the gathering keeps what moved.

    Args:
        meetings: Who is in whom.
        progress: Called after each piece.

    Returns:
        All pieces, those among them that an earlier run has solved.
    """
    time, options = meetings.gathering.time, meetings.options
    deep = np.zeros(len(time), bool)
    pairs = []
    for pair in meetings.pairs():
        depths = meetings.depths(pair)
        collide = depths.depth > options.least
        deep[depths.frame[collide]] = True
        if collide.any():
            pairs.append(pair)
    pieces = [
        piece
        for start, stop in find_stretches(deep, time, options)
        for piece in cut_stretch(start, stop, len(time), options)
    ]
    for number, piece in enumerate(pieces):
        if meetings.gathering.read_piece(number) is None:
            before = read_piece(meetings.gathering, number - 1) if piece.goes_on else None
            meetings.gathering.keep_piece(number, _solve_one(meetings, pairs, piece, before))
        progress("collisions", number + 1, len(pieces))
    return pieces


def _solve_one(
    meetings: Meetings, pairs: Sequence[Pair], piece: Piece, before: Moved | None
) -> Moved:
    """Take those apart who meet in one piece."""
    window, found = slice(piece.first, piece.stop), {}
    for pair in pairs:
        depths = meetings.depths(pair, window)
        inside = (depths.frame >= window.start) & (depths.frame < window.stop)
        if inside.any():
            found[pair] = (depths.frame[inside] - window.start, depths.depth[inside])
    ahead = _find_ahead(before, window.start) if before is not None else set()
    people = {number for pair in found for number in pair} | ahead
    # In the margin of a collision nobody may be near anybody; a piece is never without people.
    people = tuple(sorted(people or set(pairs[0])))
    crowd = meetings.crowd(people, window, now=before, seen=True)
    row = {number: place for place, number in enumerate(people)}
    length = window.stop - window.start
    for (a, b), (frames, depth) in found.items():
        laid = np.full(length, -meetings.options.watched)
        laid[frames] = depth
        crowd.depth[row[a], row[b]] = laid
        crowd.touching[row[a], row[b]] = laid > -meetings.options.watched
    local = Piece(0, length, piece.held, goes_on=piece.goes_on)
    solve_piece(crowd, list(crowd.touching), local, meetings.workers)
    motion, changed = crowd.motion(), crowd.changed
    kept = replace(
        motion,
        T_world_root=np.where(changed[..., None], motion.T_world_root, np.float32(np.nan)),
        R_parent_joint=np.where(
            changed[..., None, None], motion.R_parent_joint, np.float32(np.nan)
        ),
        confidence=np.where(changed, motion.confidence, np.float32(0)),
        contact=None,
        contact_names=(),
    )
    return Moved(first=window.start, people=people, motion=kept)


def _find_ahead(before: Moved, start: int) -> set[int]:
    """Name those whom the piece before has moved in frames from `start` on."""
    known = before.motion.confidence[:, start - before.first :] > 0
    return {number for row, number in enumerate(before.people) if known[row].any()}


def read_piece(gathering: Gathering, piece: int) -> Moved:
    """Return what has moved in a piece that was solved."""
    moved = gathering.read_piece(piece)
    assert moved is not None
    return moved
