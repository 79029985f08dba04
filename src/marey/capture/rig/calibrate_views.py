"""Cameras from what their videos show: whom to look at, when they looked, where they stand.

Nothing of it is known before the rest. Clocks are taken to be common at first, or as the speeds of
people say, or as one epipolar geometry explains most of two videos; cameras are placed for each,
and the answer in which the views agree best is taken. Then the clocks are put right to fractions of
a frame by the cameras, and the cameras placed anew, with everyone who is seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from marey.body import Body
from marey.capture.pipeline import Seen
from marey.capture.rig.anchor import find_chains
from marey.capture.rig.bundle import Focal
from marey.capture.rig.calibrate import (
    Calibrated,
    Placed,
    bring_to_world,
    place_by_people,
    refine_calibration,
)
from marey.capture.rig.calibration_people import (
    check_views,
    gather_everyone,
    lay_out_anchor,
)
from marey.capture.rig.clock_guesses import GUESSES
from marey.capture.rig.metric_scale import KnownSize, check_size
from marey.capture.rig.mirrored import find_mirrored
from marey.capture.rig.view_clocks import ViewClock, find_clocks, set_clocks
from marey.core import Cameras, Keypoints2D
from marey.core.errors import InputError, NothingFoundError

_AGREED = 0.92
"""Share of points in place with which no other clocks are tried."""
_DOUBTFUL = 0.92
_ROUNDS = 2
_FOCAL_FACTORS = (1.0, 1.5, 0.67)
"""How far focal lengths may be from those assumed, to begin with where they are sought."""

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
    views, skeleton = list(views), check_views(views, lenses)
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
    everyone = gather_everyone(views, done.cameras, anchor)
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
    views, skeleton = list(views), check_views(views, cameras)
    size = size or KnownSize()
    if size != KnownSize():
        check_size(size, skeleton)
    clocks: tuple[ViewClock, ...] = ()
    if sync:
        clocks = find_clocks(views, cameras)
        views, cameras = set_clocks(views, cameras, clocks)
    everyone = gather_everyone(views, cameras, None)
    done = refine_calibration(
        everyone, cameras, height=size.height, length=size.length, focal=focal, body=body
    )
    return CalibratedViews(calibrated=done, keypoints=everyone, clocks=clocks, views=tuple(views))


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
    for guess in GUESSES if sync else GUESSES[:1]:
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
        keypoints = best[2] if best else lay_out_anchor(views, chains, lenses)
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
    anchor = lay_out_anchor(views, chains, lenses)
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


def _with_clocks(cameras: Cameras, timed: Cameras) -> Cameras:
    return replace(cameras, time_offset=timed.time_offset)
