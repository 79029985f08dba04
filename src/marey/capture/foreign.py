"""Keypoints of any detector, made ready for the fit.

A file of keypoints says where points are and how sure its network was, and nothing of the noise in
px by which the fit weighs them. That is believed as for other people's networks here: proportional
to the size of the person, and growing as the confidence falls (`marey.models.keypoints`).
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from marey.capture.swaps import repair_swaps
from marey.core import Keypoints2D, Keypoints3D, Person, convert_keypoints
from marey.io._whole_body import convert_points
from marey.models.keypoints import WHOLE_BODY, believe

NOISE = 2.5
"""px of a crop of 256 px, as for RTMPose; a guess, since any network may have made the points."""
MARGIN = 1.25
"""Side of a network's crop over the longer side of the person."""


def prepare_person(person: Person) -> Person:
    """Return a person whose first view's keypoints are as the fit wants them.

    They are in COCO-WholeBody order and have sigmas; left and right limbs confused for some frames
    are exchanged back. Landmarks relative to the person are used if there are any; without them
    the fit tries several headings (`first_pose`).

    Args:
        person: A person with image keypoints in at least one view, and any sigmas they have.
    """
    points = convert_points(person.keypoints2d[0], WHOLE_BODY)
    if points.sigma is None:
        sigma = _believe_all(points)
        points = replace(points, sigma=sigma)
    image, space, _ = repair_swaps(points, _landmarks(person, points))
    return replace(person, keypoints2d=(image,), keypoints3d=space, motion=None)


def _believe_all(points: Keypoints2D) -> Float[np.ndarray, "1 L K"]:
    """Return sigmas in px; NaN where a point is missing."""
    position = np.where(points.valid[0][..., None], points.position[0], np.nan)
    seen = points.valid[0].any(-1)
    if not seen.any():
        return np.full(points.confidence.shape, np.nan, np.float32)
    extent = np.nanmax(position[seen], 1) - np.nanmin(position[seen], 1)
    # One size for the whole span: a person of whom only a hand is seen has not shrunk.
    side = MARGIN * max(float(np.quantile(extent.max(1), 0.9)), 1.0)
    sure = np.clip(points.confidence[0], 0.0, 1.0)
    sigma = believe(sure.reshape(-1), NOISE, side=side).reshape(sure.shape)
    return np.where(points.valid[0], sigma, np.nan).astype(np.float32)[None]


def _landmarks(person: Person, points: Keypoints2D) -> Keypoints3D:
    """Return the person's own landmarks in COCO-WholeBody order, or none at all."""
    position = np.full((*points.confidence.shape, 3), np.nan, np.float32)
    confidence = np.zeros(points.confidence.shape, np.float32)
    own = person.keypoints3d
    if own is not None and own.frame == "root":
        position = convert_keypoints(own.position, own.skeleton, WHOLE_BODY, substitute=True)
        confidence = convert_keypoints(
            own.confidence, own.skeleton, WHOLE_BODY, axis=-1, missing=0.0, substitute=True
        )
    return Keypoints3D(
        skeleton=WHOLE_BODY,
        people=points.people,
        time=points.time,
        position=position,
        frame="root",
        confidence=confidence,
    )
