"""Crops of labelled people for SegPose2D: picture, mask, and the heat maps that it should give.

Every crop is drawn from the seed and the number of the step alone. Augmentation is ViTPose's: a
mirrored picture half of the time, the window turned by up to 40 degrees and scaled by 0.5 to 1.5.
The mask is the person's own; in a tenth of the crops it is left out (zeros and a flag), so that the
network can do without, and in some it is swollen or shrunk, since predicted masks are not exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from marey.core import load_skeleton
from marey.datasets.coco_instances import Instance
from marey.io.images import read_image
from marey.models.segpose.config import SegPoseConfig
from marey.models.segpose.preprocess import cut_mask, cut_picture, fit_window, warp_matrix

SIGMA = 2.0
"""Of the Gaussian in a heat map, cells."""
_MIRROR = list(load_skeleton("coco-17").mirror)


@dataclass(frozen=True, slots=True, kw_only=True)
class CropOptions:
    """How crops are drawn."""

    batch: int = 64
    mirror: float = 0.5
    turn: float = np.radians(40)
    """Standard deviation is half of it; turns are cut off there. rad"""
    turned: float = 0.6
    """Share of crops that are turned."""
    scale: tuple[float, float] = (0.5, 1.5)
    without_mask: float = 0.1
    swell: float = 0.02
    """Most that a mask is swollen or shrunk, of the person's longer side."""


PLAIN = CropOptions(mirror=0, turned=0, scale=(1, 1), without_mask=0, swell=0)
"""No augmentation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropBatch:
    """B crops and what they should give."""

    picture: Float[Tensor, "B 3 H W"]
    mask: Float[Tensor, "B 1 H W"] | None
    """None if this whole batch goes without."""
    heatmaps: Float[Tensor, "B K h w"]
    weight: Float[Tensor, "B K"]
    """0 where a point is not labelled or outside of the crop."""


@dataclass(frozen=True, kw_only=True)
class PoseCrops:
    """Draws batches of crops of labelled people."""

    people: Sequence[Instance]
    network: SegPoseConfig
    options: CropOptions = field(default_factory=CropOptions)

    def draw(self, seed: int, step: int) -> CropBatch:
        """Return the batch of a step."""
        rng = np.random.default_rng((seed, step))
        rows = rng.integers(0, len(self.people), self.options.batch)
        crops = [self.cut(self.people[row], rng) for row in rows]
        pictures, masks, heatmaps, weights = (
            torch.from_numpy(np.stack(part)) for part in zip(*crops, strict=True)
        )
        bare = rng.random() < self.options.without_mask
        return CropBatch(
            picture=pictures, mask=None if bare else masks, heatmaps=heatmaps, weight=weights
        )

    def cut(
        self, person: Instance, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return picture, mask, heat maps and weights of one person."""
        options, size = self.options, self.network.size
        image, mask = read_image(person.image), person.mask().astype(np.uint8)
        mask = _swell(mask, person.box, options.swell * rng.uniform(-1, 1))
        center, extent = fit_window(person.box, size)
        angle = 0.0
        if rng.random() < options.turned:
            angle = float(np.clip(rng.normal(0, options.turn / 2), -options.turn, options.turn))
        extent = extent * rng.uniform(*options.scale)
        matrix = warp_matrix(center, extent, size, angle=angle)
        small = warp_matrix(center, extent, self.network.heatmap_size, angle=angle)
        picture = cut_picture(image, matrix, size)
        window = cut_mask(mask.astype(np.float32), matrix, size)
        cells = (person.position - 0.5) @ small[:, :2].T + small[:, 2]
        if rng.random() < options.mirror:
            picture, window = picture[..., ::-1].copy(), window[..., ::-1].copy()
            cells = cells[_MIRROR]
            cells[:, 0] = self.network.heatmap_size[0] - 1 - cells[:, 0]
        heatmaps, weight = draw_heatmaps(cells, self.network.heatmap_size)
        return picture, window, heatmaps, weight


def draw_heatmaps(
    cells: Float[np.ndarray, "K 2"], size: tuple[int, int]
) -> tuple[Float32[np.ndarray, "K h w"], Float32[np.ndarray, "K"]]:
    """Return a Gaussian for each point, with its peak exactly there, and which points count.

    Args:
        cells: Column and row, between cells; NaN where missing.
        size: Columns and rows.
    """
    columns, rows = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    inside = np.all((cells > -0.5) & (cells < np.array(size) - 0.5), axis=-1)
    place = np.where(inside[:, None], cells, 0.0)
    away = (columns - place[:, 0, None, None]) ** 2 + (rows - place[:, 1, None, None]) ** 2
    heatmaps = np.exp(-away / (2 * SIGMA**2)) * inside[:, None, None]
    return heatmaps.astype(np.float32), inside.astype(np.float32)


def _swell(mask: np.ndarray, box: Float[np.ndarray, "4"], share: float) -> np.ndarray:
    radius = round(abs(share) * float(np.max(box[2:] - box[:2])))
    if radius < 1:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask, kernel) if share > 0 else cv2.erode(mask, kernel)
