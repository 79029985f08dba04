"""B least-squares problems that share a chain: costs in, normal equations out."""

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.fit.chain import Chain, Placed, Pose, place, pose_jacobian, shape_jacobian
from marey.fit.costs import PointAnchor, RelativePoints, Reprojection, RotationPrior

PointCost = Reprojection | RelativePoints | PointAnchor

_Value = TypeVar("_Value", bound=PointCost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a pose should satisfy, and which of its parameters may move.

    Columns are numbered as in `pose_jacobian`: 3 per joint, root first, then 3 for the root
    translation, then S for the shape.
    """

    chain: Chain
    costs: tuple[PointCost, ...]
    prior: RotationPrior
    shape_sigma: float = 1.0
    active: Int[Tensor, "Q"]
    """The columns that may move, as `pose_columns` numbers them: all three of a joint or none."""

    @property
    def moves_shape(self) -> bool:
        """Whether shape parameters are among the active ones."""
        return bool((self.active >= 3 * len(self.chain.joints) + 3).any())

    def take(self, index: Tensor | slice) -> "Problem":
        """Return the problems selected along the batch axis."""
        return replace(self, costs=tuple(_take(cost, index) for cost in self.costs))

    def loss(self, pose: Pose) -> Float[Tensor, "B"]:
        """Robust cost of each problem."""
        placed = place(self.chain, pose)
        total = self.prior.loss(pose) + (pose.shape / self.shape_sigma).square().sum(-1)
        for cost in self.costs:
            total = total + cost.loss(placed)
        return total

    def normal(self, pose: Pose) -> tuple[Float[Tensor, "B Q Q"], Float[Tensor, "B Q"]]:
        """Return J^T J and J^T r over the active columns (Gauss-Newton, robust rows reweighted)."""
        placed = place(self.chain, pose)
        jacobian = self._point_jacobian(placed)
        hessian = jacobian.new_zeros(len(pose), len(self.active), len(self.active))
        gradient = jacobian.new_zeros(len(pose), len(self.active))
        for cost in self.costs:
            linear = cost.linearise(placed, jacobian)
            hessian.baddbmm_(linear.jacobian.mT, linear.jacobian)
            gradient.unsqueeze(1).baddbmm_(linear.residual.unsqueeze(1), linear.jacobian)
        self._add_priors(pose, hessian, gradient)
        return hessian, gradient

    def _point_jacobian(self, placed: Placed) -> Float[Tensor, "B K 3 Q"]:
        by_pose = pose_jacobian(self.chain, placed)
        if self.moves_shape:
            by_pose = torch.cat([by_pose, shape_jacobian(self.chain, placed)], -1)
        if len(self.active) == by_pose.shape[-1]:
            return by_pose
        return by_pose[..., self.active]

    def _add_priors(self, pose: Pose, hessian: Tensor, gradient: Tensor) -> None:
        turning = self.active[self.active < 3 * len(self.chain.joints)]
        joints, width = turning[::3] // 3, len(turning)
        blocks, pulls = self.prior.normal(pose)
        corner = hessian[:, :width, :width].unflatten(2, (-1, 3)).unflatten(1, (-1, 3))
        corner.diagonal(dim1=1, dim2=3).add_(blocks[:, joints].permute(0, 2, 3, 1))
        gradient[:, :width].add_(pulls[:, joints].flatten(1))
        if self.moves_shape:
            num_shape = pose.shape.shape[-1]
            hessian.diagonal(dim1=1, dim2=2)[:, -num_shape:].add_(self.shape_sigma**-2)
            gradient[:, -num_shape:].add_(pose.shape / self.shape_sigma**2)


def pose_columns(
    chain: Chain, joints: tuple[str, ...] | None = None, *, root: bool = True, shape: bool = False
) -> Int[Tensor, "Q"]:
    """Number the columns to move: some joints, the root's six, the shape's.

    Args:
        chain: The chain.
        joints: Joints that may rotate; None for all but the root.
        root: Whether the root may turn and travel.
        shape: Whether the shape may change.
    """
    names = chain.joints[1:] if joints is None else joints
    chosen = ([0] if root else []) + [chain.index(name) for name in names]
    columns = [3 * joint + axis for joint in sorted(chosen) for axis in range(3)]
    first = 3 * len(chain.joints)
    if root:
        columns += range(first, first + 3)
    if shape:
        columns += range(first + 3, first + 3 + chain.shapedirs.shape[-1])
    return torch.tensor(columns, dtype=torch.int64)


def spread(problem: Problem, delta: Float[Tensor, "B Q"]) -> Float[Tensor, "B P"]:
    """Put an increment of the active columns into the full order of `pose_jacobian`."""
    width = 3 * len(problem.chain.joints) + 3
    if problem.moves_shape:
        width += problem.chain.shapedirs.shape[-1]
    full = delta.new_zeros(len(delta), width)
    full[:, problem.active] = delta
    return full


# Measurements run over the batch; everything else is common to all problems.
_BATCHED = frozenset({"observed", "weight", "target"})


def _take(cost: _Value, index: Tensor | slice) -> _Value:
    changes: dict[str, Any] = {
        field.name: getattr(cost, field.name)[index]
        for field in fields(cost)
        if field.name in _BATCHED
    }
    return replace(cost, **changes)
