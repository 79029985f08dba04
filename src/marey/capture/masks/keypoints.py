"""Keypoints of a person among others, by masks: whom to look at, and which points to believe.

A landmark network that knows one body per crop looks at a picture from which the others are gone
(`marey.capture.masks.suppress`). What it still puts on somebody else's pixels it has made up, or
taken from them: a point's confidence falls by the share of a small disc around it that shows
another person, and below 0.2 (Harmony4D's threshold in contact) it counts as missing.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from marey.capture.masks.suppress import Suppression, suppress
from marey.models.protocols import LandmarkEstimator, PersonLandmarks, takes_masks

THRESHOLD = 0.2
_DISC = 0.015
"""Radius of the disc around a point, of the longer side of the person's box."""
_LOST = 0.8
"""How much of a point's confidence goes if its whole disc shows somebody else."""
_UNSURE = 4.0
"""How much its sigma grows then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskOptions:
    """How masks are used; the defaults measured best (docs/masks.md)."""

    suppression: Suppression | None = "mean"
    """What the others are painted over with; None leaves the picture as it is."""
    weigh: bool = True
    """Whether points on other people's pixels lose confidence."""
    threshold: float = THRESHOLD


def locate_masked(
    estimator: LandmarkEstimator,
    image: UInt8[np.ndarray, "H W 3"],
    box: Float[np.ndarray, "4"] | None,
    masks: Bool[np.ndarray, "N H W"],
    person: int,
    *,
    previous: PersonLandmarks | None = None,
    options: MaskOptions | None = None,
    complete: bool = False,
) -> PersonLandmarks:
    """Find the keypoints of one of the people whom masks show.

    Args:
        estimator: Whatever finds landmarks; one that takes masks (SegPose2D) is given the mask and
            the picture as it is.
        image: The picture.
        box: Where to look; the box of the mask if None and there is no previous result.
        masks: Visible masks of everybody; empty for who has none.
        person: Whose keypoints.
        previous: The estimator's result in the frame before.
        options: How.
        complete: Whether hands and whatever else the estimator's second step adds are found too.
    """
    options = options or MaskOptions()
    own, others = masks[person], np.delete(masks, person, axis=0).any(0) & ~masks[person]
    if box is None and previous is None:
        box = box_of_mask(own)
    picture = image
    if takes_masks(estimator):
        found = estimator.locate_masked(image, box, previous, own.astype(np.float32))
    else:
        if options.suppression is not None:
            picture = suppress(image, own, others, method=options.suppression)
        found = estimator.locate(picture, box, previous)
    if complete:
        found = estimator.complete(picture, found, previous)
    return weigh_points(found, own, others, options) if options.weigh else found


def weigh_points(
    found: PersonLandmarks,
    own: Bool[np.ndarray, "H W"],
    others: Bool[np.ndarray, "H W"],
    options: MaskOptions | None = None,
) -> PersonLandmarks:
    """Let points on other people's pixels lose confidence, and drop those below the threshold.

    Args:
        found: Keypoints of the person.
        own: The person's visible mask.
        others: Everybody else's.
        options: The threshold.
    """
    options = options or MaskOptions()
    foreign = measure_foreign(found, own, others)
    confidence = found.confidence * (1 - _LOST * foreign)
    sigma = found.sigma * (1 + (_UNSURE - 1) * foreign)
    gone = confidence < options.threshold
    return replace(
        found,
        position=np.where(gone[:, None], np.nan, found.position).astype(np.float32),
        confidence=np.where(gone, 0, confidence).astype(np.float32),
        sigma=np.where(gone, np.nan, sigma).astype(np.float32),
    )


def measure_foreign(
    found: PersonLandmarks, own: Bool[np.ndarray, "H W"], others: Bool[np.ndarray, "H W"]
) -> Float32[np.ndarray, "K"]:
    """Return the share of a small disc around each point that shows somebody else; 0 if missing."""
    known = np.asarray(np.isfinite(found.position).all(-1))
    foreign = np.zeros(len(known), np.float32)
    if not known.any():
        return foreign
    extent = float(np.ptp(found.position[known], axis=0).max())
    radius = max(round(_DISC * extent), 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    kernel = kernel.astype(np.float32) / kernel.sum()
    height, width = own.shape
    for row in np.flatnonzero(known):
        column, line = np.floor(found.position[row]).astype(int).tolist()
        if not (0 <= column < width and 0 <= line < height):
            continue
        rows = np.arange(line - radius, line + radius + 1)
        columns = np.arange(column - radius, column + radius + 1)
        inside = np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))
        foreign[row] = float((kernel * (others[inside] & ~own[inside])).sum())
    return foreign


def box_of_mask(mask: Bool[np.ndarray, "H W"]) -> Float[np.ndarray, "4"]:
    """Return the tight box around a mask, x0 y0 x1 y1 in px; NaN if it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.full(4, np.nan)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
