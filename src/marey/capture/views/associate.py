"""Who is who across views and over time, for any number of calibrated cameras.

People are followed in space: each frame, everyone's keypoints are predicted, the views' points are
assigned to the predictions (`match_views`), and the assigned points triangulated anew with outliers
dropped. What is nobody's starts newcomers where poses of several views agree on a body
(`newcomers`). So the cost per frame grows with views and people, not with pairs of views. Identity
follows from space: it is constant while somebody is seen by two views, through views that lose
them, and over a gap of up to a second (`join_pieces`).

Input is either people whom a detector (and perhaps a tracker) found in each view on its own, or
candidates for keypoints with part affinities that belong to nobody yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from marey.capture.frame_points import (
    CandidateFrames,
    PoseFrames,
)
from marey.capture.people import name_people
from marey.capture.views.followed_crowd import AssociationOptions, FollowedCrowd
from marey.capture.views.followed_in_space import (
    Followed,
)
from marey.capture.views.triangulate import make_extrinsics
from marey.core import Cameras, Candidates2D, Keypoints2D
from marey.core.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Associated:
    """Everyone's keypoints in all views."""

    keypoints: Keypoints2D
    """C N T K, NaN where a view has none of a person."""
    row: Int[np.ndarray, "C N T"]
    """Row among the view's own people that a person is; -1 for none, and for candidates."""


def associate_poses(
    views: Sequence[Keypoints2D], cameras: Cameras, options: AssociationOptions | None = None
) -> Associated:
    """Find who is who among the people whom detectors found in each view.

    Args:
        views: Per camera, its people (N T K) on the common clock. Rows may be tracks, whose
            identity is then preferred but not believed, or detections in any order.
        cameras: The views' cameras; static, or with a pose per frame.
        options: When somebody is there.

    Raises:
        InputError: If views and cameras, or their clocks and skeletons, do not fit together.
    """
    _check(views, cameras)
    frames = PoseFrames(views, cameras)
    people = _follow(frames, cameras, options or AssociationOptions())
    return _collect(frames, people, len(views))


def associate_candidates(
    views: Sequence[Candidates2D], cameras: Cameras, options: AssociationOptions | None = None
) -> Associated:
    """Find people among candidates that belong to nobody yet.

    Args:
        views: Per camera, its candidates on the common clock.
        cameras: The views' cameras; static, or with a pose per frame.
        options: When somebody is there.

    Raises:
        InputError: If views and cameras, or their clocks and skeletons, do not fit together.
    """
    _check(views, cameras)
    frames = CandidateFrames(views, cameras)
    people = _follow(frames, cameras, options or AssociationOptions())
    return _collect(frames, people, len(views))


def vote_for_tracks(
    associated: Associated, num_tracks: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Return per view the person in the world that each of its tracks mostly is; -1 for nobody.

    Args:
        associated: From `associate_poses` on tracks.
        num_tracks: How many tracks each view has.
    """
    result = []
    for row, count in zip(associated.row, num_tracks, strict=True):
        votes = [(row == track).sum(-1) for track in range(count)]
        result.append(tuple(int(v.argmax()) if v.sum() else -1 for v in votes))
    return tuple(result)


def _check(views: Sequence[Keypoints2D] | Sequence[Candidates2D], cameras: Cameras) -> None:
    if len(views) != len(cameras.names) or len(views) < 2:
        raise InputError(
            f"{len(views)} views came with {len(cameras.names)} cameras; give one view per camera, "
            "two at least"
        )
    first, poses = views[0], cameras.T_cam_world.shape[1]
    for view in views:
        if view.skeleton.name != first.skeleton.name or not np.array_equal(view.time, first.time):
            raise InputError(
                "views to associate need one skeleton and one clock; convert them first"
            )
    if poses not in (1, len(first.time)):
        raise InputError(
            f"moving cameras with {poses} poses came with {len(first.time)} frames; give one pose "
            "per frame"
        )


def _follow(
    frames: PoseFrames | CandidateFrames, cameras: Cameras, options: AssociationOptions
) -> list[Followed]:
    extrinsics = make_extrinsics(cameras)
    crowd = FollowedCrowd(frames, options)
    for frame in range(frames.num_frames):
        pose = extrinsics[:, frame if extrinsics.shape[1] > 1 else 0]
        crowd.take_in(frame, frames.lay_out(frame), pose)
    return crowd.finish()


def _collect(
    frames: PoseFrames | CandidateFrames, people: Sequence[Followed], num_views: int
) -> Associated:
    shape = (num_views, len(people), frames.num_frames, len(frames.skeleton))
    position = np.full((*shape, 2), np.nan, np.float32)
    confidence, sigma = np.zeros(shape, np.float32), np.full(shape, np.nan, np.float32)
    row = np.full(shape[:3], -1)
    for number, person in enumerate(people):
        for frame, index in zip(person.frames, person.index, strict=True):
            place = (slice(None), number, frame)
            position[place], confidence[place], sigma[place] = frames.look_up(frame, index)
            if isinstance(frames, PoseFrames):
                row[place] = index.max(1)
    keypoints = Keypoints2D(
        skeleton=frames.skeleton,
        people=name_people(len(people)),
        time=frames.time,
        position=position,
        confidence=confidence,
        sigma=sigma if np.isfinite(sigma).any() else None,
    )
    return Associated(keypoints=keypoints, row=row)
