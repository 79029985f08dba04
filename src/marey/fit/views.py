"""Image points of several calibrated views, pinhole or fisheye, standing still or moving.

The residual of a point in one view is (project(T_cam_world p) - observed) / sigma in px under a
robust kernel. Views only add up: each contributes R^T J^T J R to the point's 3 x 3 matrix,
where J is the derivative of the projection in camera axes and R the camera's rotation, so twenty
cameras cost the body's kinematics nothing more than one. The sum over views is compiled
(`_views_numba`); `plain_pull` is the same in torch.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.core.cameras import CameraModel, Cameras
from marey.core.errors import ShapeError
from marey.fit._views_numba import GEMAN_MCCLURE, HUBER, NONE, views_kernel
from marey.fit.forces import UPPER, Pull
from marey.fit.kernels import KernelName, robust_cost, robust_weight
from marey.geometry.projection import distort_with_derivative
from marey.geometry.rotation import quaternion_to_matrix

_NEAR = 0.1
"""Nearest depth at which a point is projected, m."""
_NUMBERS: dict[KernelName, int] = {
    "none": NONE,
    "huber": HUBER,
    "geman-mcclure": GEMAN_MCCLURE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rays:
    """Calibrated cameras as the fit uses them; M is 1 for cameras that stand still, else B."""

    rotation: Float[Tensor, "M C 3 3"]
    translation: Float[Tensor, "M C 3"]
    K: Float[Tensor, "C 3 3"]
    distortion: Float[Tensor, "C P"]
    model: CameraModel

    def __len__(self) -> int:
        return len(self.rotation)

    def __getitem__(self, index: Tensor | slice) -> "Rays":
        if len(self) == 1:
            return self
        return Rays(
            rotation=self.rotation[index],
            translation=self.translation[index],
            K=self.K,
            distortion=self.distortion,
            model=self.model,
        )


def make_rays(cameras: Cameras, frames: slice | None = None) -> Rays:
    """Lay cameras out for the fit.

    Args:
        cameras: C views.
        frames: Which frames of moving cameras; all if not given.
    """
    pose = torch.from_numpy(np.ascontiguousarray(cameras.T_cam_world, np.float32)).transpose(0, 1)
    if len(pose) > 1 and frames is not None:
        pose = pose[frames]
    return Rays(
        rotation=quaternion_to_matrix(pose[..., :4]),
        translation=pose[..., 4:],
        K=torch.from_numpy(np.asarray(cameras.K, np.float32)),
        distortion=torch.from_numpy(np.asarray(cameras.distortion, np.float32)),
        model=cameras.model,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewReprojection:
    """Image points of C views of the world the body moves in."""

    observed: Float[Tensor, "B C K 2"]
    """px of the full image."""
    weight: Float[Tensor, "B C K"]
    """1 / sigma in 1/px, 0 where a view does not see the point."""
    rays: Rays
    point: Int[Tensor, "K"] | None = None
    """Which points of the chain; all if not given."""
    width: float = 4.0
    kernel: KernelName = "geman-mcclure"

    def residual(self, points: Float[Tensor, "B P 3"]) -> Float[Tensor, "B C K 2"]:
        """Whitened residuals."""
        return self._project(points[:, self._chosen])[0]

    def pull(self, points: Float[Tensor, "B P 3"]) -> Pull:
        """Cost, gradient and Gauss-Newton matrix by every point."""
        if points.device.type != "cpu" or points.requires_grad:
            return self.plain_pull(points)
        rays, own = self.rays, points[:, self._chosen]
        pull = Pull(
            point=self._chosen,
            loss=own.new_empty(len(own)),
            gradient=torch.empty_like(own, memory_format=torch.contiguous_format),
            hessian=own.new_empty(*own.shape[:2], 6),
        )
        views_kernel(
            _array(own),
            _array(self.observed),
            _array(self.weight),
            _array(rays.rotation),
            _array(rays.translation),
            _array(rays.K),
            _array(_pad_lens(rays)),
            rays.model == "fisheye",
            _NEAR,
            _NUMBERS[self.kernel],
            float(self.width),
            pull.loss.numpy(),
            pull.gradient.numpy(),
            pull.hessian.numpy(),
        )
        return pull

    def plain_pull(self, points: Float[Tensor, "B P 3"]) -> Pull:
        """Do what `pull` does, in torch."""
        residual, derivative = self._project(points[:, self._chosen])
        squared = residual.square().sum(-1)
        robust = robust_weight(squared, self.width, self.kernel)
        pushed = robust[..., None] * residual
        gradient = torch.einsum("bckrx,bckr->bkx", derivative, pushed)
        full = torch.einsum("bckrx,bckry->bkxy", robust[..., None, None] * derivative, derivative)
        return Pull(
            point=self._chosen,
            loss=robust_cost(squared, self.width, self.kernel).sum((1, 2)),
            gradient=gradient,
            hessian=torch.stack([full[..., row, column] for row, column in UPPER], -1),
        )

    @property
    def _chosen(self) -> Tensor | slice:
        return slice(None) if self.point is None else self.point

    def _project(
        self, points: Float[Tensor, "B K 3"]
    ) -> tuple[Float[Tensor, "B C K 2"], Float[Tensor, "B C K 2 3"]]:
        """Whitened residuals and their derivatives by the points' world coordinates."""
        rays = self.rays
        seen = points.unsqueeze(1) @ rays.rotation.mT + rays.translation.unsqueeze(2)
        x, y, depth = seen.unbind(-1)
        # A point at or behind the camera has no image; it is held in front to keep the sign, and
        # its depth then does not change its image.
        inverse = 1 / depth.clamp_min(_NEAR)
        plane = torch.stack([x * inverse, y * inverse], -1)
        bent, bend = distort_with_derivative(plane, rays.distortion[:, None], model=rays.model)
        K = rays.K[:, None, :2]
        image = (K[..., :2] @ bent.unsqueeze(-1)).squeeze(-1) + K[..., 2]
        by_depth = -plane * (inverse * (depth > _NEAR)).unsqueeze(-1)
        eye = torch.eye(2, dtype=points.dtype).expand(*plane.shape, 2)
        by_camera = torch.cat([inverse[..., None, None] * eye, by_depth.unsqueeze(-1)], -1)
        weight = self.weight.unsqueeze(-1)
        derivative = K[..., :2] @ bend @ by_camera @ rays.rotation.unsqueeze(2)
        return (image - self.observed) * weight, derivative * weight.unsqueeze(-1)


def _pad_lens(rays: Rays) -> Float[Tensor, "C _"]:
    """Fill a lens's coefficients up with zeros; a pinhole without any keeps none."""
    count, fisheye = rays.distortion.shape[-1], rays.model == "fisheye"
    known = (0, 4) if fisheye else (0, 4, 5, 8)
    if count not in known:
        raise ShapeError(
            f"a {rays.model} camera has {known} distortion coefficients, not {count}; "
            "calibrate without the others"
        )
    wanted = 4 if fisheye else 8 if count else 0
    return torch.nn.functional.pad(rays.distortion, (0, wanted - count))


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy())
