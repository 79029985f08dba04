"""Rigid and similarity alignment of point sets (Procrustes analysis), batched, in numpy.

The closed form is Umeyama's (PAMI 1991, equations 34-43): the weighted cross-covariance's singular
vectors give the rotation, a sign on the last one keeps it a rotation and not a reflection. Missing
points are NaN or have weight 0 and do not count; fewer than three points leave NaN.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

MIN_POINTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """A batch of transforms `y = scale * R x + t`."""

    R_target_source: Float[np.ndarray, "*batch 3 3"]
    t_target_source: Float[np.ndarray, "*batch 3"]
    scale: Float[np.ndarray, "*batch"]

    def apply(self, points: Float[np.ndarray, "*batch K 3"]) -> Float[np.ndarray, "*batch K 3"]:
        """Carry points from the source to the target."""
        turned = points @ np.swapaxes(self.R_target_source, -1, -2)
        return self.scale[..., None, None] * turned + self.t_target_source[..., None, :]


def fit_similarity(
    source: Float[np.ndarray, "*batch K 3"],
    target: Float[np.ndarray, "*batch K 3"],
    *,
    weights: Float[np.ndarray, "*batch K"] | None = None,
    with_scale: bool = True,
) -> Similarity:
    """Find the transforms that bring `source` closest to `target` in the least-squares sense.

    Args:
        source: Points to move; NaN where missing.
        target: Where they should go; NaN where missing.
        weights: Weight of each pair (0 leaves it out); equal weights if None.
        with_scale: Whether the size may change.

    Returns:
        One transform per batch entry, in float64; NaN where fewer than three pairs count.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    known = np.all(np.isfinite(source) & np.isfinite(target), axis=-1)
    share = known.astype(np.float64) if weights is None else np.where(known, weights, 0.0)
    enough = (share > 0).sum(-1) >= MIN_POINTS
    total = share.sum(-1, keepdims=True)
    share = (share / np.where(total > 0, total, 1.0))[..., None]
    source = np.where(known[..., None], source, 0.0)
    target = np.where(known[..., None], target, 0.0)
    source_mean, target_mean = (share * source).sum(-2), (share * target).sum(-2)
    source, target = source - source_mean[..., None, :], target - target_mean[..., None, :]
    covariance = np.swapaxes(share * target, -1, -2) @ source
    rotation, stretch = _nearest_rotation(covariance)
    scale = np.ones(rotation.shape[:-2])
    if with_scale:
        variance = (share * source**2).sum((-1, -2))
        scale = np.asarray(stretch / np.where(variance > 0, variance, np.nan))
    moved = np.einsum("...ij,...j->...i", rotation, source_mean)
    return Similarity(
        R_target_source=np.where(enough[..., None, None], rotation, np.nan),
        t_target_source=target_mean - scale[..., None] * moved,
        scale=np.where(enough, scale, np.nan),
    )


def align_points(
    source: Float[np.ndarray, "*batch K 3"],
    target: Float[np.ndarray, "*batch K 3"],
    *,
    weights: Float[np.ndarray, "*batch K"] | None = None,
    with_scale: bool = True,
) -> Float[np.ndarray, "*batch K 3"]:
    """Return `source` moved as close to `target` as a similarity can, see `fit_similarity`."""
    fitted = fit_similarity(source, target, weights=weights, with_scale=with_scale)
    return fitted.apply(np.asarray(source, np.float64))


def _nearest_rotation(
    covariance: Float[np.ndarray, "*batch 3 3"],
) -> tuple[Float[np.ndarray, "*batch 3 3"], Float[np.ndarray, "*batch"]]:
    # Returns the rotation and the trace of the sign-corrected singular values.
    left, values, right = np.linalg.svd(covariance)
    sign = np.where(np.linalg.det(left) * np.linalg.det(right) < 0, -1.0, 1.0)
    left = left * np.stack([np.ones_like(sign), np.ones_like(sign), sign], -1)[..., None, :]
    return left @ right, np.asarray(values[..., 0] + values[..., 1] + sign * values[..., 2])
