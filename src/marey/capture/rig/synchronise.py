"""When cameras looked: their clocks from what people do in the pictures.

Of two calibrated views the one's keypoints have to lie on the epipolar lines of the other's at the
same moment; a moment too early or late, a moving point lies beside its line. The offset at which
they fit best is sought on a grid first, then to a fraction of a frame, with each keypoint's mean
residual taken out there, since detectors are biased and calibrations imperfect. Without
calibration the speeds of keypoints are compared instead, to a frame or two; of motion that repeats
itself they cannot tell which repetition is which.

A pair of calibrated views whose lines fit badly at any offset (a wrong calibration), or nearly as
well at another one with worse ones between (motion that repeats itself), says nothing.

The offsets of all pairs are brought together by least squares. Stretches of the clip estimate each
pair's offset on their own: their spread says how well it is known, and their trend is drift. That
spread does not show what is wrong all along, as of a detector that sees a body's back otherwise
than its front: what is left at the best offset, over how fast points leave their lines, bounds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from marey.capture.rig.clock_network import ClockPair, choose_pairs, find_bias, solve_clocks
from marey.capture.rig.pair_lag import find_lag
from marey.capture.rig.view_residuals import choose_moments, compare_lines, compare_speeds
from marey.core import Cameras, Keypoints2D
from marey.core.errors import InputError, NothingFoundError

_FINEST_STEP_S = 1 / 30
"""Finer steps of the grid tell nothing new about people."""
_CERTAIN = 3.0
"""Standard deviations from zero at which drift shows."""
_LEAST_DRIFT = 0.25
"""Frames that drift has to add up to, to be worth a correction."""
_WORST_LINES = 0.03
"""Distance from epipolar lines, on the plane z = 1, beyond which a calibration is not theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """How offsets are sought."""

    max_offset: float = 5.0
    """Largest offset between two views, s."""
    most_partners: int = 6
    """Views that each is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synchronised:
    """Common time is `own + offset + drift * (own - own[0])`; the first view's clock is common."""

    offset: Float[np.ndarray, "C"]
    """s"""
    sigma: Float[np.ndarray, "C"]
    """Standard deviation of the offsets, s; infinite where a view tells nothing."""
    drift: Float[np.ndarray, "C"]
    """s per s; 0 where none shows."""
    drift_sigma: Float[np.ndarray, "C"]

    def to_common(self, own: Float[np.ndarray, "T"], view: int) -> Float[np.ndarray, "T"]:
        """Return a view's times on the common clock, s."""
        return own + self.offset[view] + self.drift[view] * (own - own[0])


def synchronise(
    views: Sequence[Keypoints2D],
    cameras: Cameras | None = None,
    *,
    options: SyncOptions | None = None,
) -> Synchronised:
    """Find the offsets of the views' clocks.

    Args:
        views: Per camera, its people (N T K) on its own clock; frame rates may differ.
        cameras: Static cameras; without them the offsets are less precise.
        options: How far apart clocks may be.

    Raises:
        InputError: If views and cameras do not fit together, or cameras move.
        NothingFoundError: If no two views show enough of the same.
    """
    options = options or SyncOptions()
    _check(views, cameras)
    make = compare_speeds(views) if cameras is None else compare_lines(views, cameras)
    worst = np.inf if cameras is None else _WORST_LINES
    pairs = []
    for first, second in choose_pairs(len(views), options.most_partners):
        step = max(_interval(views[first]), _interval(views[second]), _FINEST_STEP_S)
        time = views[first].time[choose_moments(views[first])]
        pair = find_lag(make(first, second), time, step, options.max_offset, worst)
        if pair is not None:
            pairs.append(ClockPair(first, second, *pair))
    if not pairs:
        raise NothingFoundError(
            "no two videos show enough movement of the same people to find their offset; trust "
            "the clocks with --no-sync, or film a clap that all cameras see"
        )
    num = len(views)
    rows = [(p.first, p.second) for p in pairs]
    offset, sigma = solve_clocks(
        rows, [p.lag for p in pairs], [p.variance + p.bias**2 for p in pairs], num
    )
    drift, drift_sigma = solve_clocks(
        rows, [p.drift for p in pairs], [p.drift_variance for p in pairs], num
    )
    sigma = np.maximum(sigma, find_bias(pairs, num))
    length = np.array([view.time[-1] - view.time[0] for view in views])
    step = np.array([_interval(view) for view in views])
    shows = np.abs(drift) > _CERTAIN * drift_sigma
    shows &= np.abs(drift) * length > np.maximum(_LEAST_DRIFT * step, _CERTAIN * sigma)
    # Offsets are of the middle of the clip; where there is drift they are carried to its start.
    drift = np.where(shows, drift, 0.0)
    return Synchronised(
        offset=offset - drift * length / 2, sigma=sigma, drift=drift, drift_sigma=drift_sigma
    )


def _check(views: Sequence[Keypoints2D], cameras: Cameras | None) -> None:
    if len(views) < 2 or (cameras is not None and len(cameras.names) != len(views)):
        known = "" if cameras is None else f" and {len(cameras.names)} cameras"
        raise InputError(f"{len(views)} views{known} came to be synchronised; give two at least")
    if cameras is not None and cameras.T_cam_world.shape[1] > 1:
        raise InputError("cameras that move cannot be synchronised by what they see; use --no-sync")
    if any(view.skeleton.name != views[0].skeleton.name for view in views):
        raise InputError("views to synchronise need one skeleton; convert them first")
    if any(len(view.time) < 3 for view in views):
        raise InputError("single pictures cannot be synchronised; use --no-sync")


def _interval(view: Keypoints2D) -> float:
    return float(np.median(np.diff(view.time)))
