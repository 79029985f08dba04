"""B least-squares problems that share a chain: costs in, normal equations and steps out."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.fit.chain import Chain, Placed, Pose, exp_so3
from marey.fit.contact.hold import PointHold
from marey.fit.contact.penetration import SelfPenetration
from marey.fit.costs import PointAnchor, RelativePoints, Reprojection, RotationPrior
from marey.fit.forces import Forces, add_up
from marey.fit.ground import Floor, FootContact
from marey.fit.learned_prior import LearnedPrior
from marey.fit.limb_costs import LimbLength, LimbShape, LimbSymmetry
from marey.fit.pose_costs import PoseAnchor, PoseNormal
from marey.fit.tree import Layout, Rows, accumulate, expand, make_layout, place_fast, solve_rows
from marey.fit.views import ViewReprojection

JointPrior = RotationPrior | LearnedPrior
PointCost = (
    Reprojection
    | ViewReprojection
    | RelativePoints
    | PointAnchor
    | PointHold
    | FootContact
    | Floor
    | LimbLength
    | LimbSymmetry
    | SelfPenetration
)
PoseCost = PoseAnchor | LimbShape

_Value = TypeVar("_Value", bound=PointCost | PoseCost)
SHIFT_DAMPING = 1e-6
"""Keeps the shift of a group without measurements at zero."""


@dataclass(frozen=True, slots=True)
class State:
    """B problems at a pose: where everything is, and what the costs say of it."""

    pose: Pose
    placed: Placed
    forces: Forces
    loss: Float[Tensor, "B"]
    """Robust cost of each problem, priors included."""

    def take(self, index: Tensor) -> "State":
        """Return some of the problems."""
        placed = Placed(
            self.placed.rotation[index], self.placed.joints[index], self.placed.points[index]
        )
        return State(self.pose[index], placed, self.forces.take(index), self.loss[index])


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """Normal equations over the active columns, and how the shifts depend on them."""

    hessian: Float[Tensor, "B Q Q"]
    gradient: Float[Tensor, "B Q"]
    share: Float[Tensor, "B Q X"]
    rest: Float[Tensor, "B X"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a pose should satisfy, and which of its parameters may move.

    Columns are numbered as in `pose_jacobian`: 3 per joint, root first, then 3 for the root
    translation, then S for the shape.
    """

    chain: Chain
    costs: tuple[PointCost, ...]
    prior: JointPrior
    pose_costs: tuple[PoseCost, ...] = ()
    """Further costs on the parameters themselves."""
    shape_sigma: float = 1.0
    active: Int[Tensor, "Q"]
    """The columns that may move, as `pose_columns` numbers them: all three of a joint or none."""

    @property
    def moves_shape(self) -> bool:
        """Whether shape parameters are among the active ones."""
        return bool((self.active >= 3 * len(self.chain.joints) + 3).any())

    @cached_property
    def layout(self) -> Layout:
        """The columns and which of them meet."""
        num_turns = 3 * len(self.chain.joints)
        turning = self.active[self.active < num_turns]
        return make_layout(
            self.chain,
            joints=tuple((turning[::3] // 3).tolist()),
            travels=bool(((self.active >= num_turns) & (self.active < num_turns + 3)).any()),
            moves_shape=self.moves_shape,
            num_groups=len(self._relative),
        )

    def take(self, index: Tensor | slice) -> "Problem":
        """Return the problems selected along the batch axis."""
        part = replace(
            self,
            costs=tuple(_take(cost, index) for cost in self.costs),
            pose_costs=tuple(_take(cost, index) for cost in self.pose_costs),
        )
        # The columns are the same; working them out once is enough.
        part.__dict__["layout"] = self.layout
        return part

    def evaluate(self, pose: Pose) -> State:
        """Place the bodies and ask every cost; shifts that are not known yet are estimated."""
        placed = place_fast(self.chain, pose)
        points, relative = placed.points, self._relative
        if pose.shift is None or pose.shift.shape[1] != len(relative):
            first = [cost.first_shift(points) for cost in relative]
            shift = torch.stack(first, 1) if first else points.new_zeros(len(points), 0, 3)
            pose = replace(pose, shift=shift)
        assert pose.shift is not None
        pulls = [cost.pull(points) for cost in self.costs if not isinstance(cost, RelativePoints)]
        pulls += [
            cost.pull(points, shift)
            for cost, shift in zip(relative, pose.shift.unbind(1), strict=True)
        ]
        forces = add_up(pulls, points)
        # A bounded kernel hides an infinite residual from the cost, but not from the gradient.
        known = torch.isfinite(forces.gradient.sum((1, 2)) + forces.hessian.sum((1, 2)))
        loss = torch.where(known, forces.loss, torch.nan) + self.prior.loss(pose)
        for cost in self.pose_costs:
            loss = loss + cost.loss(pose)
        loss = loss + (pose.shape / self.shape_sigma).square().sum(-1)
        return State(pose, placed, forces, loss)

    def loss(self, pose: Pose) -> Float[Tensor, "B"]:
        """Robust cost of each problem."""
        return self.evaluate(pose).loss

    def rows(self, state: State) -> Rows:
        """Return the Gauss-Newton equations of half the cost, robust kernels as weights."""
        layout, pose = self.layout, state.pose
        normal = accumulate(layout, state.placed, state.forces)
        blocks, pulls = self.prior.normal(pose)
        _add_pose_normal(layout, normal, PoseNormal(joint=blocks, joint_pull=pulls))
        for cost in self.pose_costs:
            _add_pose_normal(layout, normal, cost.normal(pose))
        if layout.num_shape:
            shape = slice(0, layout.num_shape)
            normal.rows[:, layout.diagonal[shape]] += self.shape_sigma**-2
            normal.right[:, shape] += (pose.shape / self.shape_sigma**2).numpy()
        return normal

    def solve(
        self, normal: Rows, damping: Float[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B n"], Bool[Tensor, "B"]]:
        """Return the damped step of every column of the layout, and which problems were sound."""
        diagonal = np.repeat(damping.numpy()[:, None], self.layout.num_columns, 1)
        diagonal = np.maximum(diagonal, SHIFT_DAMPING)
        diagonal[:, self.layout.shifts] = SHIFT_DAMPING
        delta, sound = solve_rows(self.layout, normal, diagonal)
        return torch.from_numpy(delta), torch.from_numpy(sound)

    def dense(self, state: State) -> "Dense":
        """Return the equations as full matrices over the active columns, shifts eliminated."""
        normal = self.rows(state)
        full, right = torch.from_numpy(expand(self.layout, normal)), torch.from_numpy(normal.right)
        order, shifts = self._order, self.layout.shifts
        # Groups share no points and axes do not mix, so the shifts do not meet each other.
        stiffness = full[:, shifts, shifts].diagonal(dim1=1, dim2=2) + SHIFT_DAMPING
        border = full[:, order, shifts]
        share = border / stiffness.unsqueeze(1)
        return Dense(
            hessian=full[:, order][:, :, order] - share @ border.mT,
            gradient=right[:, order] - (share @ right[:, shifts, None]).squeeze(-1),
            share=share,
            rest=right[:, shifts] / stiffness,
        )

    def step(self, pose: Pose, delta: Float[Tensor, "B n"]) -> Pose:
        """Apply a step of the layout's columns."""
        layout = self.layout
        turn = delta.new_zeros(len(delta), len(self.chain.joints), 3)
        first = layout.travel.stop
        turn[:, list(layout.joints)] = delta[:, first:].unflatten(1, (len(layout.joints), 3))
        rotation, translation, shape = pose.rotation @ exp_so3(turn), pose.translation, pose.shape
        if layout.travels:
            translation = translation + delta[:, layout.travel]
        if layout.num_shape:
            shape = shape + delta[:, : layout.num_shape]
        shift = pose.shift
        if shift is not None and shift.shape[1]:
            shift = shift + delta[:, layout.shifts].unflatten(1, (-1, 3))
        return Pose(rotation, translation, shape, shift)

    def step_active(self, pose: Pose, dense: "Dense", delta: Float[Tensor, "B Q"]) -> Pose:
        """Apply a step of the active columns; the shifts follow."""
        full = delta.new_zeros(len(delta), self.layout.num_columns)
        full[:, self._order] = delta
        full[:, self.layout.shifts] = -dense.rest - (dense.share.mT @ delta[..., None]).squeeze(-1)
        return self.step(pose, full)

    @property
    def _relative(self) -> list[RelativePoints]:
        return [cost for cost in self.costs if isinstance(cost, RelativePoints)]

    @cached_property
    def _order(self) -> Int[np.ndarray, "Q"]:
        """The layout's column of each active column."""
        layout, num_turns = self.layout, 3 * len(self.chain.joints)
        travel, order = layout.travel.start, []
        for column in self.active.tolist():
            if column < num_turns:
                order.append(layout.column[column // 3] + column % 3)
            elif column < num_turns + 3:
                order.append(travel + column - num_turns)
            else:
                order.append(column - num_turns - 3)
        return np.array(order, np.int64)


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


# Measurements run over the batch; everything else is common to all problems.
_BATCHED = frozenset(
    {
        *("observed", "weight", "target", "rays", "rest", "length"),
        *("target_rotation", "target_translation", "joint_weight", "root_weight"),
    }
)


def _take(cost: _Value, index: Tensor | slice) -> _Value:
    changes: dict[str, Any] = {
        field.name: getattr(cost, field.name)[index]
        for field in fields(cost)
        if field.name in _BATCHED and getattr(cost, field.name) is not None
    }
    return replace(cost, **changes)


def _add_pose_normal(layout: Layout, normal: Rows, part: PoseNormal) -> None:
    """Add what a cost on the parameters says to the rows of their columns."""
    if part.joint is not None and part.joint_pull is not None:
        blocks, pulls = part.joint.numpy(), part.joint_pull.numpy()
        for joint in layout.joints:
            _add_block(layout, normal, int(layout.column[joint]), blocks[:, joint])
            normal.right[:, layout.column[joint] : layout.column[joint] + 3] += pulls[:, joint]
    if layout.travels and part.travel is not None and part.travel_pull is not None:
        normal.rows[:, layout.diagonal[layout.travel]] += part.travel.numpy()
        normal.right[:, layout.travel] += part.travel_pull.numpy()
    if layout.num_shape and part.shape is not None and part.shape_pull is not None:
        _add_block(layout, normal, 0, part.shape.numpy())
        normal.right[:, : layout.num_shape] += part.shape_pull.numpy()


def _add_block(layout: Layout, normal: Rows, first: int, block: Float[np.ndarray, "B n n"]) -> None:
    """Add a symmetric block of neighbouring columns; their rows end side by side."""
    for axis in range(block.shape[1]):
        last = int(layout.diagonal[first + axis])
        normal.rows[:, last - axis : last + 1] += block[:, axis, : axis + 1]
