"""Triangulated points made whole: gaps filled, jumps and impossible limbs taken out, smoothed.

The steps of Harmony4D's authors before they optimise a skeleton: a missing point is interpolated by
a polynomial through its neighbours in a short window; a point that jumps, or that makes a limb much
longer or shorter than it usually is, counts as missing and is filled again; a Savitzky-Golay filter
smooths what results. One person at a time.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.interpolate import make_interp_spline
from scipy.signal import savgol_filter

from marey.capture.views.limbs import find_limbs
from marey.core import Keypoints3D

_LEAST_SPREAD_M = 0.005

CHUNK = 1200
"""Frames that are judged together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineOptions:
    """What counts as missing and how it is filled."""

    window: int = 10
    """Frames around a gap that decide its filling, half before and half after."""
    jump: float = 300.0
    """Squared distance to the frame before above which a point is wrong, m^2; the authors' default
    never applies to metres."""
    limb_deviations: float = 10.0
    """Standard deviations from its mean beyond which a limb's length is wrong."""
    robust: bool = False
    """Whether median and median absolute deviation judge limbs, and not mean and deviation, which
    what they should find carries along."""
    smooth_window: int = 5
    smooth_order: int = 3
    fill_degree: int = 5
    """Highest degree of the splines that fill gaps. The authors' 5 may swing by metres between
    noisy points; 1 never leaves the span of its neighbours."""
    max_gap: int | None = None
    """Frames up to which a gap is filled; the authors fill any, by repeating what is near."""


def refine_keypoints(keypoints: Keypoints3D, options: RefineOptions | None = None) -> Keypoints3D:
    """Fill, filter and smooth every person's points.

    Args:
        keypoints: Points in the world; NaN where missing. Confidence and sigma are kept where
            there was a point before.
        options: Thresholds.

    Returns:
        The same people; a point that was filled has a confidence of 0.1 and no sigma, and a point
        with no neighbour in time to be filled from stays missing.
    """
    limbs = [
        (keypoints.skeleton.index(first), keypoints.skeleton.index(second))
        for first, second in find_limbs(keypoints.skeleton)
    ]
    position, confidence = keypoints.position.copy(), keypoints.confidence.copy()
    sigma = None if keypoints.sigma is None else keypoints.sigma.copy()
    for person, valid in enumerate(keypoints.valid):
        found, kept = refine_points(keypoints.position[person], valid, limbs, options)
        position[person] = found
        filled = np.isfinite(found).all(-1) & ~kept
        confidence[person] = np.where(kept, confidence[person], np.where(filled, 0.1, 0.0))
        if sigma is not None:
            sigma[person] = np.where(kept, sigma[person], np.nan)
    return replace(keypoints, position=position, confidence=confidence, sigma=sigma)


def refine_points(
    position: Float[np.ndarray, "T K 3"],
    valid: Bool[np.ndarray, "T K"],
    limbs: list[tuple[int, int]],
    options: RefineOptions | None = None,
) -> tuple[Float[np.ndarray, "T K 3"], Bool[np.ndarray, "T K"]]:
    """Fill, filter and smooth one person's points.

    Args:
        position: m, world axes.
        valid: Which points exist.
        limbs: Pairs of points whose distance should stay.
        options: Thresholds.

    Returns:
        The points, NaN where nothing could fill them, and which of them come from a point that
        was there and not found wrong.
    """
    options = options or RefineOptions()
    result, kept = np.empty(position.shape, np.float64), np.zeros_like(valid)
    for start in range(0, len(position), CHUNK):
        part = slice(start, start + CHUNK)
        fill = partial(fill_points, window=options.window, degree=options.fill_degree)
        filled = fill(position[part], valid[part])
        jumped = find_jumps(filled, options.jump)
        filled = fill(filled, ~jumped)
        odd = find_odd_limbs(filled, limbs, options.limb_deviations, robust=options.robust)
        filled = fill(filled, ~odd)
        kept[part] = valid[part] & ~jumped & ~odd
        filled[_find_long_gaps(~kept[part], options.max_gap)] = np.nan
        result[part] = _smooth(filled, options)
    return result, kept


