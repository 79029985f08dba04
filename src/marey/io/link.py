"""Who is who from frame to frame, for files that do not say.

Greedy: in every frame the pair of a person followed so far and a sighting with the greatest object
keypoint similarity (OKS, as COCO measures it) is taken first. Whoever is like nobody seen within
the last frames is somebody new. People who cross or stand close can be confused; a file with track
identities is better.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from marey.core import Skeleton
from marey.io.sightings import Sighting

MIN_OKS = 0.2
"""Least similarity of one person in two neighbouring frames; fast limbs lower it."""
MAX_GAP = 15
"""Frames after which a person who is not seen is given up."""
UNKNOWN_SIGMA = 0.08
"""OKS sigma of keypoints without a published one."""


def link_sightings(sightings: Sequence[Sighting], skeleton: Skeleton) -> list[str]:
    """Name each sighting: its own name if it has one, else by likeness to the frames before.

    Args:
        sightings: Everyone in every frame, of one skeleton.
        skeleton: The skeleton.

    Returns:
        A name for each sighting, in their order; new people are 01, 02, ...
    """
    names = [sighting.person or "" for sighting in sightings]
    taken = {name for name in names if name}
    followed: dict[str, Sighting] = {}
    count = 0
    unnamed = [row for row, name in enumerate(names) if not name]
    for frame in sorted({sightings[row].frame for row in unnamed}):
        followed = {k: v for k, v in followed.items() if frame - v.frame <= MAX_GAP}
        here = [row for row in unnamed if sightings[row].frame == frame]
        for row, name in _match(here, sightings, followed, skeleton).items():
            names[row] = name
        for row in here:
            while not names[row]:
                count += 1
                candidate = f"{count:02d}"
                names[row] = "" if candidate in taken else candidate
            followed[names[row]] = sightings[row]
    return names


def _match(
    here: list[int],
    sightings: Sequence[Sighting],
    followed: dict[str, Sighting],
    skeleton: Skeleton,
) -> dict[int, str]:
    if not followed or not here:
        return {}
    people = list(followed)
    likeness = np.stack([_oks([followed[n] for n in people], sightings[r], skeleton) for r in here])
    found: dict[int, str] = {}
    while likeness.max() >= MIN_OKS:
        row, column = np.unravel_index(int(likeness.argmax()), likeness.shape)
        found[here[row]] = people[column]
        likeness[row, :] = likeness[:, column] = -1
    return found


def _oks(before: list[Sighting], now: Sighting, skeleton: Skeleton) -> Float[np.ndarray, "P"]:
    """Return the similarity of one sighting to each of P earlier ones; 0 without common points."""
    published = skeleton.oks_sigmas or (np.nan,) * len(skeleton)
    sigma = np.nan_to_num(np.array(published), nan=UNKNOWN_SIGMA)
    position = np.stack([sighting.position for sighting in before])
    common = np.stack([sighting.confidence for sighting in before]) * now.confidence > 0
    seen = now.position[now.confidence > 0]
    area = np.prod(np.maximum(np.ptp(seen, axis=0), 1.0)) if len(seen) else 1.0
    distance = np.where(common[..., None], position - now.position, 0.0)
    squared = (distance**2).sum(-1)
    similarity = np.exp(-squared / (2 * area * (2 * sigma) ** 2)) * common
    return similarity.sum(-1) / np.maximum(common.sum(-1), 1)
