"""Costs: each one screen, each with its analytic derivatives.

A cost on points turns where the points of B problems are into a `Pull`: the cost, and its gradient
and Gauss-Newton matrix by every point (`forces` says why that is enough). Residuals are divided by
their sigma, so that one means one standard deviation; missing measurements have weight zero; robust
kernels reweight (iteratively reweighted least squares). Every derivative here is compared with
finite differences in float64 by the tests.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.fit.chain import Pose, log_so3
from marey.fit.forces import Pull
from marey.fit.kernels import KernelName, robust_cost, robust_weight
from marey.geometry.rotation import skew

_NEAR = 0.1
"""Nearest depth at which a point is projected, m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprojection:
    """Image points of one pinhole view whose camera is the frame of reference.

    The residual is (project(p) - observed) / sigma in px, under a kernel whose width is `width`
    sigmas: with Geman-McClure's, a keypoint on the wrong person or limb loses its pull.
    """

    observed: Float[Tensor, "B K 2"]
    weight: Float[Tensor, "B K"]
    """1 / sigma in 1/px, 0 where missing."""
    focal: float
    centre: Float[Tensor, "2"]
    width: float = 4.0
    kernel: KernelName = "geman-mcclure"

    def residual(self, points: Float[Tensor, "B K 3"]) -> Float[Tensor, "B K 2"]:
        """Whitened residuals."""
        x, y, z = points.unbind(-1)
        # A point at or behind the camera has no image; it is held in front to keep the sign.
        z = z.clamp_min(_NEAR)
        image = torch.stack([x / z, y / z], -1) * self.focal + self.centre
        return (image - self.observed) * self.weight.unsqueeze(-1)

    def pull(self, points: Float[Tensor, "B K 3"]) -> Pull:
        """Cost, gradient and Gauss-Newton matrix by every point."""
        u, v = self.residual(points).unbind(-1)
        squared = u * u + v * v
        robust = robust_weight(squared, self.width, self.kernel)
        x, y, z = points.unbind(-1)
        inverse = 1 / z.clamp_min(_NEAR)
        scale = self.focal * inverse * self.weight
        # d(u, v)/d(x, y, z) = scale * ((1, 0, -a), (0, 1, -b)). Held at the near limit, a point's
        # depth does not change its image.
        by_depth = inverse * (z > _NEAR)
        a, b = x * by_depth, y * by_depth
        pushed, stiff, none = robust * scale, robust * scale.square(), torch.zeros_like(scale)
        return Pull(
            point=slice(None),
            loss=robust_cost(squared, self.width, self.kernel).sum(-1),
            gradient=torch.stack([pushed * u, pushed * v, -pushed * (a * u + b * v)], -1),
            hessian=torch.stack(
                [stiff, none, -stiff * a, stiff, -stiff * b, stiff * (a * a + b * b)], -1
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativePoints:
    """3D landmarks known up to a translation, in the axes of the fit's frame of reference.

    The translation is a parameter of the problem like any other (`Pose.shift`), estimated with the
    pose under the same robust weights. `weight` is 1 / sigma per coordinate: depth from one view
    deserves less trust than width and height.
    """

    point: Int[Tensor, "A"]
    """Which points of the chain make up the constellation."""
    observed: Float[Tensor, "B A 3"]
    weight: Float[Tensor, "B A 3"]
    """1 / sigma in 1/m, 0 where missing."""
    width: float = 4.0
    kernel: KernelName = "geman-mcclure"

    def first_shift(self, points: Float[Tensor, "B K 3"]) -> Float[Tensor, "B 3"]:
        """Return the weighted mean of what separates points and landmarks; 0 if none is seen."""
        squared = self.weight.square()
        apart = points[:, self.point] - self.observed
        return (squared * apart).sum(1) / squared.sum(1).clamp_min(1e-12)

    def residual(
        self, points: Float[Tensor, "B K 3"], shift: Float[Tensor, "B 3"]
    ) -> Float[Tensor, "B A 3"]:
        """Whitened residuals."""
        return (points[:, self.point] - self.observed - shift.unsqueeze(1)) * self.weight

    def pull(self, points: Float[Tensor, "B K 3"], shift: Float[Tensor, "B 3"]) -> Pull:
        """Cost, gradient and Gauss-Newton matrix by every point."""
        residual = self.residual(points, shift)
        squared = residual.square().sum(-1)
        robust = robust_weight(squared, self.width, self.kernel).unsqueeze(-1)
        stiff, none = robust * self.weight.square(), torch.zeros_like(squared)
        x, y, z = stiff.unbind(-1)
        return Pull(
            point=self.point,
            loss=robust_cost(squared, self.width, self.kernel).sum(-1),
            gradient=robust * self.weight * residual,
            hessian=torch.stack([x, none, none, y, none, z], -1),
            relative=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationPrior:
    """Joint rotations near a mean, per axis, and one-sided limits.

    With r = log(R) in the joint's rest axes the residuals are (r - mean) / sigma and, beyond
    [low, high], the excess divided by `limit_sigma` rad. The derivative of r by the local
    increment is the inverse right Jacobian of SO(3).
    """

    mean: Float[Tensor, "J 3"]
    sigma: Float[Tensor, "J 3"]
    """rad; infinite leaves an axis free."""
    low: Float[Tensor, "J 3"]
    high: Float[Tensor, "J 3"]
    limit_sigma: float = 0.08

    def _residuals(self, pose: Pose) -> tuple[Tensor, Tensor, Tensor]:
        vector = log_so3(pose.rotation)
        excess = (vector - self.high).clamp_min(0) + (vector - self.low).clamp_max(0)
        return vector, (vector - self.mean) / self.sigma, excess / self.limit_sigma

    def loss(self, pose: Pose) -> Float[Tensor, "B"]:
        """Cost of each problem."""
        _, near, excess = self._residuals(pose)
        return near.square().sum((1, 2)) + excess.square().sum((1, 2))

    def normal(self, pose: Pose) -> tuple[Float[Tensor, "B J 3 3"], Float[Tensor, "B J 3"]]:
        """Return the blocks of J^T J and of J^T r: the cost never couples two joints."""
        vector, near, excess = self._residuals(pose)
        by_increment = right_jacobian_inverse(vector)
        beyond = (excess != 0).to(vector.dtype)
        weight = self.sigma.pow(-2) + beyond / self.limit_sigma**2
        pull = near / self.sigma + excess / self.limit_sigma
        transposed = by_increment.transpose(-1, -2)
        hessian = transposed @ (weight.unsqueeze(-1) * by_increment)
        return hessian, (transposed @ pull.unsqueeze(-1)).squeeze(-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointAnchor:
    """Some points held near given places: planted feet, a floor, a pose found earlier."""

    point: Int[Tensor, "A"]
    """Which points of the chain."""
    target: Float[Tensor, "B A 3"]
    weight: Float[Tensor, "B A 3"]
    """1 / sigma in 1/m, 0 where free."""
    width: float = 4.0
    kernel: KernelName = "none"

    def residual(self, points: Float[Tensor, "B K 3"]) -> Float[Tensor, "B A 3"]:
        """Whitened residuals."""
        return (points[:, self.point] - self.target) * self.weight

    def pull(self, points: Float[Tensor, "B K 3"]) -> Pull:
        """Cost, gradient and Gauss-Newton matrix by every point."""
        residual = self.residual(points)
        squared = residual.square().sum(-1)
        robust = robust_weight(squared, self.width, self.kernel).unsqueeze(-1)
        x, y, z = (robust * self.weight.square()).unbind(-1)
        none = torch.zeros_like(x)
        return Pull(
            point=self.point,
            loss=robust_cost(squared, self.width, self.kernel).sum(-1),
            gradient=robust * self.weight * residual,
            hessian=torch.stack([x, none, none, y, none, z], -1),
        )


def right_jacobian_inverse(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Inverse right Jacobian of SO(3): d log(R exp(d)) / dd at d = 0.

    J_r^-1(v) = I + [v]x / 2 + (1/|v|^2 - (1 + cos|v|) / (2 |v| sin|v|)) [v]x^2 (Chirikjian).
    """
    angle2 = vector.square().sum(-1)
    angle = angle2.clamp_min(1e-12).sqrt()
    half = 0.5 * angle
    # (1 + cos a) / sin a = 1 / tan(a / 2); near zero the bracket tends to 1/12.
    exact = (1 - half / torch.tan(half)) / angle2.clamp_min(1e-12)
    factor = torch.where(angle2 > 1e-4, exact, 1 / 12 + angle2 / 720)
    cross = skew(vector)
    eye = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return eye + 0.5 * cross + factor[..., None, None] * (cross @ cross)
