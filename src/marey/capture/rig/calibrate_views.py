"""Cameras from what their videos show: whom to look at, when they looked, where they stand.

Nothing of it is known before the rest. Clocks are taken to be common at first, or as the speeds of
people say, or as one epipolar geometry explains most of two videos; cameras are placed for each,
and the answer in which the views agree best is taken. Then the clocks are put right to fractions of
a frame by the cameras, and the cameras placed anew, with everyone who is seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.body import Body, load_body
from marey.capture.pipeline import Seen
from marey.capture.rig.anchor import choose_anchor, count_agreeing, find_chains
from marey.capture.rig.bundle import Focal
from marey.capture.rig.calibrate import (
    Calibrated,
    Placed,
    bring_to_world,
    place_by_people,
    refine_calibration,
)
from marey.capture.rig.common_clock import choose_clock, find_steps
from marey.capture.rig.metric_scale import KnownSize, check_size, find_scale
from marey.capture.rig.mirrored import find_mirrored
from marey.capture.rig.synchronise import synchronise
from marey.capture.rig.upright import find_upright
from marey.capture.rig.view_clocks import ViewClock, find_clocks, set_clocks
from marey.capture.views.crowd_in_views import gather_crowd
from marey.capture.views.triangulate import find_rays, make_extrinsics, triangulate_keypoints
from marey.core import Cameras, Keypoints2D
from marey.core.errors import InputError, NothingFoundError

_AGREED = 0.92
"""Share of points in place with which no other clocks are tried."""
_DOUBTFUL = 0.92
_ROUNDS = 2
_FOCAL_FACTORS = (1.0, 1.5, 0.67)
"""How far focal lengths may be from those assumed, to begin with where they are sought."""
_REACH_S, _STEP_S = 5.0, 0.1
_STILL = 0.03
"""How far points stray, as a share of a person's size, where nobody moves."""

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedViews:
    """Cameras and what they were found by."""

    calibrated: Calibrated
    """Its cameras carry the clocks' offsets."""
    keypoints: Keypoints2D
    """C N T K on the common clock; the person of known size first."""
    clocks: tuple[ViewClock, ...]
    """What was found of the clocks; empty where they were trusted."""
    views: tuple[Seen, ...]
    """As they were given, drift taken out."""


def calibrate_views(
    views: Sequence[Seen],
    lenses: Cameras,
    *,
    size: KnownSize,
    sync: bool = True,
    focal: Focal = "known",
    body: Body | None = None,
) -> CalibratedViews:
    """Find where the cameras of several videos stand, from the people in them.

    Args:
        views: What each camera saw, on its own clock.
        lenses: Their lenses; poses are ignored.
        size: Of the person who is seen best by all.
        sync: Whether the clocks are put right, too.
        focal: Whether focal lengths are known.
        body: Whose proportions people have; the shipped body if None.

    Raises:
        InputError: If views and lenses do not fit together, a video is mirrored, or the size makes
            no sense.
        NothingFoundError: If the views share too little, or nobody moves.
    """
    views, skeleton = list(views), _check(views, lenses)
    check_size(size, skeleton)
    chains = [find_chains(seen) for seen in views]
    placed, lenses, anchor = _place_first(views, chains, lenses, sync=sync, focal=focal)
    clocks: tuple[ViewClock, ...] = ()
    for _ in range(_ROUNDS if sync else 0):
        known = _with_clocks(placed.cameras, lenses)
        clocks = find_clocks(views, known)
        if all(clock.verdict != "shifted" for clock in clocks):
            break
        views, shifted = set_clocks(views, known, clocks)
        lenses = _with_clocks(lenses, shifted)
        placed, anchor = _place(views, chains, lenses, focal)
    done = bring_to_world(placed, anchor, size, body)
    done = replace(done, cameras=_with_clocks(done.cameras, lenses))
    # Who is who can be told in metres only.
    everyone = _gather_everyone(views, done.cameras, anchor)
    if len(everyone.people) > 1:
        done = refine_calibration(everyone, done.cameras, focal=focal)
    return CalibratedViews(calibrated=done, keypoints=everyone, clocks=clocks, views=tuple(views))


