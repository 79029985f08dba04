"""Whom to calibrate by before it is known who is who across views: one person that all views see.

In each view, tracks that are never there at once make a chain. Two chains of two views are of one
person if one epipolar geometry explains them (essential matrix); by chance it explains little. Who
stands still is explained by many, and says little: what is explained counts by how far it moves.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float

from marey.capture.pipeline import Seen

Chain = tuple[int, ...]
"""Followed people of a view that may be one person."""

_MOST_CHAINS = 4
_MOST_POINTS, _FEWEST = 600, 30
_AGREE = 0.005
_MOST_PARTNERS = 3
_OFTEN = 0.3
"""Share of the frames in which a point is seen, to be asked how far it moves."""


def find_chains(seen: Seen) -> list[Chain]:
    """Return the chains of a view: who fills most of the pictures first.

    Args:
        seen: What the view saw.
    """
    sizes = []
    for track in seen.tracks.tracks:
        extent = np.nan_to_num(track.box[:, 2:] - track.box[:, :2])
        sizes.append(float(np.sqrt(np.maximum(extent.prod(1), 0)).sum()))
    left = [int(row) for row in np.argsort(sizes)[::-1]]
    chains: list[Chain] = []
    while left and len(chains) < _MOST_CHAINS:
        taken, chain = np.zeros(len(seen.clip.time), bool), []
        for row in left:
            span = slice(seen.tracks.tracks[row].start, seen.tracks.tracks[row].stop)
            if not taken[span].any():
                chain.append(row)
                taken[span] = True
        left = [row for row in left if row not in chain]
        chains.append(tuple(chain))
    return chains


def choose_anchor(rays: Sequence[Float[np.ndarray, "N T K 2"]]) -> list[int]:
    """Return the chain of each view that is the same person, the one most is known of.

    Args:
        rays: Per view, its chains' points on the plane z = 1 on one clock; NaN where unseen.
    """
    num = len(rays)
    if all(len(view) <= 1 for view in rays):
        return [0] * num
    best, pair = -1.0, (0, 0, 0, 0)
    tables: dict[tuple[int, int], Float[np.ndarray, "N M"]] = {}
    for first in range(num):
        for second in range(first + 1, min(first + 1 + _MOST_PARTNERS, num)):
            table = _compare(rays[first], rays[second])
            tables[first, second] = table
            if table.size and table.max() > best:
                i, j = np.unravel_index(int(table.argmax()), table.shape)
                best, pair = float(table.max()), (first, second, int(i), int(j))
    chosen = {pair[0]: pair[2], pair[1]: pair[3]}
    while len(chosen) < num:
        view = min(
            (v for v in range(num) if v not in chosen),
            key=lambda v: min(abs(v - c) for c in chosen),
        )
        partners = sorted(chosen, key=lambda c: abs(c - view))[:_MOST_PARTNERS]
        total = np.zeros(max(len(rays[view]), 1))
        for other in partners:
            key = (min(view, other), max(view, other))
            if key not in tables:
                tables[key] = _compare(rays[key[0]], rays[key[1]])
            table = tables[key] if key[0] == other else tables[key].T
            if table.size:
                total += table[chosen[other]]
        chosen[view] = int(total.argmax())
    return [chosen[view] for view in range(num)]


def count_agreeing(
    one: Float[np.ndarray, "*points 2"], other: Float[np.ndarray, "*points 2"]
) -> float:
    """Return how many points one epipolar geometry explains, less where it explains few of them."""
    both = np.isfinite(one).all(-1) & np.isfinite(other).all(-1)
    a, b = one[both].astype(np.float64), other[both].astype(np.float64)
    if len(a) < _FEWEST:
        return 0.0
    rows = np.linspace(0, len(a) - 1, min(len(a), _MOST_POINTS)).astype(int)
    E, mask = cv2.findEssentialMat(a[rows], b[rows], np.eye(3), cv2.RANSAC, 0.99, _AGREE)
    if E is None or mask is None:
        return 0.0
    share = float(np.asarray(mask).astype(bool).mean())
    return share**2 * len(a)


def _compare(
    one: Float[np.ndarray, "N T K 2"], other: Float[np.ndarray, "M T K 2"]
) -> Float[np.ndarray, "N M"]:
    score = [[count_agreeing(a, b) for b in other] for a in one]
    moved = [[min(_find_movement(a), _find_movement(b)) for b in other] for a in one]
    return np.multiply(score, moved).reshape(len(one), len(other))


def _find_movement(points: Float[np.ndarray, "T K 2"]) -> float:
    """Return how far points move, on the plane z = 1."""
    often = np.isfinite(points[..., 0]).sum(0) >= _OFTEN * len(points)
    if not often.any():
        return 0.0
    low, high = np.nanpercentile(points[:, often], [10, 90], axis=0)
    return float(np.median(np.linalg.norm(high - low, axis=-1)))
