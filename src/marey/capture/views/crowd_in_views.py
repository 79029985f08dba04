"""Everyone whom several views followed, laid out person by person on one clock.

Each view followed people on its own. Who is who across them is found by their bodies in space
(`associate`); hands and faces go with their person. A person's pieces in a view may be several of
the view's tracks, and one of its tracks may be several people: association decides frame by frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from marey.capture.people import name_people
from marey.capture.pipeline import Seen
from marey.capture.rig.common_clock import Steps, find_owners, gather_keypoints, gather_track
from marey.capture.views.associate import AssociationOptions, associate_poses
from marey.capture.views.duplicates import suppress_duplicates
from marey.core import (
    Cameras,
    Keypoints2D,
    Person,
    Skeleton,
    Track,
    Tracks,
    convert_keypoints,
    load_skeleton,
)
from marey.core.errors import NothingFoundError

_SURE = 0.5

Association = tuple[tuple[int, ...], ...]
"""Per view, the person in the world that each of its followed people is; -1 for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Everyone in all views, on one clock."""

    keypoints: Keypoints2D
    """C N T K, NaN where a view has none of a person."""
    tracks: tuple[Tracks, ...]
    """Their boxes, per view."""
    num_seen: Int[np.ndarray, "C"]
    """Keypoints that each view sees for certain, whoever they are."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """One view's followed people; who are never there at once share a row."""

    keypoints: Keypoints2D
    """R T K"""
    owner: Int[np.ndarray, "R T"]
    """Which of the view's followed people a row is; -1 for none."""


def gather_crowd(
    views: Sequence[Seen],
    cameras: Cameras,
    clock: Float[np.ndarray, "T"],
    steps: Sequence[Steps],
    *,
    association: Association | None = None,
    options: AssociationOptions | None = None,
) -> Crowd:
    """Lay out everyone's keypoints and boxes in all views.

    Args:
        views: What each camera saw.
        cameras: The views' cameras, static or with a pose per moment of the clock.
        clock: The moments, s.
        steps: Where they lie among each view's frames.
        association: Who is who; found from where people are in space if None.
        options: When somebody is there; of no use where `association` is given.

    Raises:
        NothingFoundError: If nobody was found, or nobody whom two views agree on.
    """
    skeletons = [person.keypoints2d[0].skeleton for seen in views for person in seen.people]
    if not skeletons:
        raise NothingFoundError("nobody was found in any of the videos; check what they show")
    groups = (
        [_group_apart(seen.people) for seen in views]
        if association is None
        else [_group_as_given(own, association) for own in association]
    )
    rows = [
        _lay_out_rows(seen, group, skeletons[0], step, clock)
        for seen, group, step in zip(views, groups, steps, strict=True)
    ]
    if association is None:
        row = _associate(rows, cameras, options)
    else:
        number = np.arange(len(groups[0]))[:, None]
        row = np.broadcast_to(number, (len(views), len(groups[0]), len(clock)))
    if not row.shape[1]:
        raise NothingFoundError(
            "no two cameras agree on anybody; check that they film the same people at the same "
            "moment, that the calibration is theirs and the videos are in its order"
        )
    return _collect(views, rows, row, clock, steps)


def _group_apart(people: Sequence[Person]) -> list[list[int]]:
    """Group people who are never in neighbouring frames, so that nothing joins two of them."""
    groups: list[list[int]] = []
    ends: list[int] = []
    for number in sorted(range(len(people)), key=lambda n: people[n].start):
        free = [group for group, end in enumerate(ends) if end < people[number].start]
        # What was free for longest: nobody is taken for who was there just before.
        group = min(free, key=lambda g: ends[g], default=len(groups))
        if group == len(groups):
            groups.append([])
            ends.append(0)
        groups[group].append(number)
        ends[group] = people[number].stop
    return groups


def _group_as_given(own: Sequence[int], association: Association) -> list[list[int]]:
    num = 1 + max((who for view in association for who in view), default=-1)
    return [[number for number, who in enumerate(own) if who == row] for row in range(num)]


