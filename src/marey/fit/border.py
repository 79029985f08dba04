"""Measurements as they enter the fit: what is missing weighs nothing, what is wrong is said here.

Inside, a weight of zero means not measured, and everything else is finite; so the linear algebra
never meets a value it could not take. A frame that still turns out not to be finite is marked by
the solvers (`Solution.finite`).
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from marey.core.errors import InputError, ShapeError

_FARTHEST = 1e6
"""Beyond this a coordinate is neither a pixel nor a metre."""
_FINEST = 1e-6
"""Nobody measures pixels or metres better than this."""


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
