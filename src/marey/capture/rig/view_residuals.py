"""What is left of two views' keypoints at some offset of their clocks: by lines, or by speeds."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from marey.capture.rig._lines_numba import measure_lines
from marey.capture.views.triangulate import find_rays, make_extrinsics
from marey.core import Cameras, Keypoints2D

_BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16
_BODY = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "nose", "heel")
_MIN_CONFIDENCE = 0.3
_MOST_MOMENTS = 2000

Residual = Callable[[Float[np.ndarray, "G"], int], Float[np.ndarray, "G T K"]]
"""What is left of a pair of views at some offsets, at every so many-th moment; NaN where either
sees nothing."""


def choose_moments(view: Keypoints2D) -> slice:
    """Return the frames of a view that are compared: a regular sample of long clips."""
    return slice(None, None, 1 + len(view.time) // _MOST_MOMENTS)


def _points(view: Keypoints2D) -> Float[np.ndarray, "N T K 2"]:
    """Return the believed points of the body, smoothed; NaN next to gaps."""
    names = view.skeleton.keypoints
    rows = [row for row, name in enumerate(names) if name.endswith(_BODY)]
    sure = view.valid & (view.confidence >= _MIN_CONFIDENCE)
    points = np.where(sure[..., None], view.position, np.nan)[:, :, rows].astype(np.float64)
    # Interpolation averages the noise of two frames, which would make fractions of a frame look
    # better than whole ones; noise that is smooth already it hardly touches.
    padded = np.pad(points, [(0, 0), (2, 2), (0, 0), (0, 0)], constant_values=np.nan)
    length = points.shape[1]
    return sum(
        (share * padded[:, start : start + length] for start, share in enumerate(_BINOMIAL)),
        np.zeros_like(points),
    )


def _interpolate(
    values: Float[np.ndarray, "N T *rest"],
    own: Float[np.ndarray, "T"],
    wanted: Float[np.ndarray, "M"],
) -> Float[np.ndarray, "N M *rest"]:
    after = np.clip(np.searchsorted(own, wanted), 1, len(own) - 1)
    share = (wanted - own[after - 1]) / (own[after] - own[after - 1])
    share = np.where((share >= 0) & (share <= 1), share, np.nan)
    share = share.reshape(1, -1, *[1] * (values.ndim - 2))
    return (1 - share) * values[:, after - 1] + share * values[:, after]


def compare_lines(
    views: Sequence[Keypoints2D], cameras: Cameras
) -> Callable[[int, int], list[Residual]]:
    """Compare by distances from epipolar lines on the plane z = 1."""
    rays = []
    for number, view in enumerate(views):
        rays.append(find_rays(select_camera(cameras, number), _points(view)[None])[0][0])
    extrinsics = make_extrinsics(cameras)[:, 0]

    def make(first: int, second: int) -> list[Residual]:
        a, b = extrinsics[first], extrinsics[second]
        R = b[:, :3] @ a[:, :3].T
        t = b[:, 3] - R @ a[:, 3]
        unit = t / max(np.linalg.norm(t), 1e-9)
        E = np.cross(np.eye(3), unit) @ R
        part = choose_moments(views[first])
        time, own = views[first].time[part], views[second].time

        def pair(one: np.ndarray, other: np.ndarray) -> Residual:
            return lambda lags, stride: find_off_lines(
                E, one[::stride], time[::stride], other, own, lags
            )

        return [pair(one[part], other) for one in rays[first] for other in rays[second]]

    return make


def select_camera(cameras: Cameras, view: int) -> Cameras:
    """Return one of several cameras."""
    own = slice(view, view + 1)
    return replace(
        cameras,
        names=cameras.names[own],
        K=cameras.K[own],
        distortion=cameras.distortion[own],
        T_cam_world=cameras.T_cam_world[own],
        size=cameras.size[own],
        time_offset=cameras.time_offset[own],
    )


def find_off_lines(
    E: Float[np.ndarray, "3 3"],
    one: Float[np.ndarray, "T K 2"],
    time: Float[np.ndarray, "T"],
    other: Float[np.ndarray, "L K 2"],
    own: Float[np.ndarray, "L"],
    lags: Float[np.ndarray, "G"],
) -> Float[np.ndarray, "G T K"]:
    """Return signed distances from epipolar lines (Sampson's) at several lags.

    Args:
        E: Essential matrix: rays of the one view to lines of the other.
        one: Rays of a person in the one view, on the plane z = 1.
        time: When, s.
        other: Rays of a person in the other view.
        own: When, by its own clock, s.
        lags: To add to `time` to get the other's, s.
    """
    table = np.empty((len(lags), len(time), one.shape[1]))
    measure_lines(
        *(np.ascontiguousarray(part, np.float64) for part in (E, one, time, other, own, lags)),
        table,
    )
    return table


def find_off_lines_plainly(
    E: Float[np.ndarray, "3 3"],
    one: Float[np.ndarray, "T K 2"],
    time: Float[np.ndarray, "T"],
    other: Float[np.ndarray, "L K 2"],
    own: Float[np.ndarray, "L"],
    lags: Float[np.ndarray, "G"],
) -> Float[np.ndarray, "G T K"]:
    """Return the same without compiled code."""
    line = one @ E[:, :2].T + E[:, 2]
    table = []
    for lag in lags:
        there = _interpolate(other[None], own, time + lag)[0]
        back = there @ E[:2] + E[2]
        value = (there * line[..., :2]).sum(-1) + line[..., 2]
        size = np.square(line[..., :2]).sum(-1) + np.square(back[..., :2]).sum(-1)
        table.append(value / np.sqrt(size))
    return np.stack(table)


def compare_speeds(views: Sequence[Keypoints2D]) -> Callable[[int, int], list[Residual]]:
    """Compare by the speeds of keypoints, as far as they stand out from the usual."""
    paces = []
    for view in views:
        points = _points(view)
        speed = np.linalg.norm(np.gradient(points, view.time, axis=1), axis=-1)
        paces.append(_standardise(np.sqrt(speed)))

    def make(first: int, second: int) -> list[Residual]:
        part = choose_moments(views[first])
        time, own = views[first].time[part], views[second].time

        def pair(one: np.ndarray, other: np.ndarray) -> Residual:
            return lambda lags, stride: np.stack(
                [
                    one[::stride] - _interpolate(other[None], own, time[::stride] + lag)[0]
                    for lag in lags
                ]
            )

        return [pair(one[part], other) for one in paces[first] for other in paces[second]]

    return make


def _standardise(values: Float[np.ndarray, "N T K"]) -> Float[np.ndarray, "N T K"]:
    known = np.isfinite(values)
    count = np.maximum(known.sum(1, keepdims=True), 1)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(1, keepdims=True) / count
    deviation = np.where(known, values - mean, 0.0)
    spread = np.sqrt(np.square(deviation).sum(1, keepdims=True) / count)
    return np.where(known, deviation / np.maximum(spread, 1e-9), np.nan)
