"""One person alone in a picture of several: who stands in the way is painted over.

A landmark network knows one body per crop. Where two people touch or cross, it takes the limbs of
the one for the other's (in a hug, the trunk of whoever is seen better for both). So before it looks
at a person, everyone else is covered with grey where their landmarks were a frame ago, except where
the person's own body was. Bodies are thick lines between landmarks: they need no mask, cost a
millisecond, and what they miss (hair, wide clothes) does not draw a skeleton to itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from marey.core.skeleton import Skeleton
from marey.models.protocols import PersonLandmarks

_GREY = 114
_MIN_CONFIDENCE = 0.1
_LIMBS = (
    ("shoulder", "elbow", 0.11),
    ("elbow", "wrist", 0.09),
    ("hip", "knee", 0.15),
    ("knee", "ankle", 0.11),
)
"""Ends and thickness, m."""
_TRUNK_EDGE, _NECK, _HEAD = 0.10, 0.125, 0.165
"""Thickness of the trunk's outline and the neck, radius of the head, m."""
_TRUNK_LENGTH, _SHOULDER_WIDTH = 0.5, 0.36
"""Of the person by whom a picture's scale is measured, m."""


@dataclass(frozen=True)
class Concealer:
    """Paints over people, given where their landmarks are."""

    skeleton: Skeleton

    def conceal(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        person: PersonLandmarks,
        others: Sequence[PersonLandmarks],
    ) -> UInt8[np.ndarray, "H W 3"]:
        """Return the image with the others painted over where `person` is not.

        Args:
            image: The frame.
            person: Whom to spare, as last seen.
            others: Whom to paint over, as last seen; with none the image itself is returned.
        """
        if not others:
            return image
        covered = np.zeros(image.shape[:2], np.uint8)
        for other in others:
            self._draw(covered, other, 255)
        self._draw(covered, person, 0)
        picture = image.copy()
        picture[covered > 0] = _GREY
        return picture

    def outline(self, size: tuple[int, int], person: PersonLandmarks) -> Float32[np.ndarray, "H W"]:
        """Return a mask (0 or 1) of where a person's body was, for networks that take one.

        Args:
            size: Height and width of the frame.
            person: As last seen.
        """
        drawn = np.zeros(size, np.uint8)
        self._draw(drawn, person, 1)
        return drawn.astype(np.float32)

    @cached_property
    def _limbs(self) -> list[tuple[int, int, float]]:
        index = self.skeleton.index
        return [
            (index(f"{side}_{start}"), index(f"{side}_{stop}"), thickness)
            for side in ("left", "right")
            for start, stop, thickness in _LIMBS
        ]

    @cached_property
    def _trunk(self) -> list[int]:
        names = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
        return [self.skeleton.index(name) for name in names]

    @cached_property
    def _face(self) -> list[int]:
        return [self.skeleton.index(name) for name in ("nose", "left_ear", "right_ear")]

    def _draw(self, canvas: UInt8[np.ndarray, "H W"], person: PersonLandmarks, value: int) -> None:
        seen = np.isfinite(person.position).all(-1) & (person.confidence > _MIN_CONFIDENCE)
        if not seen[self._trunk].all():
            return
        points = np.nan_to_num(person.position)
        corners = points[self._trunk]
        scale = _measure_scale(corners)

        def line(start: np.ndarray, stop: np.ndarray, thickness: float) -> None:
            cv2.line(canvas, _pixel(start), _pixel(stop), value, _width(thickness * scale))

        for start, stop, thickness in self._limbs:
            if seen[start] and seen[stop]:
                line(points[start], points[stop], thickness)
        cv2.fillPoly(canvas, [np.array([_pixel(corner) for corner in corners])], value)
        for start, stop in zip(corners, np.roll(corners, 1, axis=0), strict=True):
            line(start, stop, _TRUNK_EDGE)
        face = [row for row in self._face if seen[row]]
        if face:
            head = points[face].mean(0)
            cv2.circle(canvas, _pixel(head), _width(_HEAD * scale), value, -1)
            line(head, corners[:2].mean(0), _NECK)


def _measure_scale(corners: Float[np.ndarray, "4 2"]) -> float:
    """Return px per metre at a trunk: left shoulder, right shoulder, right hip, left hip."""
    # Whoever bends towards the camera shows a short trunk, whoever turns narrow shoulders.
    length = float(np.linalg.norm(corners[:2].mean(0) - corners[2:].mean(0)))
    width = float(np.linalg.norm(corners[0] - corners[1]))
    return max(length / _TRUNK_LENGTH, width / _SHOULDER_WIDTH)


_FAR = 2**14
"""Beyond the edge of any frame; OpenCV refuses much larger numbers."""


def _width(length: float) -> int:
    return round(min(max(length, 1.0), _FAR))


def _pixel(point: Float[np.ndarray, "2"]) -> tuple[int, int]:
    x, y = np.clip(point, -_FAR, _FAR)
    return int(x), int(y)
