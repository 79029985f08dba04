"""Keypoints of calibrated views as costs on the points of any chain, found by name."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.core import Cameras, Keypoints2D
from marey.core.scratch import chunks
from marey.fit.chain import Chain
from marey.fit.parts import Part
from marey.fit.views import ViewReprojection, make_rays

_SIGMA_PX = 4.0
"""Standard deviation of a keypoint that says nothing of its own."""


@dataclass(frozen=True, slots=True)
class PointCosts:
    """Makes the measurements of some frames of one person, by a chain's points."""

    views: "SeenPoints"
    person: int
    columns: list[int]

    def __call__(self, frames: Tensor | slice) -> tuple[ViewReprojection]:
        """Return the cost of their image points."""
        observed, weight = self.views.gather(self.person, self.columns, frames)
        return (ViewReprojection(observed=observed, weight=weight, rays=self.views.rays[frames]),)


class SeenPoints:
    """Keypoints of calibrated views, laid out as the solver wants them."""

    def __init__(self, keypoints: Keypoints2D, cameras: Cameras):
        self.keypoints, self.rays = keypoints, make_rays(cameras)
        lead = keypoints.position.ndim == 5
        self.position = keypoints.position if lead else keypoints.position[None]
        confidence = keypoints.confidence if lead else keypoints.confidence[None]
        sigma = np.full_like(confidence, _SIGMA_PX)
        if keypoints.sigma is not None:
            sigma = keypoints.sigma if lead else keypoints.sigma[None]
        known = np.isfinite(self.position).all(-1) & (confidence > 0)
        known &= np.isfinite(sigma) & (sigma > 0)
        self.weight = np.where(known, 1 / np.where(known, sigma, 1.0), 0.0).astype(np.float32)

    def of(self, person: int, chain: Chain) -> PointCosts:
        """Return what measures a person's points, in the order of a chain's."""
        names = self.keypoints.skeleton.keypoints
        return PointCosts(
            self, person, [names.index(n) if n in names else -1 for n in chain.points]
        )

    def judge(self, person: int, part: Part) -> Bool[np.ndarray, "T"]:
        """Tell where enough of a part's points are seen in some view."""
        columns = self.of(person, part.chain).columns
        parts = chunks(self.weight.shape[2])
        judged = [part.judge(self.gather(person, columns, f)[1].amax(1)) for f in parts]
        return np.concatenate([np.zeros(0, bool), *judged])

    def gather(
        self, person: int, columns: list[int], frames: Tensor | slice
    ) -> tuple[Float[Tensor, "B C K 2"], Float[Tensor, "B C K"]]:
        """Return positions (px) and weights (1/px, 0 where missing) of some columns and frames.

        A column of -1 is a point that the keypoints do not have.
        """
        rows = frames if isinstance(frames, slice) else frames.numpy()
        position = self.position[:, person][:, rows][:, :, columns]
        weight = self.weight[:, person][:, rows][:, :, columns]
        weight = np.where(np.array(columns) < 0, np.float32(0), weight)
        seen = np.where(weight[..., None] > 0, position, 0.0).astype(np.float32)
        return torch.from_numpy(seen).transpose(0, 1), torch.from_numpy(weight).transpose(0, 1)