def refine_views(
    views: Sequence[Seen],
    cameras: Cameras,
    *,
    size: KnownSize | None = None,
    sync: bool = True,
    focal: Focal = "known",
    body: Body | None = None,
) -> CalibratedViews:
    """Adjust a calibration to the people its cameras see.

    Args:
        views: What each camera saw.
        cameras: The calibration.
        size: Of the first person; None keeps the calibration's size.
        sync: Whether the clocks are put right, too.
        focal: Whether focal lengths are adjusted.
        body: As for `calibrate_views`.

    Raises:
        InputError: If views and cameras do not fit together.
        NothingFoundError: If no two cameras agree on anybody.
    """
    views, skeleton = list(views), _check(views, cameras)
    size = size or KnownSize()
    if size != KnownSize():
        check_size(size, skeleton)
    clocks: tuple[ViewClock, ...] = ()
    if sync:
        clocks = find_clocks(views, cameras)
        views, cameras = set_clocks(views, cameras, clocks)
    everyone = _gather_everyone(views, cameras, None)
    done = refine_calibration(
        everyone, cameras, height=size.height, length=size.length, focal=focal, body=body
    )
    return CalibratedViews(calibrated=done, keypoints=everyone, clocks=clocks, views=tuple(views))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Cameras of known shape, brought to metres and upright; x' = scale R x + shift."""

    cameras: Cameras
    scale: float
    R: Float[np.ndarray, "3 3"]
    shift: Float[np.ndarray, "3"]


def settle_views(
    views: Sequence[Seen], cameras: Cameras, *, size: KnownSize, body: Body | None = None
) -> Settled:
    """Give cameras that stand rightly to each other their size, up and floor, from people.

    Args:
        views: What each camera saw.
        cameras: In units of about their distance from each other.
        size: Of the person who is seen best by all.
        body: Whose proportions people have; the shipped body if None.

    Raises:
        InputError: If views and cameras do not fit together.
        NothingFoundError: If nobody is seen by two cameras.
    """
    check_size(size, _check(views, cameras))
    chains = [find_chains(seen) for seen in views]
    anchor = _lay_out_anchor(views, chains, cameras)
    points = triangulate_keypoints(anchor, cameras).keypoints.position.astype(np.float64)
    scale = find_scale(body or load_body(), anchor, cameras, points[0], size)
    R, shift, _ = find_upright(scale * points, anchor.skeleton)
    pose = make_extrinsics(cameras)[:, 0]
    turned = pose[:, :, :3] @ R.T
    place = scale * pose[:, :, 3] - turned @ shift
    quaternion = Rotation.from_matrix(turned).as_quat(canonical=True, scalar_first=True)
    moved = replace(cameras, T_cam_world=np.concatenate([quaternion, place], 1)[:, None])
    return Settled(cameras=moved, scale=scale, R=R, shift=shift)


def _check(views: Sequence[Seen], cameras: Cameras) -> tuple[str, ...]:
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


def _place_first(
    views: Sequence[Seen],
    chains: list[list[tuple[int, ...]]],
    lenses: Cameras,
    *,
    sync: bool,
    focal: Focal,
) -> tuple[Placed, Cameras, Keypoints2D]:
    """Place cameras by the clocks with which they agree best."""
    best: tuple[Placed, Cameras, Keypoints2D] | None = None
    fault: NothingFoundError | None = None
    for guess in _guess_clocks if sync else _guess_clocks[:1]:
        offset = guess(views, chains, lenses)
        if offset is None:
            continue
        timed = replace(lenses, time_offset=lenses.time_offset + offset)
        try:
            placed, anchor = _place(views, chains, timed, focal)
        except NothingFoundError as error:
            fault = fault or error
            continue
        if best is None or placed.agreeing > best[0].agreeing:
            best = placed, timed, anchor
        if best[0].agreeing > _AGREED:
            break
    if best is None or best[0].agreeing < _DOUBTFUL:
        keypoints = best[2] if best else _lay_out_anchor(views, chains, lenses)
        mirrored = find_mirrored(keypoints, lenses, focal, best[0].agreeing if best else 0.0)
        if mirrored is not None:
            raise InputError(
                f"the video of {lenses.names[mirrored]} seems to be mirrored (left and right are "
                "exchanged in it); flip it back and calibrate again"
            )
    if best is None:
        assert fault is not None
        raise fault
    return best


