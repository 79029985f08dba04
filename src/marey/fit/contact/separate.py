"""Take people whose fitted bodies run through each other apart, and leave all others alone.

The last stage of a fit (Harmony4D, supplement, Table 1: interpenetration beside key points, pose
regulariser and smoothness). What was measured enters as what holds each body (`hold`), so the stage
needs no measurements that are not at hand, and works on any motion: of many cameras, of one, or
imported. Nobody is preferred: all are solved together, and how far each gives way follows from how
well each is known.

Frames are grouped into stretches around those in which skins enter each other; outside them nothing
is touched, not even by rounding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from marey.body import Body
from marey.core import BodyMotion, Cameras, Keypoints2D
from marey.core.progress import Progress, silent
from marey.fit.contact.contact_finder import ContactFinder, Pair
from marey.fit.contact.crowd import Crowd
from marey.fit.contact.member import lay_out_member
from marey.fit.contact.options import CollisionOptions
from marey.fit.contact.stretch import Stretch
from marey.fit.contact.stretches import Piece, cut_stretch, find_stretches
from marey.fit.hard_cases import check_seen_motion
from marey.fit.seen_points import SeenPoints
from marey.fit.threads import one_thread_each

_STEPS = 12
"""Of limbs as capsules; their contacts need not be looked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Separated:
    """A motion without collisions, and what there was of them."""

    motion: BodyMotion
    pairs: Int[np.ndarray, "P 2"]
    """People who enter each other at some time; the same twice for one in themselves."""
    before: Float[np.ndarray, "P T"]
    """Depth of the deepest vertex of either in the other, m; 0 where they do not touch."""
    after: Float[np.ndarray, "P T"]
    changed: Bool[np.ndarray, "N T"]
    """Poses that are not as they came."""
    unsure: Bool[np.ndarray, "N T"]
    """Poses with half the confidence: still deep in somebody, or in the same place as somebody."""


def separate_people(
    body: Body,
    motion: BodyMotion,
    keypoints: Keypoints2D | None = None,
    cameras: Cameras | None = None,
    *,
    options: CollisionOptions | None = None,
    workers: int = 2,
    progress: Progress = silent,
) -> Separated:
    """Move bodies out of each other, no farther from the fit than needed; shapes and fingers stay.

    Args:
        body: The motion's body, of the SMPL family.
        motion: Everyone's fitted poses in one world; NaN where absent.
        keypoints: What the fit was made of: of the same people and times in C views, or in one
            without the axis of views. They say which way each point may give; without them all
            ways are alike.
        cameras: The views of the keypoints.
        options: How.
        workers: Threads.
        progress: Called as stretches are solved.

    Returns:
        The motion with those stretches changed in which bodies entered each other, and depths.

    Raises:
        ShapeError: If people, frames, views or joints do not agree.
        InputError: If times go back, the body has too few limbs, or a camera, a shape or the sigma
            of a known keypoint is no usable number.
    """
    options = options or CollisionOptions()
    if keypoints is not None and cameras is not None:
        check_seen_motion(body, motion, keypoints, cameras)
    views = SeenPoints(keypoints, cameras) if keypoints is not None and cameras else None
    with one_thread_each(), torch.inference_mode():
        crowd = Crowd(body, motion, views, options, workers)
        pairs = crowd.find_pairs()
        depths = {pair: crowd.measure(*pair, within=options.watched) for pair in pairs}
        crowd.touching = {pair: depths[pair] > -options.watched for pair in pairs}
        crowd.depth = depths
        pairs = [pair for pair in pairs if depths[pair].max(initial=0.0) > options.least]
        deep = np.zeros(len(motion.time), bool)
        for pair in pairs:
            deep |= depths[pair] > options.least
        stretches = find_stretches(deep, motion.time, options)
        for number, (start, stop) in enumerate(stretches):
            for piece in cut_stretch(start, stop, len(motion.time), options):
                solve_piece(crowd, pairs, piece, workers)
            progress("collisions", number + 1, len(stretches))
        after = [crowd.measure(*pair, within=0.0) for pair in pairs]
        unsure = find_unsure(crowd, dict(zip(pairs, after, strict=True)))
    blank = np.zeros((0, len(motion.time)))
    return Separated(
        motion=_doubt(crowd.motion(), unsure),
        pairs=np.array(pairs, np.int64).reshape(-1, 2),
        before=np.maximum([depths[pair] for pair in pairs], 0.0) if pairs else blank,
        after=np.maximum(after, 0.0) if pairs else blank,
        changed=crowd.changed,
        unsure=unsure,
    )


