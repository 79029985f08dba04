"""Take people whose fitted bodies run through each other apart, and leave all others alone.

The last stage of a fit (Harmony4D, supplement, Table 1: interpenetration beside key points, pose
regulariser and smoothness). What was measured enters as what holds each body (`hold`), so the stage
needs no measurements that are not at hand, and works on any motion: of many cameras, of one, or
imported. Nobody is preferred: all are solved together, and how far each gives way follows from how
well each is known.

Frames are grouped into stretches around those in which skins enter each other; outside them nothing
is touched, not even by rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from marey.body import Body
from marey.core import BodyMotion, Cameras, Keypoints2D
from marey.core.progress import Progress, silent
from marey.fit.contact.collision import Stretch
from marey.fit.contact.contact_finder import ContactFinder
from marey.fit.contact.crowd import CollisionOptions, Crowd
from marey.fit.contact.stretches import Piece, cut_stretch, find_stretches
from marey.fit.hard_cases import check_seen_motion
from marey.fit.seen_points import SeenPoints
from marey.fit.threads import one_thread_each


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
    blank = np.zeros((0, len(motion.time)))
    return Separated(
        motion=crowd.motion(),
        pairs=np.array(pairs, np.int64).reshape(-1, 2),
        before=np.maximum([depths[pair] for pair in pairs], 0.0) if pairs else blank,
        after=np.maximum(after, 0.0) if pairs else blank,
        changed=crowd.changed,
    )


def solve_piece(crowd: Crowd, pairs: Sequence[tuple[int, int]], piece: Piece, workers: int) -> None:
    """Take apart those of a crowd who touch in some of its frames; the crowd keeps what is found.

    Args:
        crowd: Everyone, with the depths of pairs and the frames in which they touch.
        pairs: Who is kept apart.
        piece: The frames.
        workers: Threads.
    """
    start, stop = piece.first, piece.stop
    held = np.zeros(stop, bool)
    held[start:] = piece.held
    touching = {pair: start + np.flatnonzero(crowd.touching[pair][start:stop]) for pair in pairs}
    touching = {pair: frames for pair, frames in touching.items() if len(frames)}
    people = sorted({person for pair in touching for person in pair})
    if not people:
        return
    members = [crowd.member(person, start, stop, held) for person in people]
    poses = [
        crowd.poses[p][torch.from_numpy(m.frame + start)]
        for p, m in zip(people, members, strict=True)
    ]
    place = {person: row for row, person in enumerate(people)}
    stretch = Stretch(members, stop - start, workers=workers)
    finder = ContactFinder(crowd, members, place, touching, start)
    if any(crowd.depth[p][f].max() > crowd.options.deep for p, f in touching.items()):
        poses = stretch.solve(poses, finder.as_capsules, rounds=1, iterations=12)
    poses = stretch.solve(
        poses, finder.as_skins, rounds=crowd.options.rounds, iterations=crowd.options.iterations
    )
    # What was found ahead is where the next piece starts.
    crowd.keep(members, poses, start)
