"""Random triangulation problems with known points."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from marey.geometry.rotation import quaternion_to_matrix
from marey.synthetic import make_cameras


@dataclass(frozen=True, slots=True, kw_only=True)
class RayProblem:
    """P points seen by C cameras of a ring."""

    extrinsics: Float[np.ndarray, "C 1 3 4"]
    points: Float[np.ndarray, "P 3"]
    rays: Float[np.ndarray, "C P 2"]
    confidence: Float[np.ndarray, "C P"]


def make_problem(
    num_views: int,
    num_points: int,
    rng: np.random.Generator,
    *,
    noise: float = 0.002,
    outliers: float = 0.12,
    outlier_sizes: tuple[float, ...] = (0.02, 0.05, 0.2),
) -> RayProblem:
    """Draw points near the middle of a ring, noisy rays to them, and some that go elsewhere."""
    extrinsics = ring_extrinsics(num_views)
    points = 0.5 * rng.normal(size=(num_points, 3)) + [0.0, 0.0, 0.9]
    rays = project(extrinsics[:, 0], points) + noise * rng.normal(size=(num_views, num_points, 2))
    wrong = rng.random((num_views, num_points)) < outliers
    size = rng.choice(outlier_sizes, (num_views, num_points, 1))
    rays += np.where(wrong[..., None], size * rng.normal(size=rays.shape), 0.0)
    return RayProblem(
        extrinsics=extrinsics,
        points=points,
        rays=rays,
        confidence=rng.uniform(0.3, 1.0, (num_views, num_points)),
    )


def ring_extrinsics(num_views: int) -> Float[np.ndarray, "C 1 3 4"]:
    """Return the extrinsics of `make_cameras`."""
    pose = torch.as_tensor(make_cameras(num_views).T_cam_world)
    rotation = quaternion_to_matrix(pose[..., :4]).numpy()
    return np.concatenate([rotation, pose[..., 4:, None].numpy()], -1)


def project(
    extrinsics: Float[np.ndarray, "C 3 4"], points: Float[np.ndarray, "P 3"]
) -> Float[np.ndarray, "C P 2"]:
    """Project onto the plane z = 1."""
    seen = points @ np.swapaxes(extrinsics[..., :3], -1, -2) + extrinsics[:, None, :, 3]
    return seen[..., :2] / seen[..., 2:]
