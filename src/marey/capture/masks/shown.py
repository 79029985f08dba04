"""The masks of one frame, and which of the people followed each of them shows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from marey.capture.boxes import overlap
from marey.capture.followed import Trail
from marey.capture.masks.people import LEAST, measure_share
from marey.capture.masks.suppress import suppress
from marey.capture.track import Image
from marey.models.protocols import PersonLandmarks

_TAKEN, _COVERED = 0.6, 0.8
"""Overlap with a mask's box from which on a detection is of the person in the mask, and share of it
that all masks' boxes cover."""
_PART, _INSIDE = 0.1, 0.6
"""Overlap with the mask's box that a body found in it needs, and share of the body inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMasks:
    """One frame's masks, and which of them is whose."""

    masks: Bool[np.ndarray, "M H W"]
    box: Float[np.ndarray, "M 4"]
    trails: tuple[Trail | None, ...]
    """The followed person of each mask."""

    def hide(self, image: Image) -> Image:
        """Return the picture without anybody who has a mask."""
        everybody = np.asarray(self.masks.any(0), np.float32)
        return suppress(image, np.zeros_like(everybody), everybody, method="mean")

    def explains(self, box: Float[np.ndarray, "4"]) -> bool:
        """Tell whether a detection is of people who have masks: two who hug are one to it."""
        union, _ = overlap(box[None], self.box)
        x0, y0, x1, y1 = np.concatenate([np.floor(box[:2]), np.ceil(box[2:])]).clip(0).astype(int)
        covered = np.zeros((max(y1 - y0, 1), max(x1 - x0, 1)), bool)
        for left, top, right, bottom in np.nan_to_num(self.box).round().astype(int):
            covered[
                max(top - y0, 0) : max(bottom - y0, 0), max(left - x0, 0) : max(right - x0, 0)
            ] = True
        return bool((union > _TAKEN).any() or covered.mean() > _COVERED)

    def of(self, track: Trail) -> int | None:
        """Return the row of a person's mask."""
        return next((row for row, each in enumerate(self.trails) if each is track), None)

    def fills(self, row: int, result: PersonLandmarks) -> bool:
        """Tell whether a body lies in a mask's box; in a hug, only part of one may be sure."""
        union, smaller = overlap(self.box[row][None], result.box[None])
        return bool(union[0, 0] > _PART and smaller[0, 0] > _INSIDE)

    def holds(self, row: int, result: PersonLandmarks) -> bool:
        """Tell whether enough of a body's points lie in a mask."""
        mask = self.masks[row][None]
        share = measure_share(mask, result.position[None], result.confidence[None])
        return bool(share[0, 0] >= LEAST)