def find_unsure(
    crowd: Crowd, depths: Mapping[Pair, Float[np.ndarray, "T"]]
) -> Bool[np.ndarray, "N T"]:
    """Say whose poses are doubtful: still deep in somebody, or in the same place as somebody.

    Args:
        crowd: Everyone, as they are now.
        depths: How deep pairs are in each other now, m.
    """
    unsure = crowd.find_coincident()
    for (a, b), depth in depths.items():
        unsure[[a, b]] |= depth > crowd.options.stuck
    return unsure


def _doubt(motion: BodyMotion, unsure: Bool[np.ndarray, "N T"]) -> BodyMotion:
    """Halve the confidence of some poses."""
    if not unsure.any():
        return motion
    confidence = motion.confidence.copy()
    confidence[unsure] *= 0.5
    return replace(motion, confidence=confidence)


def solve_piece(crowd: Crowd, pairs: Sequence[Pair], piece: Piece, workers: int) -> None:
    """Take apart those of a crowd who touch in some of its frames; the crowd keeps what is found.

    Where skins stay deep in each other, limbs have gone through each other (`crossed_limbs`). Those
    frames are solved again with a little around them.

    Args:
        crowd: Everyone, with the depths of pairs and the frames in which they touch.
        pairs: Who is kept apart.
        piece: The frames.
        workers: Threads.
    """
    stuck = _solve(crowd, pairs, piece, {}, workers)
    for _ in range(crowd.options.again):
        deep = np.zeros(piece.stop - piece.first, bool)
        for frames in stuck.values():
            deep[frames - piece.first] = True
        tangled, stuck = stuck, {}
        time = crowd.given.time[piece.first : piece.stop]
        for start, stop in find_stretches(deep, time, crowd.options):
            held = piece.held[start:stop].copy()
            held[:2] |= start > 0
            held[-2:] |= stop < len(deep)
            part = Piece(piece.first + start, piece.first + stop, held, goes_on=True)
            for pair, frames in _solve(crowd, pairs, part, tangled, workers).items():
                stuck[pair] = np.concatenate([stuck.get(pair, frames[:0]), frames])


def _solve(
    crowd: Crowd,
    pairs: Sequence[Pair],
    piece: Piece,
    tangled: dict[Pair, Int[np.ndarray, "_"]],
    workers: int,
) -> dict[Pair, Int[np.ndarray, "_"]]:
    """Solve some frames; return those in which skins did not find out of each other."""
    start, stop, options = piece.first, piece.stop, crowd.options
    held = np.zeros(stop, bool)
    held[start:] = piece.held
    touching = {pair: start + np.flatnonzero(crowd.touching[pair][start:stop]) for pair in pairs}
    touching = {pair: frames for pair, frames in touching.items() if len(frames)}
    people = {person for pair in touching for person in pair}
    if not tangled:
        # Whom the piece before has moved ahead comes back from there, though touching nobody now.
        people |= {int(person) for person in np.flatnonzero(crowd.changed[:, start:stop].any(1))}
    people = sorted(people)
    if not people:
        return {}
    members = [lay_out_member(crowd, person, start, stop, held) for person in people]
    poses = [
        crowd.poses[p][torch.from_numpy(m.frame + start)]
        for p, m in zip(people, members, strict=True)
    ]
    place = {person: row for row, person in enumerate(people)}
    stretch = Stretch(members, stop - start, workers=workers)
    finder = ContactFinder(crowd, members, place, touching, start, tangled)
    if tangled:
        poses = stretch.solve(poses, finder.as_crossed, rounds=1, iterations=_STEPS)
    elif any(crowd.depth[p][f].max() > options.deep for p, f in touching.items()):
        poses = stretch.solve(poses, finder.as_capsules, rounds=1, iterations=_STEPS)
    poses = stretch.solve(
        poses, finder.as_skins, rounds=options.rounds, iterations=options.iterations
    )
    # What was found ahead is where the next piece starts.
    for member, pose in zip(members, poses, strict=True):
        crowd.keep(member.person, member.frame + start, pose, member.held)
    return finder.find_stuck()
