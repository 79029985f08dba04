"""Following people: CLEAR MOT and identity figures (motmetrics), and HOTA.

motmetrics has no HOTA in a release, and the packages that have it bring a second OpenCV that
overwrites ours; `hota` is therefore our own, checked against TrackEval's (docs/metrics.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from marey.core.errors import MissingExtraError

_ALPHAS = np.arange(1, 20) * 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFrame:
    """Who was followed and who is there, in one frame."""

    predicted: Int[np.ndarray, "D"]
    """Track of each find."""
    truth: Int[np.ndarray, "N"]
    """True identities."""
    similarity: Float[np.ndarray, "D N"]
    """How well they agree, 0..1 (OKS, IoU); NaN counts as 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mot:
    """CLEAR MOT and identity figures (Bernardin 2008; Ristani, ECCVW 2016)."""

    mota: float
    """1 - (misses + false finds + switches) / true people; may be negative."""
    motp: float
    """Mean similarity of the matches."""
    idf1: float
    num_switches: int
    num_misses: int
    num_false: int
    num_people: int
    """True people, all frames together."""
    num_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hota:
    """Higher order tracking accuracy (Luiten et al., IJCV 2021): means over alpha .05 to .95."""

    hota: float
    detection: float
    """DetA."""
    association: float
    """AssA."""
    localisation: float
    """LocA."""
    num_frames: int


def mot(frames: Sequence[TrackedFrame], *, threshold: float = 0.5) -> Mot:
    """Count misses, false finds and exchanged identities, by motmetrics.

    Args:
        frames: All frames in order.
        threshold: Similarity from which a find may be a person.

    Raises:
        MissingExtraError: If motmetrics is not installed.
    """
    try:
        import motmetrics  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("motmetrics", "tracking", "measuring MOTA") from error
    book = motmetrics.MOTAccumulator(auto_id=True)
    for frame in frames:
        similarity = np.nan_to_num(frame.similarity, nan=0.0).T
        distance = np.where(similarity >= threshold, 1.0 - similarity, np.nan)
        book.update(frame.truth.tolist(), frame.predicted.tolist(), distance)
    names = ["mota", "motp", "idf1", "num_switches", "num_misses", "num_false_positives"]
    table: Any = motmetrics.metrics.create().compute(book, metrics=[*names, "num_objects"])
    row = table.iloc[0]
    return Mot(
        mota=float(row["mota"]),
        motp=1.0 - float(row["motp"]),
        idf1=float(row["idf1"]),
        num_switches=int(row["num_switches"]),
        num_misses=int(row["num_misses"]),
        num_false=int(row["num_false_positives"]),
        num_people=int(row["num_objects"]),
        num_frames=len(frames),
    )


def hota(frames: Sequence[TrackedFrame]) -> Hota:
    """Balance finding and following people: `HOTA = mean_alpha sqrt(DetA AssA)`.

    In each frame people are assigned so that matches of tracks that agree overall come first, and a
    match counts from similarity alpha on (Luiten et al., IJCV 2021, sections 5 to 7).

    Args:
        frames: All frames in order.
    """
    tracks = _indices([frame.predicted for frame in frames])
    people = _indices([frame.truth for frame in frames])
    together = _agreement(frames, tracks, people)
    matched = np.zeros((len(_ALPHAS), *together.shape))
    likeness = np.zeros(len(_ALPHAS))
    for frame in frames:
        rows = np.array([tracks[each] for each in frame.predicted.tolist()], int)
        columns = np.array([people[each] for each in frame.truth.tolist()], int)
        similarity = np.nan_to_num(frame.similarity, nan=0.0)
        pairs = linear_sum_assignment(-together[np.ix_(rows, columns)] * similarity)
        found = similarity[pairs]
        # Rounding must not decide at the border, as in the published implementation.
        right = found[None] >= _ALPHAS[:, None] - np.finfo(float).eps
        # Within a frame each track and each person occur once: no pair is added twice.
        matched[:, rows[pairs[0]], columns[pairs[1]]] += right
        likeness += np.where(right, found, 0.0).sum(-1)
    num_tracked = _lengths([frame.predicted for frame in frames], tracks)
    num_true = _lengths([frame.truth for frame in frames], people)
    hits = matched.sum((1, 2))
    union = num_tracked[:, None] + num_true[None] - matched
    association = (matched * matched / np.maximum(union, 1)).sum((1, 2)) / np.maximum(hits, 1)
    everything = num_tracked.sum() + num_true.sum() - hits
    detection = hits / np.maximum(everything, 1)
    if not frames or not everything.any():
        detection = association = np.full(len(_ALPHAS), np.nan)
    return Hota(
        hota=float(np.sqrt(detection * association).mean()),
        detection=float(detection.mean()),
        association=float(association.mean()),
        localisation=float((likeness / np.maximum(hits, 1) + (hits == 0)).mean()),
        num_frames=len(frames),
    )


def _agreement(
    frames: Sequence[TrackedFrame], tracks: dict[int, int], people: dict[int, int]
) -> Float[np.ndarray, "D N"]:
    # How well each track agrees with each person over the whole recording (Jaccard).
    shared = np.zeros((len(tracks), len(people)))
    for frame in frames:
        rows = [tracks[each] for each in frame.predicted.tolist()]
        columns = [people[each] for each in frame.truth.tolist()]
        similarity = np.nan_to_num(frame.similarity, nan=0.0)
        either = similarity.sum(0)[None] + similarity.sum(1)[:, None] - similarity
        share = np.divide(similarity, either, out=np.zeros_like(similarity), where=either > 0)
        shared[np.ix_(rows, columns)] += share
    num_tracked = _lengths([frame.predicted for frame in frames], tracks)
    num_true = _lengths([frame.truth for frame in frames], people)
    return shared / np.maximum(num_tracked[:, None] + num_true[None] - shared, 1e-12)


def _indices(names: Sequence[Int[np.ndarray, "..."]]) -> dict[int, int]:
    return {
        name: row for row, name in enumerate(sorted({n for each in names for n in each.tolist()}))
    }


def _lengths(
    names: Sequence[Int[np.ndarray, "..."]], rows: dict[int, int]
) -> Float[np.ndarray, "R"]:
    counts = np.zeros(len(rows))
    for each in names:
        for name in each.tolist():
            counts[rows[name]] += 1
    return counts