def _place(
    views: Sequence[Seen], chains: list[list[tuple[int, ...]]], lenses: Cameras, focal: Focal
) -> tuple[Placed, Keypoints2D]:
    anchor = _lay_out_anchor(views, chains, lenses)
    best: Placed | None = None
    fault: NothingFoundError | None = None
    for factor in (1.0,) if focal == "known" else _FOCAL_FACTORS:
        K = lenses.K.astype(np.float64)
        K[:, :2, :2] *= factor
        try:
            placed = place_by_people(anchor, replace(lenses, K=K), focal=focal)
        except NothingFoundError as error:
            fault = fault or error
            continue
        if best is None or placed.agreeing > best.agreeing:
            best = placed
        if best.agreeing > _AGREED:
            break
    if best is None:
        assert fault is not None
        raise fault
    return best, anchor


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


def _lay_out_anchor(
    views: Sequence[Seen], chains: list[list[tuple[int, ...]]], lenses: Cameras
) -> Keypoints2D:
    """Return the one person whom all views see, C 1 T K."""
    block = _lay_out_chains(views, chains, lenses)
    rays = find_rays(lenses, block.position)[0]
    sure = (block.confidence > _SURE)[..., None]
    rays = np.where(sure, rays, np.nan)[..., : _num_body(block), :]
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


_SURE = 0.5


def _num_body(block: Keypoints2D) -> int:
    return min(len(block.skeleton), 23)


def _refuse_still(anchor: Keypoints2D) -> None:
    """Refuse a person who does not move, which is one pose however long it is filmed."""
    points = np.where(anchor.valid[..., None], anchor.position, np.nan)[
        :, 0, :, : _num_body(anchor)
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


def _guess_common(
    views: Sequence[Seen], chains: list[list[tuple[int, ...]]], lenses: Cameras
) -> Float[np.ndarray, "C"] | None:
    return np.zeros(len(views))


def _guess_by_speed(
    views: Sequence[Seen], chains: list[list[tuple[int, ...]]], lenses: Cameras
) -> Float[np.ndarray, "C"] | None:
    """Compare how fast people move in the pictures."""
    try:
        return synchronise(
            [_own_clock(seen, own) for seen, own in zip(views, chains, strict=True)]
        ).offset
    except (NothingFoundError, InputError):
        return None


def _guess_by_lines(
    views: Sequence[Seen], chains: list[list[tuple[int, ...]]], lenses: Cameras
) -> Float[np.ndarray, "C"] | None:
    """Seek the offsets from the first view at which one epipolar geometry explains most."""
    blocks = [_own_clock(seen, own) for seen, own in zip(views, chains, strict=True)]
    rays = []
    for view, block in enumerate(blocks):
        full = np.full((len(views), *block.position.shape), np.nan)
        full[view] = np.where((block.confidence > _SURE)[..., None], block.position, np.nan)
        rays.append(find_rays(lenses, full)[0][view][0, :, : _num_body(block)])
    grid = np.arange(-_REACH_S, _REACH_S + _STEP_S / 2, _STEP_S)
    base, offset = blocks[0].time, np.zeros(len(views))
    for view in range(1, len(views)):
        own, score = blocks[view].time, []
        for lag in grid:
            nearest = np.searchsorted(own, base - lag)
            inside = (nearest > 0) & (nearest < len(own))
            score.append(count_agreeing(rays[0][inside], rays[view][nearest[inside]]))
        offset[view] = float(grid[int(np.argmax(score))])
    return offset


_guess_clocks = (_guess_common, _guess_by_speed, _guess_by_lines)


def _own_clock(seen: Seen, chains: Sequence[tuple[int, ...]]) -> Keypoints2D:
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


def _with_clocks(cameras: Cameras, timed: Cameras) -> Cameras:
    return replace(cameras, time_offset=timed.time_offset)


def _gather_everyone(
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
