"""Bundle adjustment over keypoints: cameras and points that explain all image points best.

Levenberg-Marquardt on reprojection errors with Geman-McClure's kernel; the points are eliminated
(Schur complement), so a step solves for 6 numbers per camera. Triggs et al., "Bundle Adjustment - A
Modern Synthesis" (2000), sections 6 and 4.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

_LEAST_DEPTH = 1e-3


@dataclass(frozen=True, slots=True)
class Bundle:
    """Cameras and points."""

    R: Float[np.ndarray, "C 3 3"]
    """World to camera."""
    t: Float[np.ndarray, "C 3"]
    points: Float[np.ndarray, "P 3"]


def adjust_bundle(
    bundle: Bundle,
    ray: Float[np.ndarray, "C P 2"],
    weight: Float[np.ndarray, "C P"],
    *,
    kernel: float = 3.0,
    iterations: int = 60,
) -> Bundle:
    """Adjust cameras and points; the first camera stays, and with it the world.

    Args:
        bundle: Where to start.
        ray: On the plane z = 1, NaN where unseen.
        weight: One over the standard deviation of a coordinate there; 0 where not to be used.
        kernel: Width of the robust kernel in standard deviations.
        iterations: At most.
    """
    seen = np.isfinite(ray).all(-1) & (weight > 0)
    ray, weight = np.where(seen[..., None], ray, 0.0), np.where(seen, weight, 0.0)
    damping, cost = 1e-3, _cost(bundle, ray, weight, kernel)
    for _ in range(iterations):
        step = _Step(bundle, ray, weight, kernel)
        for _ in range(8):
            trial = step.solve(damping)
            new = _cost(trial, ray, weight, kernel)
            if new < cost:
                break
            damping *= 5
        else:
            break
        gain, cost, bundle = cost - new, new, trial
        damping = max(damping / 5, 1e-9)
        if gain < 1e-7 * cost:
            break
    return bundle


def residuals(bundle: Bundle, ray: Float[np.ndarray, "C P 2"]) -> Float[np.ndarray, "C P 2"]:
    """Return reprojection errors on the plane z = 1."""
    local = np.einsum("cij,pj->cpi", bundle.R, bundle.points) + bundle.t[:, None]
    return local[..., :2] / np.maximum(local[..., 2:], _LEAST_DEPTH) - ray


def _robust(
    off: Float[np.ndarray, "C P 2"], weight: Float[np.ndarray, "C P"], kernel: float
) -> Float[np.ndarray, "C P"]:
    squared = np.square(off).sum(-1) * np.square(weight)
    return 1 / np.square(1 + squared / kernel**2)


def _cost(
    bundle: Bundle,
    ray: Float[np.ndarray, "C P 2"],
    weight: Float[np.ndarray, "C P"],
    kernel: float,
) -> float:
    squared = np.square(residuals(bundle, ray)).sum(-1) * np.square(weight)
    return float((squared / (1 + squared / kernel**2)).sum())


class _Step:
    """The normal equations at one place."""

    def __init__(
        self,
        bundle: Bundle,
        ray: Float[np.ndarray, "C P 2"],
        weight: Float[np.ndarray, "C P"],
        kernel: float,
    ):
        self._bundle = bundle
        local = np.einsum("cij,pj->cpi", bundle.R, bundle.points) + bundle.t[:, None]
        depth = np.maximum(local[..., 2], _LEAST_DEPTH)
        off = local[..., :2] / depth[..., None] - ray
        scale = weight * np.sqrt(_robust(off, weight, kernel))
        project = np.zeros((*depth.shape, 2, 3))
        project[..., 0, 0] = project[..., 1, 1] = 1 / depth
        project[..., 2] = -local[..., :2] / np.square(depth)[..., None]
        project *= scale[..., None, None]
        off = off * scale[..., None]
        # A camera turns about its own axes: d local = turn x (R X) + shift.
        turned = local - bundle.t[:, None]
        camera = np.concatenate([-project @ _cross(turned), project], -1)
        point = np.einsum("cpij,cjk->cpik", project, bundle.R)
        self._U = np.einsum("cpij,cpik->cjk", camera, camera)
        self._V = np.einsum("cpij,cpik->pjk", point, point)
        self._W = np.einsum("cpij,cpik->cpjk", camera, point)
        self._a = -np.einsum("cpij,cpi->cj", camera, off)
        self._b = -np.einsum("cpij,cpi->pj", point, off)

    def solve(self, damping: float) -> Bundle:
        """Return the bundle after a damped step."""
        num = len(self._U)
        V = self._V + damping * _diagonal(self._V) + 1e-12 * np.eye(3)
        inverse = np.linalg.inv(V)
        WV = np.einsum("cpij,pjk->cpik", self._W, inverse)
        flat = WV.swapaxes(1, 2).reshape(num * 6, -1)
        S = -flat @ self._W.swapaxes(1, 2).reshape(num * 6, -1).T
        for row, block in enumerate(self._U + damping * _diagonal(self._U)):
            own = slice(6 * row, 6 * row + 6)
            S[own, own] += block
        right = self._a.reshape(-1) - flat @ self._b.reshape(-1)
        move = np.zeros(6 * num)
        # The first camera holds the world; scale is left to the damping.
        free = S[6:, 6:]
        move[6:] = np.linalg.solve(
            free + 1e-9 * np.trace(free) / len(free) * np.eye(len(free)), right[6:]
        )
        cameras = move.reshape(num, 6)
        back = self._b - np.einsum("cpij,ci->pj", self._W, cameras)
        points = self._bundle.points + np.einsum("pij,pj->pi", inverse, back)
        turn = Rotation.from_rotvec(cameras[:, :3]).as_matrix()
        return Bundle(turn @ self._bundle.R, self._bundle.t + cameras[:, 3:], points)


def _cross(v: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    x, y, z = np.moveaxis(v, -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def _diagonal(blocks: Float[np.ndarray, "B n n"]) -> Float[np.ndarray, "B n n"]:
    return blocks * np.eye(blocks.shape[-1])


def seen_twice(weight: Float[np.ndarray, "C P"]) -> Bool[np.ndarray, "P"]:
    """Mark points that two cameras or more see."""
    return np.asarray((weight > 0).sum(0) >= 2)
