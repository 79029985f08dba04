"""What was seen of one person, laid out as the solver wants it.

Keypoints arrive as numpy arrays in COCO-WholeBody order with NaN for what is missing; costs want
torch tensors in the order of a chain's points, zeros and a weight of zero for what is missing.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from marey.core import Keypoints2D, Keypoints3D
from marey.core.scratch import Scratch, chunks, forget_pages
from marey.fit.chain import Chain
from marey.fit.costs import RelativePoints, Reprojection

_FARTHEST = 5.0
"""A landmark farther than this from its root is none, m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One person's keypoints over L frames, in the order of a chain's K points."""

    image: Float[Tensor, "L K 2"]
    image_weight: Float[Tensor, "L K"]
    """1 / sigma in 1/px; 0 where missing."""
    space: Float[Tensor, "L K 3"]
    """Camera axes, m, up to a translation."""
    space_weight: Float[Tensor, "L K 3"]
    """1 / sigma in 1/m; 0 where missing."""

    def take(self, index: Tensor | slice) -> "Observation":
        """Return some of the frames."""
        return Observation(
            image=self.image[index],
            image_weight=self.image_weight[index],
            space=self.space[index],
            space_weight=self.space_weight[index],
        )

    def reprojection(self, camera: "PinholeView", *, width: float = 4.0) -> Reprojection:
        """Cost of the image points."""
        return Reprojection(
            observed=self.image,
            weight=self.image_weight,
            focal=camera.focal,
            centre=torch.tensor(camera.centre, dtype=self.image.dtype),
            width=width,
        )

    def relative(self, points: list[int], *, width: float = 4.0) -> RelativePoints:
        """Cost of the 3D constellation of some of the points."""
        return RelativePoints(
            point=torch.tensor(points, dtype=torch.int64),
            observed=self.space[:, points],
            weight=self.space_weight[:, points],
            width=width,
        )


@dataclass(frozen=True, slots=True)
class PinholeView:
    """The camera of a monocular fit."""

    focal: float
    """px."""
    centre: tuple[float, float]
    """px; the centre of the first pixel is (0.5, 0.5)."""


def observe(
    chain: Chain,
    keypoints2d: Keypoints2D,
    keypoints3d: Keypoints3D,
    view: PinholeView,
    *,
    space_sigma: tuple[float, float, float],
    scratch: Scratch | None = None,
) -> Observation:
    """Gather the keypoints of one person for a chain, in chunks of frames.

    Args:
        chain: Whose points to gather, by name.
        keypoints2d: Image keypoints, N = 1.
        keypoints3d: Landmarks relative to the person, N = 1, in the axes of a camera that looks
            straight at the person.
        view: The camera.
        space_sigma: Sigma in m across, down and along the view of a landmark seen for certain.
        scratch: Where the arrays of a long span lie.
    """
    scratch = scratch or Scratch()
    shape = (len(keypoints2d.time), len(chain.points))
    whole = Observation(
        image=torch.from_numpy(scratch.empty("image", (*shape, 2), keypoints2d.position.dtype)),
        image_weight=torch.from_numpy(scratch.empty("image_weight", shape)),
        space=torch.from_numpy(scratch.empty("space", (*shape, 3))),
        space_weight=torch.from_numpy(scratch.empty("space_weight", (*shape, 3))),
    )
    sources = (keypoints2d.position, keypoints2d.confidence, keypoints2d.sigma)
    for frames in chunks(shape[0]):
        part = _observe_part(chain, keypoints2d, keypoints3d, view, frames, space_sigma)
        whole.image[frames], whole.image_weight[frames] = part.image, part.image_weight
        whole.space[frames], whole.space_weight[frames] = part.space, part.space_weight
        scratch.release()
        for array in (*sources, keypoints3d.position, keypoints3d.confidence):
            forget_pages(array)
    return whole


def _observe_part(
    chain: Chain,
    keypoints2d: Keypoints2D,
    keypoints3d: Keypoints3D,
    view: PinholeView,
    frames: slice,
    space_sigma: tuple[float, float, float],
) -> Observation:
    columns = [keypoints2d.skeleton.index(name) for name in chain.points]
    image = keypoints2d.position[0, frames][:, columns]
    confidence = keypoints2d.confidence[0, frames][:, columns]
    sigma = None if keypoints2d.sigma is None else keypoints2d.sigma[0, frames][:, columns]
    image_weight = _weights(image, confidence, sigma)
    space = _turn_to_view(_plausible(keypoints3d.position[0, frames][:, columns]), image, view)
    trust = _trust(space, keypoints3d.confidence[0, frames][:, columns])
    space_weight = trust[..., None] / np.array(space_sigma, np.float32)
    return Observation(
        image=torch.from_numpy(np.nan_to_num(image)),
        image_weight=torch.from_numpy(image_weight),
        space=torch.from_numpy(np.nan_to_num(space)),
        space_weight=torch.from_numpy(space_weight.astype(np.float32)),
    )


def _weights(
    position: Float[np.ndarray, "L K 2"],
    confidence: Float[np.ndarray, "L K"],
    sigma: Float[np.ndarray, "L K"] | None,
) -> Float[np.ndarray, "L K"]:
    valid = np.isfinite(position).all(-1) & (confidence > 0)
    believed = np.full_like(confidence, 4.0) if sigma is None else sigma
    valid &= np.isfinite(believed) & (believed > 0)
    return np.where(valid, 1 / np.where(valid, believed, 1.0), 0.0).astype(np.float32)


def _plausible(space: Float[np.ndarray, "L K 3"]) -> Float[np.ndarray, "L K 3"]:
    near = np.all(np.abs(space) < _FARTHEST, axis=-1, keepdims=True)
    return np.where(near, space, np.nan)


def _trust(
    position: Float[np.ndarray, "L K 3"], confidence: Float[np.ndarray, "L K"]
) -> Float[np.ndarray, "L K"]:
    valid = np.isfinite(position).all(-1)
    # A hidden landmark is still the network's guess of a plausible body: weak, but not nothing.
    return np.where(valid & (confidence > 0), np.clip(confidence, 0.25, 1.0), 0.0)


def _turn_to_view(
    space: Float[np.ndarray, "L K 3"], image: Float[np.ndarray, "L K 2"], view: PinholeView
) -> Float[np.ndarray, "L K 3"]:
    """Turn landmarks from a crop's own axes into the camera's.

    The network sees a crop as if the camera looked straight at it. A person off the optical axis is
    seen along a ray; the shortest turn from the axis to that ray carries the one into the other.
    """
    clean = np.where(np.isfinite(image), image, np.nan)
    seen = np.any(np.isfinite(clean), axis=(1, 2))
    # A person of whom nothing is seen is taken to be straight ahead.
    middle = np.tile(np.array(view.centre), (len(image), 1))
    middle[seen] = np.nanmedian(clean[seen], axis=1)
    ray = np.concatenate([(middle - view.centre) / view.focal, np.ones((len(middle), 1))], 1)
    x, y, z = (ray / np.linalg.norm(ray, axis=1, keepdims=True)).T
    # Rotation taking (0, 0, 1) to the ray about their common perpendicular.
    common = 1 / (1 + z)
    rotation = np.stack(
        [
            np.stack([1 - x * x * common, -x * y * common, x], -1),
            np.stack([-x * y * common, 1 - y * y * common, y], -1),
            np.stack([-x, -y, z], -1),
        ],
        -2,
    )
    return (space @ rotation.swapaxes(1, 2)).astype(np.float32)
