"""Measurements as they enter the fit: what is missing weighs nothing, what is wrong is said here.

Inside, a weight of zero means not measured, and everything else is finite; so the linear algebra
never meets a value it could not take. A frame that still turns out not to be finite is marked by
the solvers (`Solution.finite`).
"""

import warnings

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from marey.core.errors import InputError, ShapeError

_FARTHEST = 1e6
"""Beyond this a coordinate is neither a pixel nor a metre."""
_FINEST = 1e-6
"""Nobody measures pixels or metres better than this."""
_REACH_M = 2.5
"""No point of a body is farther from the middle of the others."""


def weigh(
    position: Float[np.ndarray, "*points D"],
    sigma: Float[np.ndarray, "*_"] | float,
    *,
    name: str = "keypoint",
) -> tuple[Float[Tensor, "*points D"], Float[Tensor, "*points"]]:
    """Turn measurements into what costs want: finite values and weights 1 / sigma.

    Args:
        position: Image points, px, or points in space, m; NaN where missing.
        sigma: What each is believed to be good for, in the same unit; one for all, or one each.
            Infinite, or NaN at a missing point, means that nothing was measured.
        name: What the points are called in messages.

    Raises:
        ShapeError: If there are other numbers of sigmas than of points.
        InputError: If a position is infinite or beyond 1e6, or the sigma of a known point is zero,
            negative, less than 1e-6 or not a number.
    """
    known = np.asarray(~np.isnan(position).any(-1))
    spread = np.asarray(sigma, np.float64)
    if spread.ndim and spread.shape != known.shape:
        raise ShapeError(
            f"{name}s of shape {known.shape} came with sigmas of shape {spread.shape}; "
            "give one sigma for all or one for each"
        )
    spread = np.broadcast_to(spread, known.shape)
    if (np.abs(position[known]) > _FARTHEST).any():
        raise InputError(
            f"a {name} is infinite or beyond {_FARTHEST:g}; give NaN where nothing was measured"
        )
    wrong = spread[known & ~(spread >= _FINEST)]
    if len(wrong):
        raise InputError(
            f"the sigma of a {name} is {wrong[0]:g}; it must be positive, {_FINEST:g} at "
            "least, and infinite where nothing was measured"
        )
    weight = np.where(known, 1 / np.where(known, spread, 1.0), 0.0)
    clean = np.where(known[..., None], position, 0.0)
    return torch.from_numpy(clean.astype(np.float32)), torch.from_numpy(weight.astype(np.float32))


def drop_distant(points: Float[np.ndarray, "T K 3"]) -> Float[np.ndarray, "T K 3"]:
    """Return points without those that cannot be of the same body as the others of their frame.

    Args:
        points: Positions, m; NaN where missing. Those farther than 2.5 m from the median of their
            frame become NaN: one point ten metres away would pull the whole body along.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # A frame without points has no median.
        middle = np.nanmedian(points, axis=1, keepdims=True)
    far = np.linalg.norm(points - middle, axis=-1) > _REACH_M
    return np.where(far[..., None], np.nan, points)


def check_clock(time: Float[np.ndarray, "T"]) -> None:
    """Refuse times that are not finite or go back.

    Raises:
        InputError: If they do.
    """
    if not np.isfinite(time).all() or (np.diff(time) < 0).any():
        raise InputError("times must be finite seconds and must not go back; sort the frames")
