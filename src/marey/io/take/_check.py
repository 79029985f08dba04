"""The rules a take keeps, checked once on the way out and once on the way in."""

from collections import Counter

import numpy as np
from jaxtyping import Float

from marey.core.errors import InputError, ShapeError
from marey.core.keypoints import Keypoints2D, Keypoints3D
from marey.core.motion import BodyMotion, Rig
from marey.core.scratch import forget_pages
from marey.core.take import Person, Take
from marey.core.tracks import Track, Tracks
from marey.io._npy import iterate_blocks


def check_take(take: Take) -> None:
    """Check that spans, shapes and missing values of a take are consistent.

    Raises:
        ShapeError: If arrays do not fit each other or the clock.
        InputError: If a position is missing but has confidence, or a time or name is impossible.
    """
    _check_clock(take.time, "the clock")
    for view, clip in enumerate(take.clips):
        _check_clock(clip.time, f"the clock of clip {view}")
    for view, tracks in enumerate(take.tracks):
        _check_tracks(tracks, f"the tracks of view {view}")
    doubles = [n for n, count in Counter(p.name for p in take.people).items() if count > 1]
    if doubles:
        raise InputError(f"two people of the take are both called {doubles[0]!r}; rename one")
    for person in take.people:
        check_person(person, len(take.time))


def _check_clock(time: Float[np.ndarray, "T"], what: str) -> None:
    if time.ndim != 1 or not np.isfinite(time).all() or (np.diff(time) <= 0).any():
        raise InputError(f"{what} must be one axis of finite, increasing seconds")


def _check_tracks(tracks: Tracks, what: str) -> None:
    _check_clock(tracks.time, what)
    for track in tracks.tracks:
        check_track(track, len(tracks.time), what)


def check_track(track: Track, num_frames: int, what: str) -> None:
    """Check one person's boxes against a clock of `num_frames`; raises what `check_take` does."""
    name, length = f"{what}, {track.person!r}", len(track.box)
    _expect(track.box, (length, 4), f"{name}: box")
    _expect(track.confidence, (length,), f"{name}: confidence")
    if track.start < 0 or track.stop > num_frames:
        raise ShapeError(f"{name}: frames {track.start} to {track.stop} leave the clock")
    _check_missing(track.box, track.confidence, name)


def check_person(person: Person, num_frames: int) -> None:
    """Check one person against a clock of `num_frames`; raises what `check_take` does."""
    what = f"person {person.name!r}"
    if person.start < 0 or person.num_frames < 0 or person.stop > num_frames:
        raise ShapeError(
            f"{what}: frames {person.start} to {person.stop} leave the clock of {num_frames}"
        )
    for view, points in enumerate(person.keypoints2d):
        _check_keypoints(points, 2, person, f"{what}, keypoints2d of view {view}")
    if person.keypoints3d is not None:
        _check_keypoints(person.keypoints3d, 3, person, f"{what}, keypoints3d")
    if person.motion is not None:
        _check_motion(person.motion, person, f"{what}, motion")


def _check_keypoints(
    points: Keypoints2D | Keypoints3D, num_axes: int, person: Person, what: str
) -> None:
    _check_owner(points, person, what)
    shape = (1, person.num_frames, len(points.skeleton))
    _expect(points.position, (*shape, num_axes), f"{what}: position")
    _expect(points.confidence, shape, f"{what}: confidence")
    if points.sigma is not None:
        _expect(points.sigma, shape, f"{what}: sigma")
    _check_missing(points.position[0], points.confidence[0], what)


def _check_motion(motion: BodyMotion, person: Person, what: str) -> None:
    _check_owner(motion, person, what)
    frames = (1, person.num_frames)
    _expect(motion.T_world_root, (*frames, 7), f"{what}: T_world_root")
    _expect(motion.confidence, frames, f"{what}: confidence")
    num_joints = motion.R_parent_joint.shape[2:3]
    if isinstance(motion.body, Rig):
        num_joints = (len(motion.body.joints),)
    _expect(motion.R_parent_joint, (*frames, *num_joints, 4), f"{what}: R_parent_joint")
    _expect(motion.shape, (1, *motion.shape.shape[1:2]), f"{what}: shape")
    if motion.contact is not None:
        _expect(motion.contact, (*frames, len(motion.contact_names)), f"{what}: contact")
    _check_missing(motion.T_world_root[0], motion.confidence[0], what)
    flat = motion.R_parent_joint[0].reshape(person.num_frames, num_joints[0] * 4)
    _check_missing(flat, motion.confidence[0], what)


def _check_owner(block: Keypoints2D | Keypoints3D | BodyMotion, person: Person, what: str) -> None:
    if block.people != (person.name,):
        raise InputError(f"{what} belongs to {block.people}, not to {person.name!r} alone")
    _expect(block.time, (person.num_frames,), f"{what}: time")


def _expect(array: np.ndarray, shape: tuple[int, ...], what: str) -> None:
    if array.shape != shape:
        raise ShapeError(f"{what} must have the shape {shape}, but has {array.shape}")


def _check_missing(
    position: Float[np.ndarray, "*rows D"], confidence: Float[np.ndarray, "*rows"], what: str
) -> None:
    """Check that what is missing (NaN) has no confidence, in blocks that fit into memory."""
    for block in iterate_blocks(position):
        scores = np.asarray(confidence[block])
        if not (np.isfinite(scores).all() and (scores >= 0).all()):
            raise InputError(f"{what}: a confidence is negative or not finite; use 0 for missing")
        missing = ~np.isfinite(position[block]).all(-1)
        if (missing & (scores > 0)).any():
            frame = block.start + int(np.argwhere(missing & (scores > 0))[0][0])
            raise InputError(
                f"{what}: frame {frame} of the span has confidence but no position; missing is NaN "
                f"in position and 0 in confidence"
            )
        forget_pages(position)
        forget_pages(confidence)
