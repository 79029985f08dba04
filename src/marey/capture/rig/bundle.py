"""Bundle adjustment over keypoints: cameras and points that explain all image points best.

Levenberg-Marquardt on reprojection errors with Geman-McClure's kernel; the points are eliminated
(Schur complement), so a step solves for 6 numbers per camera, 7 where focal lengths are sought too.
Triggs et al., "Bundle Adjustment - A Modern Synthesis" (2000), sections 6 and 4.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

_LEAST_DEPTH = 1e-3
_POSE = 6
"""Numbers of a camera's pose; its focal length comes next."""

Focal = Literal["known", "shared", "each"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Cameras and points."""

    R: Float[np.ndarray, "C 3 3"]
    """World to camera."""
    t: Float[np.ndarray, "C 3"]
    points: Float[np.ndarray, "P 3"]
    zoom: Float[np.ndarray, "C"]
    """Focal length over the one that rays were made with."""


def adjust_bundle(
    bundle: Bundle,
    ray: Float[np.ndarray, "C P 2"],
    weight: Float[np.ndarray, "C P"],
    *,
    kernel: float = 3.0,
    iterations: int = 60,
    focal: Focal = "known",
) -> Bundle:
    """Adjust cameras and points; the first camera stays, and with it the world.

    Args:
        bundle: Where to start.
        ray: On the plane z = 1, NaN where unseen.
        weight: One over the standard deviation of a coordinate there; 0 where not to be used.
        kernel: Width of the robust kernel in standard deviations.
        iterations: At most.
        focal: Whether focal lengths are known, one unknown number for all, or one for each.
    """
    seen = np.isfinite(ray).all(-1) & (weight > 0)
    ray, weight = np.where(seen[..., None], ray, 0.0), np.where(seen, weight, 0.0)
    damping, cost = 1e-3, _cost(bundle, ray, weight, kernel)
    for _ in range(iterations):
        step = _Step(bundle, ray, weight, kernel, focal)
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
    plane = local[..., :2] / np.maximum(local[..., 2:], _LEAST_DEPTH)
    return bundle.zoom[:, None, None] * plane - ray


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
        focal: Focal,
    ):
        self._bundle, self._focal = bundle, focal
        local = np.einsum("cij,pj->cpi", bundle.R, bundle.points) + bundle.t[:, None]
        depth = np.maximum(local[..., 2], _LEAST_DEPTH)
        plane = bundle.zoom[:, None, None] * local[..., :2] / depth[..., None]
        off = plane - ray
        scale = weight * np.sqrt(_robust(off, weight, kernel))
        project = np.zeros((*depth.shape, 2, 3))
        project[..., 0, 0] = project[..., 1, 1] = bundle.zoom[:, None] / depth
        project[..., 2] = -plane / depth[..., None]
        project *= scale[..., None, None]
        off = off * scale[..., None]
        # A camera turns about its own axes: d local = turn x (R X) + shift.
        turned = local - bundle.t[:, None]
        camera = np.concatenate([-project @ _cross(turned), project], -1)
        if focal != "known":
            camera = np.concatenate([camera, (plane * scale[..., None])[..., None]], -1)
        point = np.einsum("cpij,cjk->cpik", project, bundle.R)
        self._U = np.einsum("cpij,cpik->cjk", camera, camera)
        self._V = np.einsum("cpij,cpik->pjk", point, point)
        self._W = np.einsum("cpij,cpik->cpjk", camera, point)
        self._a = -np.einsum("cpij,cpi->cj", camera, off)
        self._b = -np.einsum("cpij,cpi->pj", point, off)

    def solve(self, damping: float) -> Bundle:
        """Return the bundle after a damped step."""
        num, size = self._U.shape[:2]
        V = self._V + damping * _diagonal(self._V) + 1e-12 * np.eye(3)
        inverse = np.linalg.inv(V)
        WV = np.einsum("cpij,pjk->cpik", self._W, inverse)
        flat = WV.swapaxes(1, 2).reshape(num * size, -1)
        S = -flat @ self._W.swapaxes(1, 2).reshape(num * size, -1).T
        for row, block in enumerate(self._U + damping * _diagonal(self._U)):
            own = slice(size * row, size * row + size)
            S[own, own] += block
        right = self._a.reshape(-1) - flat @ self._b.reshape(-1)
        free = self._free(num, size)
        A = free.T @ S @ free
        # Scale is left to the damping.
        A += 1e-9 * np.trace(A) / len(A) * np.eye(len(A))
        cameras = (free @ np.linalg.solve(A, free.T @ right)).reshape(num, size)
        back = self._b - np.einsum("cpij,ci->pj", self._W, cameras)
        points = self._bundle.points + np.einsum("pij,pj->pi", inverse, back)
        turn = Rotation.from_rotvec(cameras[:, :3]).as_matrix()
        zoom = self._bundle.zoom
        if size > _POSE:
            # A step of more than a third is no small step.
            zoom = zoom * np.exp(np.clip(cameras[:, 6], -0.3, 0.3))
        return Bundle(turn @ self._bundle.R, self._bundle.t + cameras[:, 3:6], points, zoom)

    def _free(self, num: int, size: int) -> Float[np.ndarray, "all free"]:
        """Return what the free numbers move: not the first camera, which holds the world."""
        columns = np.eye(num * size)
        moves = np.arange(num * size) // size > 0
        if self._focal == "each":
            moves |= np.arange(num * size) % size == _POSE
        if self._focal != "shared":
            return columns[:, moves]
        zooms = np.arange(num * size) % size == _POSE
        together = columns[:, zooms].sum(1, keepdims=True)
        return np.concatenate([columns[:, moves & ~zooms], together], 1)


def _cross(v: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    x, y, z = np.moveaxis(v, -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def _diagonal(blocks: Float[np.ndarray, "B n n"]) -> Float[np.ndarray, "B n n"]:
    return blocks * np.eye(blocks.shape[-1])
