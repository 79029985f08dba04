"""A whole sequence of points against what skeletons obey: limbs, symmetry, time, and the start.

The cost of Harmony4D's supplement, section 2.1 (equations 1 to 4), and that of its authors' code,
which differs; both are settings here. With y the points, lambda the lengths of limbs, weights 1:

    setting `paper`                                setting `reference`
    limb      sum_t |lambda(t+1) - lambda(t)|      sum over limbs of mean_t |lambda - its mean|
    symmetry  sum_t |lambda_left - lambda_right|   sum over pairs and t of |left - right|
    temporal  sum_t |y(t+1) - y(t)|                mean over t and points of |y(t+1) - y(t)|^2
    anchor    sum_t |y(t) - start(t)|              mean over t and points of |y(t) - start(t)|^2

Bars are norms over all limbs or coordinates of a frame on the left, of one limb or point on the
right. The supplement gives no formula for the anchor, which it calls L_reg; a norm like the other
three is our reading. Norms have a corner at zero, where both settings have their minimum in most
limbs: |x| becomes sqrt(x^2 + e^2) with e shrinking from a centimetre to a tenth of a millimetre,
each solved by L-BFGS from the one before.
"""

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize

from marey.capture.views.limbs import Names, find_limb_pairs, find_limbs
from marey.core import Skeleton

Setting = Literal["paper", "reference"]
_CORNERS_M = (1e-2, 1e-3, 1e-4)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseWeights:
    """Weights of the terms; the supplement's are all 1."""

    limb: float = 1.0
    symmetry: float = 1.0
    temporal: float = 1.0
    anchor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseLoss:
    """The terms of the cost before their weights."""

    limb: float
    symmetry: float
    temporal: float
    anchor: float

    def total(self, weights: PoseWeights) -> float:
        """Return the weighted sum."""
        names = [field.name for field in fields(self)]
        return sum(getattr(weights, name) * getattr(self, name) for name in names)


def measure_pose_loss(
    points: Float[np.ndarray, "T K 3"],
    start: Float[np.ndarray, "T K 3"],
    names: Names,
    *,
    setting: Setting = "reference",
) -> PoseLoss:
    """Return the terms of the cost of some points.

    Args:
        points: m; NaN where missing, in `start` too.
        start: The points they should stay near.
        names: Theirs.
        setting: Which formulas.
    """
    terms, _ = _Cost(start, names, PoseWeights(), setting).terms(np.nan_to_num(points), 0.0)
    return PoseLoss(**terms)


def optimize_points(
    start: Float[np.ndarray, "T K 3"],
    names: Names,
    *,
    setting: Setting = "reference",
    weights: PoseWeights | None = None,
    rounds: int = 1,
    iterations: int = 150,
) -> Float[np.ndarray, "T K 3"]:
    """Minimise the cost over one person's points.

    Args:
        start: Points in the world, m; NaN where missing, and they stay missing.
        names: Theirs.
        setting: Which formulas.
        weights: Weights of the terms.
        rounds: How often to start again with the result as the anchor; the authors' sequence
            files say 3.
        iterations: L-BFGS iterations per sharpness of the corners.
    """
    points = start
    for _ in range(rounds):
        points = _minimize(_Cost(points, names, weights or PoseWeights(), setting), iterations)
    return points


def _minimize(cost: "_Cost", iterations: int) -> Float[np.ndarray, "T K 3"]:
    best, least = cost.start, cost.total(cost.start)
    flat = cost.start[cost.known].ravel()
    for corner in _CORNERS_M:
        found = minimize(
            cost.flat_value,
            flat,
            args=(corner,),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": iterations, "maxcor": 20, "ftol": 1e-9, "gtol": 1e-9},
        )
        flat = found.x
        points = cost.spread(flat)
        total = cost.total(points)
        if total < least:
            best, least = points, total
    return np.where(cost.known[..., None], best, np.nan)


