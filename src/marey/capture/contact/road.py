"""The two roads to points in space: before contact as associated, through contact person by person.

Which is taken is decided frame by frame (`find_contact`), from points that were triangulated
without regard to contact: good enough to tell who is near whom.
"""

from dataclasses import dataclass, replace

import numpy as np

from marey.capture.contact.find import Contact, ContactOptions, find_contact
from marey.capture.contact.keypoints import ContactRoad, ResolvedKeypoints, resolve_contact
from marey.capture.views.triangulate import (
    KeypointOptions,
    TriangulatedKeypoints,
    triangulate_keypoints,
)
from marey.core import Cameras, Keypoints2D

_UNSURE = 0.5
"""What the confidence of points is multiplied by where identity rests on association alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughContact:
    """Keypoints and points after contact, and what was found and done."""

    keypoints: Keypoints2D
    found: TriangulatedKeypoints
    contact: Contact
    resolved: ResolvedKeypoints | None
    """None where nobody is in contact, and nothing was changed."""


def pass_contact(
    keypoints: Keypoints2D,
    found: TriangulatedKeypoints,
    cameras: Cameras,
    *,
    associated: Keypoints2D | None = None,
    points: KeypointOptions | None = None,
    when: ContactOptions | None = None,
    road: ContactRoad | None = None,
) -> ThroughContact:
    """Find contact, give keypoints to people anew there, and triangulate again.

    Args:
        keypoints: Everyone's, C N T K, duplicates suppressed; what counts outside of contact.
        found: The points they gave.
        cameras: The views.
        associated: The same before duplicates were suppressed, which in contact are told apart.
        points: How to triangulate.
        when: What counts as contact.
        road: How keypoints are given.
    """
    contact = find_contact(found.keypoints, keypoints, when)
    frames = contact.frames
    if not frames.any():
        return ThroughContact(keypoints=keypoints, found=found, contact=contact, resolved=None)
    before = keypoints if associated is None else associated
    mixed = replace(
        keypoints,
        position=_choose(frames, before.position, keypoints.position),
        confidence=_choose(frames, before.confidence, keypoints.confidence),
    )
    resolved = resolve_contact(mixed, cameras, frames, road)
    again = triangulate_keypoints(resolved.keypoints, cameras, options=points)
    doubt = np.where(resolved.unsure, _UNSURE, 1.0)[..., None]
    confidence = (again.keypoints.confidence * doubt).astype(again.keypoints.confidence.dtype)
    again = replace(again, keypoints=replace(again.keypoints, confidence=confidence))
    return ThroughContact(
        keypoints=resolved.keypoints, found=again, contact=contact, resolved=resolved
    )


def _choose(frames: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    chosen = frames.reshape(1, 1, -1, *(1,) * (inside.ndim - 3))
    return np.where(chosen, inside, outside)
