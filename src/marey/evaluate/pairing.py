"""Predicted people put in the place of the true ones, as a protocol pairs them."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from marey.core.errors import InputError
from marey.evaluate.matching import Matches, match_by_distance, match_by_image
from marey.evaluate.poses import PoseSequence
from marey.evaluate.positions import expect
from marey.evaluate.protocol import Protocol

FIELDS = ("position", "confidence", "image", "box", "vertices")


def pair_people(
    protocol: Protocol, ours: PoseSequence, theirs: PoseSequence, what: str
) -> tuple[PoseSequence, int]:
    """Reorder predictions so that each true person has theirs in the same place, NaN for none.

    Args:
        protocol: How people are paired.
        ours: Predictions, on the frames of the truth.
        theirs: Truth.
        what: The sequence, for messages.

    Returns:
        The predictions, and how many true people of all frames have none.

    Raises:
        InputError: If the numbers of people differ, or a field that pairing needs is absent.
    """
    people = len(theirs.position)
    if protocol.pairing == "same":
        if len(ours.position) != people:
            raise InputError(
                f"{what}: predictions hold {len(ours.position)} people, truth {people}; "
                f"{protocol.name} compares each with the one of the same place"
            )
        return ours, int((there(theirs) & ~there(ours)).sum())
    order = np.full((people, len(theirs.frame)), -1)
    missed = 0
    present, wanted = there(ours), there(theirs)
    for row in range(len(theirs.frame)):
        finds, truths = np.flatnonzero(present[:, row]), np.flatnonzero(wanted[:, row])
        matches = _match_frame(protocol, ours, theirs, row, (finds, truths), what)
        order[truths[matches.pairs[:, 1]], row] = finds[matches.pairs[:, 0]]
        missed += len(matches.missed)
    return _take_people(ours, order), missed


def _match_frame(
    protocol: Protocol,
    ours: PoseSequence,
    theirs: PoseSequence,
    row: int,
    people: tuple[np.ndarray, np.ndarray],
    what: str,
) -> Matches:
    finds, truths = people
    if protocol.pairing == "image":
        if ours.image is None or theirs.image is None:
            raise InputError(
                f"{what}: {protocol.name} pairs people by their joints in the image; give the "
                "field image on both sides, or as truth a take with its cameras or the folder that "
                "`marey dataset export` writes"
            )
        return match_by_image(
            ours.image[finds, row],
            theirs.image[truths, row],
            end_early=protocol.has("refusals-use-up-predictions"),
        )
    gap = np.linalg.norm(
        ours.position[finds, None, row] - theirs.position[None, truths, row], axis=-1
    )
    known = np.isfinite(gap)
    total = np.where(known, gap, 0.0).sum(-1)
    return match_by_distance(total / np.where(known.any(-1), known.sum(-1), np.nan))


def there(each: PoseSequence) -> Bool[np.ndarray, "N T"]:
    """Say in which frames a person has at least one keypoint."""
    known = expect(each.position, None)
    return np.any(known if each.confidence is None else known & (each.confidence > 0), axis=-1)


def _take_people(ours: PoseSequence, order: np.ndarray) -> PoseSequence:
    # order: [N T] of which prediction stands for a true person in a frame, -1 for none.
    frames = np.arange(order.shape[1])[None]
    taken = {}
    for name in FIELDS:
        values = getattr(ours, name)
        if values is not None:
            full = np.full((*order.shape, *values.shape[2:]), np.nan, values.dtype)
            found = order >= 0
            full[found] = values[order[found], np.broadcast_to(frames, order.shape)[found]]
            taken[name] = full
    return replace(ours, **taken)
