"""The two roads to points in space: before contact as associated, through contact person by person.

Which is taken is decided frame by frame (`find_contact`), from points that were triangulated
without regard to contact: good enough to tell who is near whom. Where the pictures are at hand,
people who touch and overlap are then looked at again with the others painted over
(`closer_look.py`), and what is better supported goes down the road once more.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from marey.capture.contact.find import Contact, ContactOptions, find_contact
from marey.capture.contact.keypoints import ContactRoad, ResolvedKeypoints, resolve_contact
from marey.capture.contact.overlaps import find_overlaps, predict_points
from marey.capture.contact.supported import SupportedKeypoints, choose_supported
from marey.capture.views.triangulate import (
    KeypointOptions,
    TriangulatedKeypoints,
    triangulate_keypoints,
)
from marey.core import Cameras, Keypoints2D, Keypoints3D

_UNSURE = 0.5
"""What the confidence of points is multiplied by where identity rests on association alone."""

LookCloser = Callable[[Keypoints2D, Keypoints3D, Bool[np.ndarray, "C N T"]], Keypoints2D]
"""Looks at people again, given everyone's keypoints in all views, where everyone is predicted to
be, and whom to look at in which pictures (`closer_look.py`); missing where nobody looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a second look at those who touch came to."""

    who: Bool[np.ndarray, "C N T"]
    """Who was looked at in which pictures."""
    found: Bool[np.ndarray, "C N T K"]
    """Keypoints that were found anew."""
    later: Bool[np.ndarray, "C N T K"]
    """Those that took an earlier one's place, or a missing one's."""
    agreeing: tuple[int, int]
    """Keypoints of the people and frames that were looked at that agree with the other views,
    before and now."""

    def describe(self) -> str:
        """Say it in a sentence."""
        pictures = int(self.who.any(1).sum())
        before, now = self.agreeing
        share = 100 * self.later.sum() / max(int(self.found.sum()), 1)
        return (
            f"people touch: looked again at {pictures} pictures with the others painted over; "
            f"{share:.0f} % of the keypoints found there are used, and {now} agree across views "
            f"where {before} did"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughContact:
    """Keypoints and points after contact, and what was found and done."""

    keypoints: Keypoints2D
    found: TriangulatedKeypoints
    contact: Contact
    resolved: ResolvedKeypoints | None
    """None where nobody is in contact, and nothing was changed."""
    looked: Looked | None = None
    """None where nobody looked again."""


def pass_contact(
    keypoints: Keypoints2D,
    found: TriangulatedKeypoints,
    cameras: Cameras,
    *,
    associated: Keypoints2D | None = None,
    points: KeypointOptions | None = None,
    when: ContactOptions | None = None,
    road: ContactRoad | None = None,
    look: LookCloser | None = None,
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
        look: Looks again at those who touch; nobody does if None.
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
    through = ThroughContact(
        keypoints=resolved.keypoints,
        found=_triangulate(resolved, cameras, points),
        contact=contact,
        resolved=resolved,
    )
    return through if look is None else _look_again(through, mixed, cameras, points, road, look)


def _look_again(
    through: ThroughContact,
    mixed: Keypoints2D,
    cameras: Cameras,
    points: KeypointOptions | None,
    road: ContactRoad | None,
    look: LookCloser,
) -> ThroughContact:
    """Look at those who touch again, and go down the road with the better reports."""
    resolved = through.resolved
    assert resolved is not None
    predicted = predict_points(through.found.keypoints)
    who = find_overlaps(predicted, cameras, through.contact)
    if not who.any():
        return through
    fresh = look(resolved.keypoints, predicted, who)
    best = choose_supported(resolved.keypoints, fresh, cameras, options=points)
    after = through
    if best.later.any():
        handed = _hand_over(mixed, resolved, best)
        again = resolve_contact(handed, cameras, through.contact.frames, road)
        again = replace(again, source=_compose(resolved.source, best.later, again.source))
        found = _triangulate(again, cameras, points)
        after = replace(through, keypoints=again.keypoints, found=found, resolved=again)
    people = np.asarray(who.any(0))[..., None]
    before, now = (int((each.found.inlier & people).sum()) for each in (through, after))
    looked = Looked(
        who=who, found=np.asarray(fresh.valid), later=best.later, agreeing=(before, now)
    )
    return replace(after, looked=looked)


def _hand_over(
    mixed: Keypoints2D, resolved: ResolvedKeypoints, best: SupportedKeypoints
) -> Keypoints2D:
    """Return the better reports as if a detector had made them: nothing is weighed twice."""
    source = np.maximum(resolved.source, 0)
    detected = np.take_along_axis(mixed.confidence, source, 1)
    confidence = np.where(resolved.source >= 0, detected, 0.0).astype(detected.dtype)
    chosen = best.keypoints
    return replace(chosen, confidence=np.where(best.later, chosen.confidence, confidence))


def _compose(
    first: Int[np.ndarray, "C N T K"],
    later: Bool[np.ndarray, "C N T K"],
    second: Int[np.ndarray, "C N T K"],
) -> Int[np.ndarray, "C N T K"]:
    """Return in whose name points were reported that changed hands once, or twice."""
    own = np.arange(first.shape[1])[:, None, None]
    name = np.where(later, own, first)
    return np.where(second >= 0, np.take_along_axis(name, np.maximum(second, 0), 1), -1)


def _triangulate(
    resolved: ResolvedKeypoints, cameras: Cameras, points: KeypointOptions | None
) -> TriangulatedKeypoints:
    """Triangulate what was given to people; who may be somebody else is believed less."""
    found = triangulate_keypoints(resolved.keypoints, cameras, options=points)
    doubt = np.where(resolved.unsure, _UNSURE, 1.0)[..., None]
    confidence = (found.keypoints.confidence * doubt).astype(found.keypoints.confidence.dtype)
    return replace(found, keypoints=replace(found.keypoints, confidence=confidence))


def _choose(frames: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    chosen = frames.reshape(1, 1, -1, *(1,) * (inside.ndim - 3))
    return np.where(chosen, inside, outside)
