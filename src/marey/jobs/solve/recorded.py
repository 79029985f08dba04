"""The networks with a journal beside them: what was asked before is answered from there.

A question is the name of the network, where it looks, to the last bit, and the picture there. Of
the picture a grid of at most 32 by 32 pixels counts: within one frame that tells a person who was
painted over from one who was not, and the crop tells one person and frame from the next.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Float32, UInt8

from marey.core import Skeleton
from marey.jobs.solve.journal import Journal
from marey.jobs.solve.values import decode, encode
from marey.models.blazepose import BlazePoseEstimator, PoseLandmarks
from marey.models.crop import SquareCrop
from marey.models.face import FaceEstimator, FaceLandmarks
from marey.models.hands import HandEstimator, HandLandmarks
from marey.models.protocols import (
    LandmarkEstimator,
    MaskedEstimator,
    PersonBoxes,
    PersonDetector,
    PersonLandmarks,
)
from marey.models.rtmpose import RtmPoseEstimator
from marey.models.segpose import SegPoseEstimator, VitPoseEstimator
from marey.models.wholebody import WholeBodyEstimator

_GRID = 32
_Result = TypeVar("_Result")


def record_detector(detector: PersonDetector, journal: Journal) -> PersonDetector:
    """Return a detector that asks the journal first."""
    return _RecordedDetector(detector, journal)


def record_estimator(estimator: LandmarkEstimator, journal: Journal) -> LandmarkEstimator:
    """Return an estimator whose networks ask the journal first."""
    if isinstance(estimator, WholeBodyEstimator):
        face = estimator.face_network
        return replace(
            estimator,
            pose_network=_RecordedPose(**_own_fields(estimator.pose_network), journal=journal),
            hand_network=_RecordedHand(**_own_fields(estimator.hand_network), journal=journal),
            face_network=None
            if face is None
            else _RecordedFace(**_own_fields(face), journal=journal),
        )
    # Of an estimator that is not known, it is not known either what its answers depend on.
    if isinstance(estimator, SegPoseEstimator):
        return _RecordedMasked(estimator, journal, estimator)
    is_known = isinstance(estimator, RtmPoseEstimator | VitPoseEstimator)
    return _RecordedEstimator(estimator, journal) if is_known else estimator


@dataclass(frozen=True)
class _RecordedDetector:
    detector: PersonDetector
    journal: Journal

    def detect(self, images: Sequence[UInt8[np.ndarray, "H W 3"]]) -> list[PersonBoxes]:
        return [
            _ask(
                self.journal,
                _name_question("person", image),
                PersonBoxes,
                lambda image=image: self.detector.detect([image])[0],
            )
            for image in images
        ]


@dataclass(frozen=True)
class _RecordedEstimator:
    """Of an estimator that looks at boxes and keeps no state."""

    estimator: LandmarkEstimator
    journal: Journal

    @property
    def skeleton(self) -> Skeleton:
        return self.estimator.skeleton

    def locate(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        nowhere = np.full(4, np.nan)
        boxes = (
            nowhere if box is None else box,
            nowhere if previous is None else previous.box,
        )
        place = np.concatenate(boxes).astype(np.float64)
        shown = boxes[1] if box is None else box
        key = _name_question("landmarks", image, place, shown)
        return _ask(
            self.journal,
            key,
            PersonLandmarks,
            lambda: self.estimator.locate(image, box, previous),
        )

    def complete(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        located: PersonLandmarks,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        return self.estimator.complete(image, located, previous)


@dataclass(frozen=True)
class _RecordedMasked(_RecordedEstimator):
    """Of an estimator that takes masks."""

    masked: MaskedEstimator

    def locate_masked(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None,
        mask: Float32[np.ndarray, "H W"] | None,
    ) -> PersonLandmarks:
        nowhere = np.full(4, np.nan)
        shown = box if previous is None else previous.box
        outline = nowhere if mask is None else mask.ravel()[:: max(1, mask.size // 4096)]
        place = np.concatenate([nowhere if shown is None else shown, outline]).astype(np.float64)
        key = _name_question("landmarks by mask", image, place, shown)
        return _ask(
            self.journal,
            key,
            PersonLandmarks,
            lambda: self.masked.locate_masked(image, box, previous, mask),
        )


@dataclass(frozen=True, kw_only=True)
class _RecordedPose(BlazePoseEstimator):
    journal: Journal

    def estimate(self, image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop) -> PoseLandmarks:
        own = super().estimate
        key = _name_crop("pose", image, crop)
        return _ask(self.journal, key, PoseLandmarks, lambda: own(image, crop))


@dataclass(frozen=True, kw_only=True)
class _RecordedHand(HandEstimator):
    journal: Journal

    def estimate(self, image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop) -> HandLandmarks:
        own = super().estimate
        key = _name_crop("hand", image, crop)
        return _ask(self.journal, key, HandLandmarks, lambda: own(image, crop))


@dataclass(frozen=True, kw_only=True)
class _RecordedFace(FaceEstimator):
    journal: Journal

    def estimate(self, image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop) -> FaceLandmarks:
        own = super().estimate
        key = _name_crop("face", image, crop)
        return _ask(self.journal, key, FaceLandmarks, lambda: own(image, crop))


def _own_fields(network: BlazePoseEstimator | HandEstimator | FaceEstimator) -> dict[str, Any]:
    return {field.name: getattr(network, field.name) for field in fields(network)}


def _ask(
    journal: Journal, key: bytes, kind: type[_Result], compute: Callable[[], _Result]
) -> _Result:
    answer = journal.recall(key)
    if answer is not None:
        return decode(kind, answer)
    result = compute()
    journal.keep(key, encode(result))
    return result


def _name_crop(network: str, image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop) -> bytes:
    place = np.array([*crop.center, crop.side, crop.angle], np.float64)
    half = 0.75 * np.array([crop.side, crop.side])
    box = np.concatenate([crop.center - half, crop.center + half])
    return _name_question(network, image, place, box)


def _name_question(
    network: str,
    image: UInt8[np.ndarray, "H W 3"],
    place: Float[np.ndarray, "P"] | None = None,
    box: Float[np.ndarray, "4"] | None = None,
) -> bytes:
    digest = hashlib.blake2b(network.encode(), digest_size=16)
    if place is not None:
        digest.update(place.tobytes())
    digest.update(_sample(image, box).data)
    return digest.digest()


def _sample(
    image: UInt8[np.ndarray, "H W 3"], box: Float[np.ndarray, "4"] | None
) -> UInt8[np.ndarray, "h w 3"]:
    height, width = image.shape[:2]
    if box is not None and np.isfinite(box).all():
        x0, y0, x1, y1 = np.clip(box, 0, [width, height, width, height]).astype(int)
        image = image[y0:y1, x0:x1]
    step = max(1, -(-max(image.shape[:2]) // _GRID))
    return np.ascontiguousarray(image[::step, ::step])
