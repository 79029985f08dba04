"""The people who calibrate: the one whom all views see, and then everyone, on one clock."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from marey.capture.pipeline import Seen
from marey.capture.rig.anchor import choose_anchor
from marey.capture.rig.common_clock import choose_clock, find_steps
from marey.capture.views.crowd_in_views import gather_crowd
from marey.capture.views.triangulate import find_rays
from marey.core import Cameras, Keypoints2D
from marey.core.errors import InputError, NothingFoundError

_SURE = 0.5
"""Confidence above which a keypoint counts."""
_STILL = 0.03
"""How far points stray, as a share of a person's size, where nobody moves."""


def check_views(views: Sequence[Seen], cameras: Cameras) -> tuple[str, ...]:
    """Return the names of keypoints that views hold.

    Raises:
        InputError: If views and cameras do not fit together.
        NothingFoundError: If somebody is missing in a view.
    """
    if len(views) < 2:
        raise InputError(
            "cameras are calibrated by people whom two of them see; give the videos of two at least"
        )
    if len(views) != len(cameras.names):
        raise InputError(
            f"{len(views)} videos came with {len(cameras.names)} lenses; give a lens for each"
        )
    nobody = [seen.clip.name for seen in views if not seen.people]
    if len(nobody) > len(views) - 2:
        raise NothingFoundError(
            f"nobody was found in {', '.join(nobody)}; people are what cameras are calibrated by: "
            "let somebody walk through the scene, or calibrate with --board or --sfm"
        )
    if nobody:
        raise NothingFoundError(
            f"nobody was found in {', '.join(nobody)}; leave that video out, or let somebody walk "
            "where its camera looks"
        )
    return views[0].people[0].keypoints2d[0].skeleton.keypoints


def lay_out_anchor(
    views: Sequence[Seen], chains: list[list[tuple[int, ...]]], lenses: Cameras
) -> Keypoints2D:
    """Return the one person whom all views see, C 1 T K."""
    block = _lay_out_chains(views, chains, lenses)
    rays = find_rays(lenses, block.position)[0]
    sure = (block.confidence > _SURE)[..., None]
    rays = np.where(sure, rays, np.nan)[..., : count_body(block), :]
    own = choose_anchor([view[: len(c)] for view, c in zip(rays, chains, strict=True)])
    rows = np.arange(len(views)), np.array(own)
    anchor = replace(
        block,
        people=block.people[:1],
        position=block.position[rows][:, None],
        confidence=block.confidence[rows][:, None],
        sigma=None if block.sigma is None else block.sigma[rows][:, None],
    )
    _refuse_still(anchor)
    return anchor


def _lay_out_chains(
    views: Sequence[Seen], chains: list[list[tuple[int, ...]]], lenses: Cameras
) -> Keypoints2D:
    """Return all chains on one clock, C N T K; who is who is not known."""
    association = []
    for seen, own in zip(views, chains, strict=True):
        rows = [-1] * len(seen.people)
        for row, chain in enumerate(own):
            for number in chain:
                rows[number] = row
        association.append(tuple(rows))
    times = [seen.clip.time + o for seen, o in zip(views, lenses.time_offset, strict=True)]
    clock = choose_clock(times)
    if len(clock) < 1:
        raise NothingFoundError(
            "no two of the videos overlap in time; check that they were recorded together"
        )
    steps = [find_steps(own, clock) for own in times]
    return gather_crowd(views, lenses, clock, steps, association=tuple(association)).keypoints


def lay_out_alone(seen: Seen, chains: Sequence[tuple[int, ...]]) -> Keypoints2D:
    """Return the largest chain of a view on its own clock, 1 T K."""
    skeleton = seen.people[0].keypoints2d[0].skeleton
    shape = (1, len(seen.clip.time), len(skeleton))
    position = np.full((*shape, 2), np.nan, np.float32)
    confidence = np.zeros(shape, np.float32)
    for number in chains[0]:
        person = seen.people[number]
        block, span = person.keypoints2d[0], slice(person.start, person.stop)
        position[0, span], confidence[0, span] = block.position[0], block.confidence[0]
    return Keypoints2D(
        skeleton=skeleton,
        people=("01",),
        time=seen.clip.time,
        position=position,
        confidence=confidence,
    )


def gather_everyone(
    views: Sequence[Seen], cameras: Cameras, anchor: Keypoints2D | None
) -> Keypoints2D:
    """Return all people in all views; first the one of known size, who is seen most."""
    times = [seen.clip.time + o for seen, o in zip(views, cameras.time_offset, strict=True)]
    clock = choose_clock(times)
    if len(clock) < 1:
        raise NothingFoundError(
            "no two of the videos overlap in time; check that they were recorded together"
        )
    try:
        steps = [find_steps(own, clock) for own in times]
        crowd = gather_crowd(views, cameras, clock, steps).keypoints
    except NothingFoundError:
        if anchor is None:
            raise
        return anchor
    if anchor is not None:
        apart = np.linalg.norm(crowd.position - anchor.position, axis=-1)
        same = (apart < 1.0).sum((0, 2, 3))
    else:
        same = crowd.valid.sum((0, 2, 3))
    order = np.argsort(-same, kind="stable")
    return replace(
        crowd,
        people=tuple(crowd.people[row] for row in order),
        position=crowd.position[:, order],
        confidence=crowd.confidence[:, order],
        sigma=None if crowd.sigma is None else crowd.sigma[:, order],
    )


def count_body(block: Keypoints2D) -> int:
    """Return how many keypoints, of body and feet, come before those of faces and hands."""
    return min(len(block.skeleton), 23)


def _refuse_still(anchor: Keypoints2D) -> None:
    """Refuse a person who does not move, which is one pose however long it is filmed."""
    points = np.where(anchor.valid[..., None], anchor.position, np.nan)[
        :, 0, :, : count_body(anchor)
    ]
    moved = []
    for view in points.astype(np.float64):
        seen = np.isfinite(view[..., 0]).sum(0) > 0.3 * len(view)
        if not seen.any() or len(view) < 2:
            continue
        low, high = np.nanpercentile(view[:, seen], [10, 90], axis=0)
        middle = np.nanmedian(view[:, seen], 0)
        extent = float(np.linalg.norm(middle.max(0) - middle.min(0)))
        moved.append(float(np.median(np.linalg.norm(high - low, axis=-1))) / max(extent, 1.0))
    if moved and max(moved) < _STILL:
        raise NothingFoundError(
            "the person whom the cameras see stands still, which is too little to calibrate by; "
            "film somebody who walks through the whole scene"
        )
