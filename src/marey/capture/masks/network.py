"""Masks from the landmark network's own person mask: of people without one, and of rendered people.

The network marks the one body it sees in its crop, sharply at the edge of clothes, but in a hug
it marks both. Rendered bodies know who is before whom, but not how wide a coat is. So each person
is looked at with the others painted over, and what two networks' masks claim both goes to whom the
rendered bodies, softened by their own uncertainty, give it.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from marey.capture.masks.keypoints import box_of_mask
from marey.capture.masks.suppress import suppress
from marey.models.protocols import SegmentingEstimator

_SURE = 0.5
_BLUR = 0.02
"""By how much a rendered body may be wrong, of its longer side."""
_REACH = 0.08
"""How far beyond its rendered body a person's pixels may lie, of the longer side."""
_LOOKS = 2


def find_mask(
    estimator: SegmentingEstimator,
    image: UInt8[np.ndarray, "H W 3"],
    box: Float[np.ndarray, "4"],
    others: Bool[np.ndarray, "H W"],
) -> Bool[np.ndarray, "H W"]:
    """Find the mask of somebody whose neighbours' masks are known; empty if nobody is there.

    Args:
        estimator: The landmark network.
        image: The picture.
        box: Where the person is, roughly; the box of both who hug will do.
        others: Masks of everybody else.
    """
    nobody = np.zeros(others.shape, np.float32)
    picture = suppress(image, nobody, others.astype(np.float32), method="mean")
    _, share = estimator.segment(picture, box)
    mask = (share > _SURE) & ~others
    for _ in range(_LOOKS - 1):
        tight = box_of_mask(mask)
        if not np.isfinite(tight).all():
            break
        _, share = estimator.segment(picture, tight)
        mask = (share > _SURE) & ~others
    return mask


def sharpen_masks(
    depth: Float32[np.ndarray, "N H W"], share: Float32[np.ndarray, "N H W"]
) -> Bool[np.ndarray, "N H W"]:
    """Return the visible masks of rendered people, with the network's edges.

    Args:
        depth: Of each person's surface in each px, infinite where there is none (`draw.fill_grid`).
        share: Probability of each px to show each person, as the network has it for each alone.

    Returns:
        Masks that do not overlap: a px is its best claimant's if the network sees anybody there.
    """
    rendered = np.asarray(np.isfinite(depth))
    present = np.array([body.any() for body in rendered])
    owner = np.where(rendered.any(0), depth.argmin(0), -1)
    claim = np.zeros(share.shape, np.float32)
    for person, body in enumerate(rendered):
        if not body.any():
            continue
        box = box_of_mask(body)
        extent = float(np.max(box[2:] - box[:2]))
        near = cv2.distanceTransform((~body).astype(np.uint8), cv2.DIST_L2, 3) <= _REACH * extent
        seen = cv2.GaussianBlur((owner == person).astype(np.float32), (0, 0), _BLUR * extent)
        # A little everywhere near the body, so that a wide sleeve has a claim at all.
        claim[person] = share[person] * near * (seen + 0.01)
    best = claim.argmax(0)
    somebody = np.take_along_axis(share * present[:, None, None], best[None], 0)[0]
    visible = (somebody > _SURE) & (claim.max(0) > 0)
    return (best == np.arange(len(share))[:, None, None]) & visible