class _Cost:
    """One sequence's cost with its gradient by every coordinate."""

    def __init__(
        self,
        start: Float[np.ndarray, "T K 3"],
        names: Names,
        weights: PoseWeights,
        setting: Setting,
    ):
        self.known: Bool[np.ndarray, "T K"] = np.asarray(np.isfinite(start).all(-1))
        self.start = np.where(self.known[..., None], start, 0.0)
        self.weights, self.setting = weights, setting
        limbs, pairs = find_limbs(names), find_limb_pairs(names)
        order = names.keypoints if isinstance(names, Skeleton) else names
        self.ends = [(order.index(first), order.index(second)) for first, second in limbs]
        self.left = [limbs.index(left) for left, _ in pairs]
        self.right = [limbs.index(right) for _, right in pairs]
        first, second = np.array(self.ends, np.int64).reshape(-1, 2).T
        self.whole: Bool[np.ndarray, "T L"] = self.known[:, first] & self.known[:, second]
        self.both = self.whole[:, self.left] & self.whole[:, self.right]
        self.steps = self.known[1:] & self.known[:-1]

    def spread(self, flat: Float[np.ndarray, "n"]) -> Float[np.ndarray, "T K 3"]:
        points = self.start.copy()
        points[self.known] = flat.reshape(-1, 3)
        return points

    def total(self, points: Float[np.ndarray, "T K 3"]) -> float:
        return PoseLoss(**self.terms(points, 0.0)[0]).total(self.weights)

    def flat_value(
        self, flat: Float[np.ndarray, "n"], corner: float
    ) -> tuple[float, Float[np.ndarray, "n"]]:
        terms, gradient = self.terms(self.spread(flat), corner)
        return PoseLoss(**terms).total(self.weights), gradient[self.known].ravel()

    def terms(
        self, points: Float[np.ndarray, "T K 3"], corner: float
    ) -> tuple[dict[str, float], Float[np.ndarray, "T K 3"]]:
        """Return every term and the gradient of their weighted sum."""
        bone = np.stack([points[:, a] - points[:, b] for a, b in self.ends], 1)
        length = np.linalg.norm(bone, axis=-1)
        paper, weights = self.setting == "paper", self.weights
        limb, by_limb = (self._limb_change if paper else self._limb_spread)(length, corner)
        symmetry, by_symmetry = self._symmetry(length, corner)
        temporal, by_step = self._temporal(points, corner)
        anchor, by_anchor = self._anchor(points, corner)
        by_length = weights.limb * by_limb + weights.symmetry * by_symmetry
        along = by_length[..., None] * bone / np.maximum(length, 1e-12)[..., None]
        gradient = weights.anchor * by_anchor
        gradient[1:] += weights.temporal * by_step
        gradient[:-1] -= weights.temporal * by_step
        for row, (a, b) in enumerate(self.ends):
            gradient[:, a] += along[:, row]
            gradient[:, b] -= along[:, row]
        terms = {"limb": limb, "symmetry": symmetry, "temporal": temporal, "anchor": anchor}
        return terms, gradient

    def _limb_spread(self, length: np.ndarray, corner: float) -> tuple[float, np.ndarray]:
        count = np.maximum(self.whole.sum(0), 1)
        mean = np.where(self.whole, length, 0.0).sum(0) / count
        value, slope = _absolute(np.where(self.whole, length - mean, 0.0), corner)
        slope /= count
        return float((value / count).sum()), np.where(self.whole, slope - slope.sum(0) / count, 0.0)

    def _limb_change(self, length: np.ndarray, corner: float) -> tuple[float, np.ndarray]:
        change = np.where(self.whole[1:] & self.whole[:-1], np.diff(length, axis=0), 0.0)
        value, slope = _norm(change, corner)
        gradient = np.zeros_like(length)
        gradient[1:] += slope
        gradient[:-1] -= slope
        return float(value.sum()), gradient

    def _symmetry(self, length: np.ndarray, corner: float) -> tuple[float, np.ndarray]:
        apart = np.where(self.both, length[:, self.left] - length[:, self.right], 0.0)
        value, slope = (_norm if self.setting == "paper" else _absolute)(apart, corner)
        gradient = np.zeros_like(length)
        gradient[:, self.left], gradient[:, self.right] = slope, -slope
        return float(value.sum()), gradient

    def _temporal(self, points: np.ndarray, corner: float) -> tuple[float, np.ndarray]:
        step = np.where(self.steps[..., None], np.diff(points, axis=0), 0.0)
        return self._distance(step, int(self.steps.sum()), corner)

    def _anchor(self, points: np.ndarray, corner: float) -> tuple[float, np.ndarray]:
        apart = np.where(self.known[..., None], points - self.start, 0.0)
        return self._distance(apart, int(self.known.sum()), corner)

    def _distance(self, apart: np.ndarray, count: int, corner: float) -> tuple[float, np.ndarray]:
        if self.setting == "reference":
            return float(np.square(apart).sum() / max(count, 1)), 2 * apart / max(count, 1)
        value, slope = _norm(apart.reshape(len(apart), -1), corner)
        return float(value.sum()), slope.reshape(apart.shape)


def _absolute(x: np.ndarray, corner: float) -> tuple[np.ndarray, np.ndarray]:
    """|x| with a rounded corner, and its slope."""
    root = np.sqrt(x * x + corner * corner)
    return root - corner, x / np.maximum(root, 1e-12)


def _norm(x: Float[np.ndarray, "T n"], corner: float) -> tuple[np.ndarray, np.ndarray]:
    """Euclidean norm of every row with a rounded corner, and its slope."""
    root = np.sqrt(np.square(x).sum(1) + corner * corner)
    return root - corner, x / np.maximum(root, 1e-12)[:, None]
