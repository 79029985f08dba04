"""What several views say of one person, laid out as the solver wants it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.core import Cameras, Skeleton
from marey.fit.chain import Chain
from marey.fit.costs import PointAnchor
from marey.fit.views import Rays, ViewReprojection, make_rays

_MIN_POINT_SIGMA_M, _FILLED_SIGMA_M = 0.005, 0.05
_MIN_PIXEL_SIGMA = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewsOfPerson:
    """What is known of one person over T frames."""

    skeleton: Skeleton
    time: Float[np.ndarray, "T"]
    points: Float[np.ndarray, "T K 3"]
    """Triangulated and refined, m; NaN where missing."""
    point_sigma: Float[np.ndarray, "T K"]
    """m; NaN where a point was filled in."""
    image: Float[np.ndarray, "C T K 2"]
    """px; NaN where missing."""
    image_sigma: Float[np.ndarray, "C T K"]
    """px"""
    counts: Bool[np.ndarray, "C T K"]
    """Image points that are believed."""


@dataclass(frozen=True, slots=True)
class ViewData:
    """Measurements in the order of a chain's points."""

    rays: Rays
    image: Float[Tensor, "T C K 2"]
    image_weight: Float[Tensor, "T C K"]
    points: Float[Tensor, "T K 3"]
    """NaN where missing."""
    point_weight: Float[Tensor, "T K"]

    def costs(self, frames: Tensor | slice) -> tuple[ViewReprojection, PointAnchor]:
        """Return what some frames should satisfy."""
        num_points = self.points.shape[1]
        return (
            ViewReprojection(
                observed=self.image[frames],
                weight=self.image_weight[frames],
                rays=self.rays[frames],
            ),
            PointAnchor(
                point=torch.arange(num_points),
                target=torch.nan_to_num(self.points[frames]),
                weight=self.point_weight[frames].unsqueeze(-1).expand(-1, -1, 3),
                kernel="geman-mcclure",
            ),
        )


def lay_out(chain: Chain, person: ViewsOfPerson, cameras: Cameras) -> ViewData:
    """Bring a person's measurements into the order of a chain's points.

    Points that are no keypoints are missing everywhere.
    """
    names = person.skeleton.keypoints
    columns = [names.index(name) if name in names else 0 for name in chain.points]
    measured = np.array([name in names for name in chain.points])
    image = np.moveaxis(person.image[:, :, columns], 0, 1)
    sigma = np.moveaxis(person.image_sigma[:, :, columns], 0, 1)
    counts = np.moveaxis(person.counts[:, :, columns], 0, 1) & np.isfinite(image).all(-1) & measured
    weight = np.where(counts, 1 / np.maximum(np.nan_to_num(sigma, nan=np.inf), _MIN_PIXEL_SIGMA), 0)
    points = np.where(measured[:, None], person.points[:, columns], np.nan)
    spread = person.point_sigma[:, columns]
    known = np.isfinite(points).all(-1)
    # Image points say it better where there are any; the point stands in for them elsewhere.
    believed = np.maximum(np.nan_to_num(spread, nan=_FILLED_SIGMA_M), _MIN_POINT_SIGMA_M)
    return ViewData(
        rays=make_rays(cameras),
        image=torch.from_numpy(np.nan_to_num(image).astype(np.float32)),
        image_weight=torch.from_numpy(weight.astype(np.float32)),
        points=torch.from_numpy(points.astype(np.float32)),
        point_weight=torch.from_numpy(np.where(known, 1 / believed, 0.0).astype(np.float32)),
    )
