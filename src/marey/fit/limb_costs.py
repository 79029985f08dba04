"""Limbs keep their length, and left ones are as long as right ones: costs on points and on shapes.

The lengths of points in space (triangulated joints, B frames of one person) are the first three
steps of a skeleton's refinement as Harmony4D describes it (supplement, equations 1-4): `LimbLength`
without a given length is its constant limb length, `LimbSymmetry` its symmetry; `PointAnchor` to
the first points is its regularisation. Its sums of plain norms are Huber's kernel of small width.

A body's limbs are as long as its shape says in every pose, and left and right agree because shapes
do; `LimbShape` brings a shape to measured lengths (stage 2 of its mesh fit).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.fit.chain import Chain, Pose
from marey.fit.common_values import common_values
from marey.fit.forces import Pull
from marey.fit.kernels import KernelName, robust_cost, robust_weight
from marey.fit.point_rows import PointRows, every_problem
from marey.fit.pose_costs import PoseNormal

_SHORTEST_M = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class LimbLength:
    """The distance of two points, near a given length or near one that all B frames share.

    The residual is (|p_b - p_a| - length) / sigma; a length that is not given is the robust mean
    over the frames (`common_values`).
    """

    limb: Int[Tensor, "L 2"]
    """The points at a limb's ends."""
    length: Float[Tensor, "B L"] | None
    """m; None: unknown and common to the B frames."""
    weight: Float[Tensor, "B L"]
    """1 / sigma in 1/m, 0 where an end is missing."""
    width: float = 4.0
    kernel: KernelName = "huber"

    def rows(self, points: Float[Tensor, "B K 3"]) -> PointRows:
        """Whitened residuals with their derivatives."""
        length, along = limb_lengths(points, self.limb)
        target = self._common(length) if self.length is None else self.length
        slope = self.weight[..., None, None] * torch.stack([-along, along], 2)
        return every_problem(self.weight * (length - target), slope, self.limb)

    def pull(self, points: Float[Tensor, "B K 3"]) -> Pull:
        """Cost, gradient and a bound on the Gauss-Newton matrix by every point."""
        rows = self.rows(points)
        return rows.pull(*points.shape[:2], kernel=self.kernel, width=self.width)

    def _common(self, length: Float[Tensor, "B L"]) -> Float[Tensor, "1 L"]:
        num_frames, num_limbs = length.shape
        group = torch.arange(num_limbs, device=length.device).repeat(num_frames)
        values, weight = length.reshape(-1, 1), self.weight.flatten()
        common = common_values(
            values, weight, group, num_limbs, kernel=self.kernel, width=self.width
        )
        return common.view(1, num_limbs)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimbSymmetry:
    """Two limbs of equal length: the residual is (|left| - |right|) / sigma."""

    left: Int[Tensor, "L 2"]
    right: Int[Tensor, "L 2"]
    weight: Float[Tensor, "B L"]
    """1 / sigma in 1/m, 0 where an end is missing."""
    width: float = 4.0
    kernel: KernelName = "huber"

    def rows(self, points: Float[Tensor, "B K 3"]) -> PointRows:
        """Whitened residuals with their derivatives."""
        (left, along_left), (right, along_right) = (
            limb_lengths(points, limb) for limb in (self.left, self.right)
        )
        slope = torch.stack([-along_left, along_left, along_right, -along_right], 2)
        point = torch.cat([self.left, self.right], 1)
        return every_problem(
            self.weight * (left - right), self.weight[..., None, None] * slope, point
        )

    def pull(self, points: Float[Tensor, "B K 3"]) -> Pull:
        """Cost, gradient and a bound on the Gauss-Newton matrix by every point."""
        rows = self.rows(points)
        return rows.pull(*points.shape[:2], kernel=self.kernel, width=self.width)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimbShape:
    """A body's shape near measured limb lengths.

    The residual is (|offset + directions beta| - length) / sigma, where offset and directions are
    those of a bone of the chain, from a joint's parent to the joint.
    """

    offset: Float[Tensor, "L 3"]
    directions: Float[Tensor, "L 3 S"]
    length: Float[Tensor, "B L"]
    """m"""
    weight: Float[Tensor, "B L"]
    """1 / sigma in 1/m, 0 where not measured."""
    width: float = 4.0
    kernel: KernelName = "huber"

    def residual(self, pose: Pose) -> Float[Tensor, "B L"]:
        """Whitened residuals."""
        return self.weight * (self._bones(pose).norm(dim=-1) - self.length)

    def loss(self, pose: Pose) -> Float[Tensor, "B"]:
        """Cost of each problem."""
        return robust_cost(self.residual(pose).square(), self.width, self.kernel).sum(-1)

    def normal(self, pose: Pose) -> PoseNormal:
        """Return the block of the shape."""
        bone = self._bones(pose)
        along = bone / bone.norm(dim=-1, keepdim=True).clamp_min(_SHORTEST_M)
        slope = self.weight.unsqueeze(-1) * torch.einsum("blc,lcs->bls", along, self.directions)
        residual = self.residual(pose)
        robust = robust_weight(residual.square(), self.width, self.kernel)
        return PoseNormal(
            shape=torch.einsum("bl,bls,blt->bst", robust, slope, slope),
            shape_pull=torch.einsum("bl,bls->bs", robust * residual, slope),
        )

    def _bones(self, pose: Pose) -> Float[Tensor, "B L 3"]:
        return self.offset + torch.einsum("lcs,bs->blc", self.directions, pose.shape)


def make_limb_shape(
    chain: Chain,
    joints: tuple[str, ...],
    length: Float[Tensor, "B L"],
    weight: Float[Tensor, "B L"],
    *,
    width: float = 4.0,
    kernel: KernelName = "huber",
) -> LimbShape:
    """Compare a chain's bones with measured lengths.

    Args:
        chain: The chain.
        joints: The lower joint of each limb; the limb reaches up to its parent.
        length: Measured lengths, m.
        weight: 1 / sigma in 1/m, 0 where not measured.
        width: Of the kernel.
        kernel: The kernel.
    """
    lower = [chain.index(name) for name in joints]
    upper = [chain.parents[row] for row in lower]
    return LimbShape(
        offset=chain.template[lower] - chain.template[upper],
        directions=chain.shapedirs[lower] - chain.shapedirs[upper],
        length=length,
        weight=weight,
        width=width,
        kernel=kernel,
    )


def limb_lengths(
    points: Float[Tensor, "B K 3"], limb: Int[Tensor, "L 2"]
) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L 3"]]:
    """Return lengths, m, and unit vectors from a limb's first end to its second.

    The unit vector is the derivative of the length by the second end, and minus that by the first;
    a limb without length has none.
    """
    apart = points[:, limb[:, 1]] - points[:, limb[:, 0]]
    length = apart.norm(dim=-1)
    return length, apart / length.unsqueeze(-1).clamp_min(_SHORTEST_M)
