"""Looking for people in a view where no detector saw them, because other views know where they are.

A detector misses who stands half behind somebody else or is cut off by the picture, and a network
that knows one body per crop mixes two that overlap. In the right box, with everyone else painted
over, it finds them all the same. What it finds counts only if it agrees with where the others see
the person.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from marey.capture.conceal import Concealer
from marey.capture.frame_points import spread_of_keypoints
from marey.core import Skeleton
from marey.geometry.projection import Viewpoint
from marey.models.protocols import LandmarkEstimator, PersonLandmarks

_MARGIN = 0.15
"""How far the box reaches beyond the expected keypoints, as a share of its larger side."""
_HEAD_M, _LEG_M, _SHORTEST_TRUNK_M = 0.3, 0.9, 0.2
_FEWEST_INSIDE = 4
_REACH = 3.0
"""Distance from where a keypoint is expected, in its spreads, within which it agrees."""
_FAR = 2.0
"""How many times as far off a keypoint may be before it counts as missing."""
_MIN_AGREEMENT = 0.5
_ENOUGH = 0.9
"""Share of agreeing keypoints from which nothing else is tried."""

Image = UInt8[np.ndarray, "H W 3"]


def look_again(
    image: Image,
    viewpoint: Viewpoint,
    expected: Sequence[Float[np.ndarray, "K 3"]],
    estimator: LandmarkEstimator,
    *,
    known: Sequence[PersonLandmarks | None] | None = None,
    min_confidence: float = 0.3,
) -> list[PersonLandmarks | None]:
    """Estimate keypoints of people where other views see them.

    Args:
        image: The picture.
        viewpoint: Its camera.
        expected: Each person's keypoints in the world and in the estimator's skeleton, m; NaN
            where unknown.
        estimator: The network.
        known: What was found of each person in this picture before; who has something here is not
            looked for again, but painted over when others are. Nothing of anybody if not given.
        min_confidence: Confidence from which a keypoint speaks for or against the person.

    Returns:
        What was found of each, without keypoints that are far from where they are expected; None
        where nobody is in the picture, somebody else, or somebody known before.
    """
    known = [None] * len(expected) if known is None else known
    guesses = [_guess(points, viewpoint, estimator.skeleton) for points in expected]
    drawn = [own or guess.landmarks for own, guess in zip(known, guesses, strict=True)]
    look = _Look(image, viewpoint.size, estimator, Concealer(estimator.skeleton), min_confidence)
    return [
        None if own is not None else look.find(guess, drawn[:row] + drawn[row + 1 :])
        for row, (own, guess) in enumerate(zip(known, guesses, strict=True))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guess:
    """Where somebody should be in the picture."""

    landmarks: PersonLandmarks
    """Where other views say the keypoints are."""
    outline: Float[np.ndarray, "P 2"]
    """Points that the whole person reaches to, px."""
    spread: Float[np.ndarray, "K"]
    """How far keypoints may be off, px."""


def _guess(points: Float[np.ndarray, "K 3"], viewpoint: Viewpoint, skeleton: Skeleton) -> _Guess:
    local = viewpoint.transform(points)
    pixels = viewpoint.project(local)
    nothing = np.full(len(pixels), np.nan)
    focal = np.sqrt(viewpoint.K[0, 0] * viewpoint.K[1, 1])
    return _Guess(
        landmarks=PersonLandmarks(
            position=pixels,
            confidence=np.asarray(np.isfinite(pixels).all(-1), np.float64),
            sigma=nothing,
            world=np.full((len(pixels), 3), np.nan),
            score=1.0,
            box=np.full(4, np.nan),
        ),
        outline=viewpoint.project(viewpoint.transform(_outline(points, skeleton))),
        spread=focal * spread_of_keypoints(skeleton) / local[:, 2],
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """One picture and who looks at it."""

    image: Image
    size: tuple[int, int]
    estimator: LandmarkEstimator
    concealer: Concealer
    min_confidence: float

    def find(self, guess: _Guess, others: list[PersonLandmarks]) -> PersonLandmarks | None:
        """Return the person where most keypoints agree with the guess; None if too few do."""
        pixels = guess.landmarks.position
        known = np.isfinite(pixels).all(-1)
        within = known & ((pixels > 0) & (pixels < np.array(self.size))).all(-1)
        if within.sum() < _FEWEST_INSIDE:
            return None
        best, most = None, 0
        for picture, box in self._try(guess, others):
            found = self.estimator.complete(picture, self.estimator.locate(picture, box))
            sure = (found.confidence >= self.min_confidence) & known
            apart = np.linalg.norm(found.position - pixels, axis=-1)
            agrees = sure & (apart < _REACH * guess.spread)
            enough = sure.sum() >= _FEWEST_INSIDE and agrees.sum() >= _MIN_AGREEMENT * sure.sum()
            if enough and agrees.sum() > most:
                far = known & (apart > _FAR * _REACH * guess.spread)
                best, most = _drop(found, far), int(agrees.sum())
            if most >= _ENOUGH * within.sum():
                break
        return best

    def _try(
        self, guess: _Guess, others: list[PersonLandmarks]
    ) -> Iterator[tuple[Image, Float[np.ndarray, "4"]]]:
        """Yield pictures and boxes to look at, the likeliest first."""
        pixels = guess.landmarks.position
        corners = (pixels[np.isfinite(pixels).all(-1)], guess.outline)
        boxes = [_surround(points, self.size) for points in corners]
        if np.allclose(*boxes, atol=1):
            del boxes[1]
        alone = self.concealer.conceal(self.image, guess.landmarks, others)
        # Others matter where they were painted over within the box.
        pictures = (self.image, alone) if alone is not self.image else (self.image,)
        for picture in pictures:
            for box in boxes:
                if picture is self.image or _differ(self.image, alone, box):
                    yield picture, box


def _differ(one: Image, other: Image, box: Float[np.ndarray, "4"]) -> bool:
    x0, y0, x1, y1 = box.astype(int)
    return not np.array_equal(one[y0:y1, x0:x1], other[y0:y1, x0:x1])


def _drop(found: PersonLandmarks, far: np.ndarray) -> PersonLandmarks:
    """Take keypoints away that belong to somebody else."""
    return replace(
        found,
        position=np.where(far[:, None], np.nan, found.position),
        confidence=np.where(far, 0.0, found.confidence),
        sigma=np.where(far, np.nan, found.sigma),
        world=np.where(far[:, None], np.nan, found.world),
    )


def _outline(points: Float[np.ndarray, "K 3"], skeleton: Skeleton) -> Float[np.ndarray, "P 3"]:
    """Return points that a whole person reaches to: what is known, and what a trunk implies."""

    def middle(part: str) -> Float[np.ndarray, "3"]:
        sides = [f"{side}_{part}" for side in ("left", "right")]
        return points[[skeleton.index(name) for name in sides if name in skeleton.keypoints]].mean(
            0
        )

    known = points[np.isfinite(points).all(-1)]
    trunk = middle("shoulder") - middle("hip")
    height = np.linalg.norm(trunk)
    if not height > _SHORTEST_TRUNK_M:
        return known
    up = trunk / height
    ends = [middle("shoulder") + _HEAD_M * up, middle("hip") - _LEG_M * up]
    return np.concatenate([known, ends])


def _surround(corners: Float[np.ndarray, "P 2"], size: tuple[int, int]) -> Float[np.ndarray, "4"]:
    """Return a box around points with a margin, cut off by the picture's edges."""
    low, high = np.nanmin(corners, 0), np.nanmax(corners, 0)
    edge = _MARGIN * float((high - low).max())
    limit = np.array(size, np.float64)
    box = np.concatenate([np.clip(low - edge, 0, limit), np.clip(high + edge, 0, limit)])
    return box.astype(np.float32)
