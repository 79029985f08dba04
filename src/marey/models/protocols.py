"""What a person detector and a landmark estimator look like to the rest of marey.

Two ways of estimating fit the one protocol. A top-down network looks at a person box and forgets:
its `state` is None. A following network derives its next crop from its last result: the result
carries that crop as an opaque `state`, and the caller hands the whole result back as `previous`.
Images are RGB, uint8, H W 3. The centre of the first pixel is (0.5, 0.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, UInt8

from marey.core.skeleton import Skeleton


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonBoxes:
    """The D people found in one image, best first."""

    box: Float[np.ndarray, "D 4"]
    """x0 y0 x1 y1 in px of the full image."""
    confidence: Float[np.ndarray, "D"]

    def __len__(self) -> int:
        return len(self.box)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLandmarks:
    """The landmarks of one person in one image, in the estimator's skeleton."""

    position: Float[np.ndarray, "K 2"]
    """px of the full image; NaN where the network has no such point."""
    confidence: Float[np.ndarray, "K"]
    sigma: Float[np.ndarray, "K"]
    """Believed standard deviation in px; NaN where the position is."""
    world: Float[np.ndarray, "K 3"]
    """m in camera axes; body points from the mid hip, hand points from their own wrist; or NaN."""
    score: float
    """Probability that there is a person where the network looked."""
    box: Float[np.ndarray, "4"]
    """Tight box around the confident points, x0 y0 x1 y1 in px; NaN if there are none."""
    state: object = None
    """What a following estimator needs for the next frame; opaque to the caller."""


@runtime_checkable
class PersonDetector(Protocol):
    """Finds people in images."""

    def detect(self, images: Sequence[UInt8[np.ndarray, "H W 3"]]) -> list[PersonBoxes]:
        """Return the people of each image."""
        ...


@runtime_checkable
class LandmarkEstimator(Protocol):
    """Finds the landmarks of one person in one image, in two steps.

    Following a person needs the first step alone, so the second of one frame can run beside the
    first of the next: two cores are busy even with one person.
    """

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of every result."""
        ...

    def locate(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        """Find the person in `box`, or the one followed since `previous`: all that following needs.

        Args:
            image: The frame.
            box: Where a detector or tracker sees the person; may be None if `previous` is given.
            previous: This estimator's result for the same person in the frame before. A following
                estimator then looks where that result points and falls back to `box` when it finds
                nobody there; a top-down estimator ignores it unless `box` is None.
        """
        ...

    def complete(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        located: PersonLandmarks,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        """Add what following can do without, such as hands; may run beside the next `locate`.

        Args:
            image: The frame.
            located: What `locate` returned for it.
            previous: The completed result of the frame before, if there is one.
        """
        ...


@runtime_checkable
class MaskedEstimator(LandmarkEstimator, Protocol):
    """Finds the landmarks of the person whom a mask points out among others in the box."""

    def locate_masked(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None,
        mask: Float32[np.ndarray, "H W"] | None,
    ) -> PersonLandmarks:
        """Do what `locate` does for the person whom a mask (0 to 1) of the image shows."""
        ...


def takes_masks(estimator: LandmarkEstimator) -> TypeGuard[MaskedEstimator]:
    """Tell whether an estimator takes masks."""
    return isinstance(estimator, MaskedEstimator)


@runtime_checkable
class SegmentingEstimator(LandmarkEstimator, Protocol):
    """Finds a mask of the person beside the landmarks."""

    def segment(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None = None,
    ) -> tuple[PersonLandmarks, Float32[np.ndarray, "H W"]]:
        """Do what `locate` does, and return the probability of each px to show that person."""
        ...
