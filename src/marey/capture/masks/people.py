"""Whose a given mask is: masks from elsewhere may name people in any way, and exchange them.

A mask belongs to the person whose keypoints lie in it. Where two people touch, some of the one's
points lie in the other's mask, so masks and people are paired one to one, best together (Hungarian
method), frame by frame. The name a mask goes by then belongs to whom it is paired with most; where
the pairing says otherwise, clearly, the masks were exchanged: they are used for whom they show, and
the exchange is said.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment

LEAST = 0.4
"""Share of a person's points that their mask must hold."""
CLEAR = 0.2
"""By how much more an exchanged pairing must explain than the usual one."""
_REACH = 0.01
"""Slack around a mask, of the longer side of a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedMasks:
    """One frame's masks with the people they show."""

    names: tuple[str, ...]
    """Of the masks."""
    share: Float[np.ndarray, "M N"]
    """Of each person's points that each mask holds."""
    person: Int[np.ndarray, "M"]
    """Whom each mask shows; -1 for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Frames in which a mask shows somebody else than its name usually does."""

    name: str
    usual: int
    shown: int
    first: int
    last: int
    """Frames, both included."""

    def describe(self, people: Sequence[str]) -> str:
        """Say it in a sentence."""
        span = (
            f"frame {self.first}"
            if self.first == self.last
            else (f"frames {self.first} to {self.last}")
        )
        return (
            f"the mask '{self.name}' of {people[self.usual]} shows {people[self.shown]} in {span}; "
            f"it is used for {people[self.shown]} there"
        )


def measure_share(
    masks: Bool[np.ndarray, "M H W"],
    position: Float[np.ndarray, "N K 2"],
    confidence: Float[np.ndarray, "N K"],
) -> Float[np.ndarray, "M N"]:
    """Return which share of each person's points, by confidence, lies in each mask.

    Args:
        masks: Of one picture.
        position: Keypoints, px; NaN where missing.
        confidence: 0 to 1.
    """
    share = np.zeros((len(masks), len(position)))
    for person, (points, sure) in enumerate(zip(position, confidence, strict=True)):
        known = np.isfinite(points).all(-1) & (sure > 0)
        if not known.any():
            continue
        extent = float(np.ptp(points[known], axis=0).max())
        for row, mask in enumerate(masks):
            inside = hold_points(mask, points[known], reach=_REACH * extent)
            share[row, person] = np.average(inside, weights=sure[known])
    return share


def hold_points(
    mask: Bool[np.ndarray, "H W"], points: Float[np.ndarray, "P 2"], *, reach: float = 0.0
) -> Bool[np.ndarray, "P"]:
    """Tell which points (px) lie in a mask, or nearer to it than `reach` px."""
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    height, width = mask.shape
    # Where a point is missing it lies in no mask.
    cell = np.floor(np.nan_to_num(points, nan=-1.0)).clip(-1, 2**30).astype(np.int64)
    inside = ((cell >= 0) & (cell < (width, height))).all(-1)
    column, row = cell.clip(0, (width - 1, height - 1)).T
    return inside & (away[row, column] <= reach)


def pair_masks(
    names: Sequence[str], share: Float[np.ndarray, "M N"], *, least: float = LEAST
) -> PairedMasks:
    """Pair masks and people of one frame, one to one, so that most points are explained."""
    person = np.full(len(share), -1)
    rows, columns = linear_sum_assignment(-share)
    good = share[rows, columns] >= least
    person[rows[good]] = columns[good]
    return PairedMasks(names=tuple(names), share=share, person=person)


def settle_names(
    frames: Sequence[PairedMasks | None],
) -> tuple[dict[str, int], tuple[Exchange, ...]]:
    """Find whom each name usually means, and where a mask shows somebody else.

    Args:
        frames: The masks of every frame, paired alone; None where there are none.

    Returns:
        The people by name, and the exchanges in order of their first frames.
    """
    votes: dict[str, Counter[int]] = {}
    for paired in frames:
        for row, name in enumerate(paired.names if paired else ()):
            if paired is not None and paired.person[row] >= 0:
                votes.setdefault(name, Counter())[int(paired.person[row])] += 1
    usual = {name: count.most_common(1)[0][0] for name, count in votes.items()}
    open_runs: dict[tuple[str, int], Exchange] = {}
    found: list[Exchange] = []
    for index, paired in enumerate(frames):
        for row, name in enumerate(paired.names if paired else ()):
            if paired is None or name not in usual:
                continue
            shown = int(paired.person[row])
            if shown in (-1, usual[name]) or not _is_clear(paired, row, usual[name]):
                continue
            run = open_runs.get((name, shown))
            if run is not None and run.last == index - 1:
                found.remove(run)
                first = run.first
            else:
                first = index
            run = Exchange(name=name, usual=usual[name], shown=shown, first=first, last=index)
            open_runs[(name, shown)] = run
            found.append(run)
    return usual, tuple(sorted(found, key=lambda run: (run.first, run.name)))


def choose_mask(paired: PairedMasks, usual: dict[str, int]) -> Int[np.ndarray, "M"]:
    """Return whom each mask of a frame is used for: the usual person, unless clearly another.

    A mask whose name means nobody is used for whom it is paired with; one that holds hardly any of
    its person's points for nobody (-1), as does one whose person another mask shows clearly.
    """
    person = paired.person.copy()
    for row, name in enumerate(paired.names):
        expected = usual.get(name, -1)
        if expected >= 0 and person[row] != expected and not _is_clear(paired, row, expected):
            holds = paired.share[row, expected] >= LEAST
            person[row] = expected if holds else -1
    for one in set(person.tolist()) - {-1}:
        rows = np.flatnonzero(person == one)
        best = rows[np.argmax(paired.share[rows, one])]
        person[rows[rows != best]] = -1
    return person


def _is_clear(paired: PairedMasks, row: int, usual: int) -> bool:
    """Tell whether a mask shows whom it is paired with clearly better than its usual person."""
    shown = int(paired.person[row])
    return shown >= 0 and bool(paired.share[row, shown] >= paired.share[row, usual] + CLEAR)
