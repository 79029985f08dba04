"""What several cameras saw, brought to one clock.

Views run on their own clocks, at their own rates; `time_offset` carries each to the common one. A
moment of the common clock that falls between two frames of a view gets their linear interpolation;
one that falls on a frame gets that frame as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from marey.core import Keypoints2D, Person, Skeleton, Track

_SAME_S = 1e-4
_WIDEST_GAP = 2.5
"""Frames of a view between which nothing is interpolated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Between which frames of a view the moments of a clock lie."""

    before: Int[np.ndarray, "T"]
    after: Int[np.ndarray, "T"]
    """Frames of the view; -1 where it has none."""
    share: Float[np.ndarray, "T"]
    """Of the way from the one to the other."""

    @property
    def nearest(self) -> Int[np.ndarray, "T"]:
        """The frame that is nearest; -1 where the view has none."""
        return np.where(self.share < 0.5, self.before, self.after)


def find_steps(own: Float[np.ndarray, "L"], clock: Float[np.ndarray, "T"]) -> Steps:
    """Find the frames around every moment of a clock.

    Args:
        own: Times of a view's frames on the common clock, s.
        clock: The moments, s.
    """
    usual = float(np.median(np.diff(own))) if len(own) > 1 else np.inf
    after = np.searchsorted(own, clock - _SAME_S)
    after = np.minimum(after, len(own) - 1)
    before = np.maximum(after - 1, 0)
    exact = np.abs(own[after] - clock) <= _SAME_S
    before = np.where(exact, after, before)
    length = own[after] - own[before]
    share = np.where(length > 0, (clock - own[before]) / np.where(length > 0, length, 1.0), 0.0)
    inside = (clock >= own[0] - _SAME_S) & (clock <= own[-1] + _SAME_S)
    inside &= length <= _WIDEST_GAP * usual
    return Steps(
        before=np.where(inside, before, -1),
        after=np.where(inside, after, -1),
        share=np.where(exact, 0.0, share),
    )


def choose_clock(views: Sequence[Float[np.ndarray, "_"]]) -> Float[np.ndarray, "T"]:
    """Return the frames of the fastest view as the clock of all, where two views or more film.

    Args:
        views: Times of each view's frames on the common clock, s; frames of the first of the
            fastest count.
    """
    intervals = [np.median(np.diff(own)) if len(own) > 1 else np.inf for own in views]
    clock = views[int(np.argmin(np.round(intervals, 6)))]
    running = [(clock >= own[0] - _SAME_S) & (clock <= own[-1] + _SAME_S) for own in views]
    return clock[np.sum(running, 0) >= min(2, len(views))]


def find_owners(people: Sequence[Person], *, view: int, num_frames: int) -> Int[np.ndarray, "L"]:
    """Return which of a view's followed people each of its frames shows; -1 for none.

    Args:
        people: Those who count as one; where several are seen at once, the surest counts.
        view: Which of their keypoints.
        num_frames: Number of the view's frames.
    """
    owner, best = np.full(num_frames, -1), np.zeros(num_frames)
    for number, person in enumerate(people):
        sure = person.keypoints2d[view].confidence[0].mean(1)
        span = np.arange(person.start, person.stop)
        surer = sure > best[span]
        owner[span[surer]], best[span[surer]] = number, sure[surer]
    return owner


def gather_keypoints(
    people: Sequence[Person],
    *,
    view: int,
    name: str,
    skeleton: Skeleton,
    steps: Steps,
    num_frames: int,
    clock: Float[np.ndarray, "T"],
) -> Keypoints2D:
    """Return what one view saw of one person, at the moments of a clock.

    Args:
        people: The view's followed people who are this person; where several are seen at once, the
            surest counts.
        view: Which of their keypoints.
        name: The person's name.
        skeleton: Of the keypoints.
        steps: Where the moments lie among the view's frames.
        num_frames: Number of the view's frames.
        clock: The moments, s.
    """
    shape = (num_frames, len(skeleton))
    position = np.full((*shape, 2), np.nan, np.float32)
    confidence, sigma = np.zeros(shape, np.float32), np.full(shape, np.nan, np.float32)
    owner = find_owners(people, view=view, num_frames=num_frames)
    for number, person in enumerate(people):
        block, taken = person.keypoints2d[view], np.flatnonzero(owner == number)
        rows = taken - person.start
        position[taken], confidence[taken] = block.position[0, rows], block.confidence[0, rows]
        sigma[taken] = np.nan if block.sigma is None else block.sigma[0, rows]
    return Keypoints2D(
        skeleton=skeleton,
        people=(name,),
        time=clock,
        **_between(position, confidence, sigma, steps),
    )


def _between(
    position: Float[np.ndarray, "L K 2"],
    confidence: Float[np.ndarray, "L K"],
    sigma: Float[np.ndarray, "L K"],
    steps: Steps,
) -> dict[str, Float[np.ndarray, "..."]]:
    share = steps.share[:, None].astype(np.float32)
    at, to = steps.before, steps.after
    moved = position[at] + share[..., None] * (position[to] - position[at])
    sure = np.minimum(confidence[at], confidence[to])
    moved = np.where((share == 0)[..., None], position[at], moved)
    sure = np.where(share == 0, confidence[at], sure)
    missing = (at < 0)[:, None] | ~np.isfinite(moved).all(-1) | (sure <= 0)
    spread = np.where(share == 0, sigma[at], np.maximum(sigma[at], sigma[to]))
    return {
        "position": np.where(missing[..., None], np.nan, moved)[None],
        "confidence": np.where(missing, np.float32(0), sure)[None],
        "sigma": np.where(missing, np.nan, spread)[None],
    }


def gather_track(
    tracks: Sequence[Track], *, name: str, steps: Steps, owner: Int[np.ndarray, "T"] | None = None
) -> Track | None:
    """Return one person's boxes in one view at the moments of a clock; None if there are none.

    Args:
        tracks: The view's tracks.
        name: The person's name.
        steps: Where the moments lie among the view's frames.
        owner: Which of the tracks is the person at each moment, -1 for none; the surest if None.
    """
    nearest = steps.nearest
    box = np.full((len(nearest), 4), np.nan, np.float32)
    confidence = np.zeros(len(nearest), np.float32)
    for number, track in enumerate(tracks):
        inside = (nearest >= track.start) & (nearest < track.stop)
        rows = np.flatnonzero(inside if owner is None else inside & (owner == number))
        own = nearest[rows] - track.start
        surer = track.confidence[own] > confidence[rows]
        box[rows[surer]] = track.box[own[surer]]
        confidence[rows[surer]] = track.confidence[own[surer]]
    seen = np.flatnonzero(confidence > 0)
    if not len(seen):
        return None
    span = slice(int(seen[0]), int(seen[-1]) + 1)
    return Track(person=name, start=span.start, box=box[span], confidence=confidence[span])