def fill_points(
    position: Float[np.ndarray, "T K 3"],
    valid: Bool[np.ndarray, "T K"],
    *,
    window: int = 10,
    degree: int = 5,
) -> Float[np.ndarray, "T K 3"]:
    """Fill missing points from their neighbours in time.

    A window around each missing point is interpolated by a spline of degree 1 through up to three
    known points, 3 through up to five and 5 through more; before the first and after the last the
    nearest is repeated. The whole window is filled at once, and what was filled serves as known
    afterwards.

    Args:
        position: m; what is not valid is ignored.
        valid: Which points exist.
        window: Frames around a gap that decide its filling, half before and half after.
        degree: Highest degree of the splines.

    Returns:
        The points; NaN where the window holds none.
    """
    known = valid & np.isfinite(position).all(-1)
    filled = np.where(known[..., None], position, np.nan).astype(np.float64)
    half = window // 2
    for point in np.flatnonzero(~known.all(0)):
        own = known[:, point].copy()
        for frame in np.flatnonzero(~own):
            if own[frame]:
                continue
            around = slice(max(0, frame - half), frame + half + 1)
            if own[around].any():
                filled[around, point] = _interpolate(filled[around, point], own[around], degree)
                own[around] = True
    return filled


def _interpolate(
    values: Float[np.ndarray, "w 3"], known: Bool[np.ndarray, "w"], most: int
) -> Float[np.ndarray, "w 3"]:
    place = np.flatnonzero(known)
    result = values.copy()
    result[: place[0]], result[place[-1] + 1 :] = values[place[0]], values[place[-1]]
    missing = np.flatnonzero(~known)
    between = missing[(missing > place[0]) & (missing < place[-1])]
    if len(between):
        degree = 1 if len(place) <= 3 else 3 if len(place) <= 5 else 5
        spline = make_interp_spline(place, values[place], k=min(degree, most))
        result[between] = spline(between)
    return result


def find_jumps(position: Float[np.ndarray, "T K 3"], threshold: float) -> Bool[np.ndarray, "T K"]:
    """Mark points farther from where they were one frame before than a squared distance in m^2."""
    jumped = np.zeros(position.shape[:2], bool)
    with np.errstate(invalid="ignore"):
        jumped[1:] = np.square(np.diff(position, axis=0)).sum(-1) > threshold
    return jumped


def find_odd_limbs(
    position: Float[np.ndarray, "T K 3"],
    limbs: list[tuple[int, int]],
    deviations: float,
    *,
    robust: bool = False,
) -> Bool[np.ndarray, "T K"]:
    """Mark both ends of limbs whose length is far from its mean over time."""
    odd = np.zeros(position.shape[:2], bool)
    for first, second in limbs:
        length = np.linalg.norm(position[:, first] - position[:, second], axis=-1)
        known = np.isfinite(length)
        if known.sum() < 2:
            continue
        middle, spread = (_median_and_spread if robust else _mean_and_spread)(length[known])
        far = known & (np.abs(length - middle) > deviations * spread)
        odd[:, first] |= far
        odd[:, second] |= far
    return odd


def _mean_and_spread(length: Float[np.ndarray, "n"]) -> tuple[float, float]:
    return float(length.mean()), float(length.std(ddof=1))


def _median_and_spread(length: Float[np.ndarray, "n"]) -> tuple[float, float]:
    middle = float(np.median(length))
    # A normal distribution's deviation is 1.48 times its median absolute one.
    return middle, max(1.4826 * float(np.median(np.abs(length - middle))), _LEAST_SPREAD_M)


def _find_long_gaps(
    missing: Bool[np.ndarray, "T K"], max_gap: int | None
) -> Bool[np.ndarray, "T K"]:
    long = np.zeros_like(missing)
    for point in np.flatnonzero(missing.any(0)) if max_gap is not None else ():
        for start, stop in _runs(missing[:, point]):
            long[start:stop, point] = stop - start > max_gap
    return long


def _runs(chosen: Bool[np.ndarray, "T"]) -> Int[np.ndarray, "R 2"]:
    """Return first and one past last of every run."""
    padded = np.concatenate([[False], chosen, [False]])
    return np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)


def _smooth(
    position: Float[np.ndarray, "T K 3"], options: RefineOptions
) -> Float[np.ndarray, "T K 3"]:
    """Smooth every stretch of a point that is long enough for the filter."""
    result = position.copy()
    known = np.asarray(np.isfinite(position).all(-1))
    for point in range(position.shape[1]):
        for start, stop in _runs(known[:, point]):
            if stop - start >= options.smooth_window:
                result[start:stop, point] = savgol_filter(
                    position[start:stop, point],
                    options.smooth_window,
                    options.smooth_order,
                    axis=0,
                )
    return result