def _lay_out_rows(
    seen: Seen,
    groups: Sequence[Sequence[int]],
    skeleton: Skeleton,
    steps: Steps,
    clock: Float[np.ndarray, "T"],
) -> _Rows:
    num_frames, names = len(seen.clip.time), name_people(len(groups))
    shape = (len(groups), len(clock), len(skeleton))
    position = np.full((*shape, 2), np.nan, np.float32)
    confidence, sigma = np.zeros(shape, np.float32), np.full(shape, np.nan, np.float32)
    owner = np.full(shape[:2], -1)
    for row, group in enumerate(groups):
        people = [seen.people[number] for number in group]
        block = gather_keypoints(
            people,
            view=0,
            name=names[row],
            skeleton=skeleton,
            steps=steps,
            num_frames=num_frames,
            clock=clock,
        )
        assert block.sigma is not None
        position[row], confidence[row] = block.position[0], block.confidence[0]
        sigma[row] = block.sigma[0]
        own = find_owners(people, view=0, num_frames=num_frames)
        own = np.where(own >= 0, np.array([*group, -1])[own], -1)
        owner[row] = np.where(steps.nearest >= 0, own[steps.nearest], -1)
    keypoints = Keypoints2D(
        skeleton=skeleton,
        people=names,
        time=clock,
        position=position,
        confidence=confidence,
        sigma=sigma,
    )
    return _Rows(keypoints, owner)


def _associate(
    rows: Sequence[_Rows], cameras: Cameras, options: AssociationOptions | None
) -> Int[np.ndarray, "C N T"]:
    """Return the row of every view that each person is at each moment; -1 for none."""
    bodies = [_body_alone(suppress_duplicates(own.keypoints, drop="weaker")) for own in rows]
    return associate_poses(bodies, cameras, options).row


def _body_alone(keypoints: Keypoints2D) -> Keypoints2D:
    """Return COCO's points: who is who shows in bodies, and small points of hands are many."""
    body, source = load_skeleton("coco-17"), keypoints.skeleton
    assert keypoints.sigma is not None
    return replace(
        keypoints,
        skeleton=body,
        position=convert_keypoints(keypoints.position, source, body),
        confidence=convert_keypoints(keypoints.confidence, source, body, axis=-1, missing=0.0),
        sigma=convert_keypoints(keypoints.sigma, source, body, axis=-1),
    )


def _collect(
    views: Sequence[Seen],
    rows: Sequence[_Rows],
    row: Int[np.ndarray, "C N T"],
    clock: Float[np.ndarray, "T"],
    steps: Sequence[Steps],
) -> Crowd:
    skeleton, names = rows[0].keypoints.skeleton, name_people(row.shape[1])
    shape = (*row.shape, len(skeleton))
    position = np.full((*shape, 2), np.nan, np.float32)
    confidence, sigma = np.zeros(shape, np.float32), np.full(shape, np.nan, np.float32)
    frame, tracks = np.arange(len(clock)), []
    for view, (own, seen, step) in enumerate(zip(rows, views, steps, strict=True)):
        boxes: list[Track | None] = []
        for person, name in enumerate(names):
            given = row[view, person] >= 0 if len(own.owner) else np.zeros(len(clock), bool)
            place = row[view, person, given], frame[given]
            block = own.keypoints
            assert block.sigma is not None
            position[view, person, given] = block.position[place]
            confidence[view, person, given] = block.confidence[place]
            sigma[view, person, given] = block.sigma[place]
            owner = np.full(len(clock), -1)
            owner[given] = own.owner[place]
            boxes.append(gather_track(seen.tracks.tracks, name=name, steps=step, owner=owner))
        kept = tuple(track for track in boxes if track is not None)
        tracks.append(Tracks(time=clock, tracks=kept))
    keypoints = Keypoints2D(
        skeleton=skeleton,
        people=names,
        time=clock,
        position=position,
        confidence=confidence,
        sigma=sigma if np.isfinite(sigma).any() else None,
    )
    sure = [int((own.keypoints.confidence > _SURE).sum()) for own in rows]
    return Crowd(keypoints=keypoints, tracks=tuple(tracks), num_seen=np.array(sure))
