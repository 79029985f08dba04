"""Costs on the parameters of a pose themselves: joints, root and shape, each on its own."""

from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from marey.fit.chain import Pose, log_so3
from marey.fit.costs import right_jacobian_inverse
from marey.fit.kernels import KernelName, robust_cost, robust_weight


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseNormal:
    """J^T J and J^T r of half a cost that couples no two joints; None where it says nothing."""

    joint: Float[Tensor, "B J 3 3"] | None = None
    """By the local increment of each joint."""
    joint_pull: Float[Tensor, "B J 3"] | None = None
    travel: Float[Tensor, "B 3"] | None = None
    """A diagonal, by the root's translation."""
    travel_pull: Float[Tensor, "B 3"] | None = None
    shape: Float[Tensor, "B S S"] | None = None
    shape_pull: Float[Tensor, "B S"] | None = None


class PoseCost(Protocol):
    """What `Problem` asks of a cost on the parameters of a pose."""

    def loss(self, pose: Pose) -> Float[Tensor, "B"]:
        """Cost of each problem."""
        ...

    def normal(self, pose: Pose) -> PoseNormal:
        """Gauss-Newton blocks of half the cost."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseAnchor:
    """A pose near one that was given: a network's estimate, an earlier stage.

    Residuals: log(R_given^T R) / sigma of each joint, under one kernel per joint, and
    (t - t_given) / sigma of the root. The derivative of the logarithm by the local increment is
    the inverse right Jacobian of SO(3).
    """

    target_rotation: Float[Tensor, "B J 3 3"]
    target_translation: Float[Tensor, "B 3"]
    joint_weight: Float[Tensor, "B J"]
    """1 / sigma in 1/rad, 0 where free."""
    root_weight: Float[Tensor, "B"]
    """1 / sigma of the translation in 1/m, 0 where free."""
    width: float = 4.0
    kernel: KernelName = "huber"

    def residual(self, pose: Pose) -> tuple[Float[Tensor, "B J 3"], Float[Tensor, "B 3"]]:
        """Whitened residuals of the joints and of the root's place."""
        turn = log_so3(self.target_rotation.mT @ pose.rotation)
        away = pose.translation - self.target_translation
        return self.joint_weight.unsqueeze(-1) * turn, self.root_weight.unsqueeze(-1) * away

    def loss(self, pose: Pose) -> Float[Tensor, "B"]:
        """Cost of each problem."""
        turn, away = (part.square().sum(-1) for part in self.residual(pose))
        cost = robust_cost(turn, self.width, self.kernel).sum(-1)
        return cost + robust_cost(away, self.width, self.kernel)

    def normal(self, pose: Pose) -> PoseNormal:
        """Return the blocks of the joints and of the translation."""
        turn, away = self.residual(pose)
        robust = robust_weight(turn.square().sum(-1), self.width, self.kernel)
        by_turn = right_jacobian_inverse(log_so3(self.target_rotation.mT @ pose.rotation))
        stiff = (robust * self.joint_weight.square())[..., None, None]
        pull = (robust * self.joint_weight).unsqueeze(-1) * turn
        far = robust_weight(away.square().sum(-1), self.width, self.kernel).unsqueeze(-1)
        root = self.root_weight.unsqueeze(-1)
        return PoseNormal(
            joint=by_turn.mT @ (stiff * by_turn),
            joint_pull=(by_turn.mT @ pull.unsqueeze(-1)).squeeze(-1),
            travel=(far * root.square()).expand(-1, 3),
            travel_pull=far * root * away,
        )
