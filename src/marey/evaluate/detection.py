"""Finding people in images: similarity of keypoints (OKS) and average precision over it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from marey.evaluate.positions import expect

OKS_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
_RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePeople:
    """What was found in one image and what is in it."""

    predicted: Float[np.ndarray, "D K 2"]
    """Keypoints of everyone found, px."""
    confidence: Float[np.ndarray, "D"]
    """How sure each find is; only the order matters."""
    truth: Float[np.ndarray, "N K 2"]
    """True keypoints, px; NaN where not labelled."""
    area: Float[np.ndarray, "N"]
    """Area of each true person, px^2: of the segment, or of the box where there is none."""
    ignored: Bool[np.ndarray, "N"] | None = None
    """Crowds and the like: whoever finds one is neither right nor wrong. People without labelled
    keypoints are ignored as well."""
    box: Float[np.ndarray, "N 4"] | None = None
    """Boxes x0 y0 x1 y1 of the true people, px: where nobody's keypoints are labelled, they say
    which finds may be that person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """Average precision of finding people."""

    mean: float
    """Mean over the thresholds, 0..1 ("mAP"); NaN if there is nobody to be found."""
    per_threshold: tuple[float, ...]
    """AP at each OKS threshold; 0.5 is the first and 0.75 the sixth of the usual ten."""
    recall: float
    """Mean over the thresholds of the share of people found ("AR")."""
    num_images: int
    num_people: int
    """True people that counted."""


def object_keypoint_similarity(
    predicted: Float[np.ndarray, "D K 2"],
    truth: Float[np.ndarray, "N K 2"],
    *,
    area: Float[np.ndarray, "N"],
    sigmas: Float[np.ndarray, "K"],
    box: Float[np.ndarray, "N 4"] | None = None,
) -> Float[np.ndarray, "D N"]:
    """Return `mean_k exp(-d_k^2 / (2 area (2 sigma_k)^2))` over the labelled keypoints (COCO).

    Args:
        predicted: Keypoints, px; a NaN scores 0.
        truth: True keypoints, px; NaN where not labelled.
        area: Area of each true person, px^2.
        sigmas: Per-keypoint constants of the skeleton.
        box: Boxes of the true people, px. A person without labelled keypoints is compared by how
            far each keypoint lies outside the box grown by its own size on every side.

    Returns:
        Similarities 0..1; NaN for people without a labelled keypoint and a box.
    """
    square = ((predicted[:, None].astype(np.float64) - truth[None]) ** 2).sum(-1)
    labelled = expect(truth, None)[None]
    if box is not None:
        square = np.where(labelled.any(-1, keepdims=True), square, _outside(predicted, box))
        labelled = labelled | ~labelled.any(-1, keepdims=True)
    # Machine epsilon as in COCO's own implementation: a person of no area matches nothing.
    spread = 2 * (area[None, :, None] + np.spacing(1)) * (2 * sigmas) ** 2
    near = np.where(np.isfinite(square), np.exp(-np.nan_to_num(square) / spread), 0.0)
    count = labelled.sum(-1)
    return np.where(labelled, near, 0.0).sum(-1) / np.where(count > 0, count, np.nan)


def keypoint_precision(
    images: Sequence[ImagePeople],
    *,
    sigmas: Float[np.ndarray, "K"],
    thresholds: Sequence[float] = OKS_THRESHOLDS,
    most_finds: int = 20,
) -> Precision:
    """Average precision by OKS, with COCO's rules (Lin et al., ECCV 2014; area range "all").

    Finds are taken by confidence; each claims the most similar person still free, if similar
    enough. Precision is made non-increasing and read at 101 recalls.

    Args:
        images: One entry per image.
        sigmas: Per-keypoint constants of the skeleton.
        thresholds: Similarities from which a find is right.
        most_finds: Finds per image that count, the surest ones.
    """
    claims = [_claims(image, sigmas, thresholds, most_finds) for image in images]
    num_people = sum(count for *_, count in claims)
    if num_people == 0:
        nothing = tuple(float("nan") for _ in thresholds)
        return Precision(
            mean=float("nan"),
            per_threshold=nothing,
            recall=float("nan"),
            num_images=len(images),
            num_people=0,
        )
    confidence = np.concatenate([each for each, *_ in claims])
    order = np.argsort(-confidence, kind="stable")
    right = np.concatenate([each for _, each, _, _ in claims], axis=1)[:, order]
    ignored = np.concatenate([each for _, _, each, _ in claims], axis=1)[:, order]
    values = [_precision(*row, num_people) for row in zip(right, ignored, strict=True)]
    return Precision(
        mean=float(np.mean([precision for precision, _ in values])),
        per_threshold=tuple(precision for precision, _ in values),
        recall=float(np.mean([recall for _, recall in values])),
        num_images=len(images),
        num_people=num_people,
    )


def _claims(
    image: ImagePeople,
    sigmas: Float[np.ndarray, "K"],
    thresholds: Sequence[float],
    most_finds: int,
) -> tuple[Float[np.ndarray, "D"], Bool[np.ndarray, "S D"], Bool[np.ndarray, "S D"], int]:
    # Returns, of one image: confidences, which finds are right, which do not count, people.
    order = np.argsort(-image.confidence, kind="stable")[:most_finds]
    ignored = ~np.any(np.all(np.isfinite(image.truth), axis=-1), axis=-1)
    if image.ignored is not None:
        ignored = ignored | image.ignored
    similarity = object_keypoint_similarity(
        image.predicted[order], image.truth, area=image.area, sigmas=sigmas, box=image.box
    )
    right = np.zeros((len(thresholds), len(order)), bool)
    neutral = np.zeros_like(right)
    for row, threshold in enumerate(thresholds):
        free = np.ones(len(ignored), bool)
        for find in range(len(order)):
            real = free & ~ignored & (similarity[find] >= threshold)
            if real.any():
                # The last of equals, as COCO's loop with >= leaves it.
                best = np.flatnonzero(real)[::-1][np.argmax(similarity[find][real][::-1])]
                free[best], right[row, find] = False, True
            elif np.any(free & ignored & (similarity[find] >= threshold)):
                neutral[row, find] = True
    return image.confidence[order], right, neutral, int((~ignored).sum())


def _outside(
    predicted: Float[np.ndarray, "D K 2"], box: Float[np.ndarray, "N 4"]
) -> Float[np.ndarray, "D N K"]:
    # Squared distances to boxes of three times the size, 0 inside.
    low, high = box[:, None, :2], box[:, None, 2:]
    size = high - low
    beyond = np.maximum(predicted[:, None] - (high + size), (low - size) - predicted[:, None])
    return (np.maximum(beyond, 0.0) ** 2).sum(-1)


def _precision(
    right: Bool[np.ndarray, "D"], neutral: Bool[np.ndarray, "D"], num_people: int
) -> tuple[float, float]:
    hits = np.cumsum(right & ~neutral)
    errors = np.cumsum(~right & ~neutral)
    if not len(hits):
        return 0.0, 0.0
    recall = hits / num_people
    precision = hits / np.maximum(hits + errors, 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, _RECALLS, side="left")
    values = np.where(places < len(envelope), envelope[np.minimum(places, len(envelope) - 1)], 0.0)
    return float(values.mean()), float(recall[-1])
