"""Following people through one view with masks of them: each is looked at without the others.

A mask that shows nobody who is followed yet is where a newcomer is looked for; whoever has no mask
is followed as always (`marey.capture.track`). Which mask is whose is decided frame by frame, by the
keypoints of the frame before; that masks were exchanged is said in the end.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from marey.capture.boxes import overlap
from marey.capture.followed import FollowedPerson, TrackOptions, Trail
from marey.capture.masks.keypoints import MaskOptions, box_of_mask, locate_masked
from marey.capture.masks.people import (
    LEAST,
    PairedMasks,
    choose_mask,
    hold_points,
    measure_share,
    pair_masks,
    settle_names,
)
from marey.capture.masks.suppress import suppress
from marey.capture.track import Image, PeopleTracker
from marey.io.masks import FrameMasks
from marey.models.protocols import LandmarkEstimator, PersonDetector, PersonLandmarks

ReadMasks = Callable[[int], FrameMasks | None]
"""Returns the masks of a frame of the clip, if there are any."""

_TAKEN, _COVERED = 0.6, 0.8
"""Overlap with a mask's box from which on a detection is of the person in the mask, and share of it
that all masks' boxes cover."""
_NEAR = 0.03
"""What lies farther from a mask is not of its person, of the person's longer side."""
_FOREIGN = 0.5
"""Share of its points in masks from which on somebody without a mask is nobody."""
_PART, _INSIDE = 0.1, 0.6
"""Overlap with the mask's box that a body found in it needs, and share of the body inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One frame's masks, and which of them is whose."""

    masks: Bool[np.ndarray, "M H W"]
    box: Float[np.ndarray, "M 4"]
    trails: tuple[Trail | None, ...]
    """The followed person of each mask."""

    def hide(self, image: Image) -> Image:
        """Return the picture without anybody who has a mask."""
        everybody = np.asarray(self.masks.any(0), np.float32)
        return suppress(image, np.zeros_like(everybody), everybody, method="mean")

    def explains(self, box: Float[np.ndarray, "4"]) -> bool:
        """Tell whether a detection is of people who have masks: two who hug are one to it."""
        union, _ = overlap(box[None], self.box)
        x0, y0, x1, y1 = np.concatenate([np.floor(box[:2]), np.ceil(box[2:])]).clip(0).astype(int)
        covered = np.zeros((max(y1 - y0, 1), max(x1 - x0, 1)), bool)
        for left, top, right, bottom in np.nan_to_num(self.box).round().astype(int):
            covered[
                max(top - y0, 0) : max(bottom - y0, 0), max(left - x0, 0) : max(right - x0, 0)
            ] = True
        return bool((union > _TAKEN).any() or covered.mean() > _COVERED)

    def of(self, track: Trail) -> int | None:
        """Return the row of a person's mask."""
        return next((row for row, each in enumerate(self.trails) if each is track), None)


class MaskedPeopleTracker(PeopleTracker):
    """Follows everyone in one view of whose frames there are masks."""

    def __init__(
        self,
        detector: PersonDetector,
        estimator: LandmarkEstimator,
        pool: Executor,
        options: TrackOptions | None = None,
        *,
        masks: ReadMasks,
        spill: Path | None = None,
        use: MaskOptions | None = None,
    ):
        """Begin before the first frame.

        Args:
            detector: Finds people.
            estimator: Finds their landmarks.
            pool: Where the networks run.
            options: When to look and when to give up.
            masks: The masks of a frame, by its number.
            spill: See `PeopleTracker`.
            use: How masks are used.
        """
        super().__init__(detector, estimator, pool, options, spill=spill)
        self._read_masks, self._use = masks, use or MaskOptions()
        self._look: _Look | None = None
        self._time = 0.0
        self._numbers: dict[int, int] = {}
        """Of everyone who was followed, in order, by the identity of their results."""
        self._votes: dict[str, Counter[int]] = {}
        self._paired: list[PairedMasks | None] = []

    def push(self, index: int, time: float, image: Image, *, cut: bool = False) -> None:
        """Take the next frame."""
        if cut:
            self._votes.clear()
        self._time = time
        self._look = self._pair(self._read_masks(index))
        super().push(index, time, image, cut=cut)

    def complain(self, kept: Sequence[FollowedPerson], names: Sequence[str]) -> tuple[str, ...]:
        """Say where masks show somebody else than they usually do."""
        by_number = {self._number(person): name for person, name in zip(kept, names, strict=True)}
        _, exchanges = settle_names(self._paired)
        count = 1 + max(self._numbers.values(), default=-1)
        people = [by_number.get(number, "somebody") for number in range(count)]
        return tuple(each.describe(people) for each in exchanges)

    def _pair(self, found: FrameMasks | None) -> _Look | None:
        """Decide whose the masks of a frame are, by where everyone was a frame ago."""
        active = [track for track in self._tracks if not track.lost]
        if found is None:
            self._paired.append(None)
            return None
        numbers = np.array([self._number(track.person) for track in active], int)
        person = self._assign(found, active, numbers)
        trails = tuple(active[row] if row >= 0 else None for row in person.tolist())
        box = np.stack([box_of_mask(mask) for mask in found.mask])
        return _Look(masks=found.mask, box=box, trails=trails)

    def _assign(
        self, found: FrameMasks, active: Sequence[Trail], numbers: Int[np.ndarray, "N"]
    ) -> Int[np.ndarray, "M"]:
        if not active:
            self._paired.append(None)
            return np.full(len(found.people), -1)
        position = np.stack([track.last.position for track in active])
        confidence = np.stack([track.last.confidence for track in active])
        share = measure_share(found.mask, position, confidence)
        paired = pair_masks(found.people, share)
        rows = {int(number): row for row, number in enumerate(numbers)}
        usual = {
            name: rows[count.most_common(1)[0][0]]
            for name, count in self._votes.items()
            if count.most_common(1)[0][0] in rows
        }
        person = choose_mask(paired, usual)
        for name, row in zip(found.people, paired.person.tolist(), strict=True):
            if row >= 0:
                self._votes.setdefault(name, Counter())[int(numbers[row])] += 1
        self._paired.append(_by_number(paired, numbers))
        return person

    def _number(self, person: FollowedPerson) -> int:
        return self._numbers.setdefault(id(person), len(self._numbers))

    def _follow(self, image: Image) -> list[tuple[Trail, Future[PersonLandmarks | None]]]:
        look = self._look
        if look is None:
            return super()._follow(image)
        masked = [(track, look.of(track)) for track in self._tracks if not track.lost]
        jobs = [
            (track, self.pool.submit(self._look_by_mask, image, track, look, row))
            for track, row in masked
            if row is not None
        ]
        others = [track for track, row in masked if row is None]
        bare = look.hide(image) if others else image
        for track in others:
            near = [other.last for other in others if other is not track]
            jobs.append((track, self.pool.submit(self._look_for, bare, track, near)))
        return jobs

    def _look_by_mask(
        self, image: Image, track: Trail, look: _Look, row: int
    ) -> PersonLandmarks | None:
        """Return the landmarks of a followed person whose mask is known; None if they are lost."""
        options = self.options
        bare = [each.last for each in self._tracks if not each.lost and look.of(each) is None]
        image = self._concealer.conceal(image, track.last, bare)
        result = self._locate(image, look, row, track.last)
        continues = self._continues(track, result, options.min_score, options.min_overlap)
        if continues and _lies_in(look.masks[row], result):
            return result
        again = self._locate_alone(image, look, row)
        good = self._acceptable(again, options.found_again_score)
        return again if good and _fills(look.box[row], again) else None

    def _locate(
        self, image: Image, look: _Look, row: int, previous: PersonLandmarks | None
    ) -> PersonLandmarks:
        return locate_masked(
            self.estimator, image, None, look.masks, row, previous=previous, options=self._use
        )

    def _locate_alone(self, image: Image, look: _Look, row: int) -> PersonLandmarks:
        """Look once more, with all painted over that is not near the mask: others may have none."""
        own = look.masks[row]
        extent = float(np.max(look.box[row, 2:] - look.box[row, :2]))
        away = cv2.distanceTransform((~own).astype(np.uint8), cv2.DIST_L2, 3) > _NEAR * extent
        masks = np.stack([own, away])
        return locate_masked(self.estimator, image, look.box[row], masks, 0, options=self._use)

    def _look_at(
        self, index: int, time: float, image: Image, candidates: Float[np.ndarray, "D 4"]
    ) -> None:
        """Look for people without a mask where those with one are painted over."""
        look = self._look
        if look is not None and len(candidates):
            candidates = candidates[[not look.explains(box) for box in candidates]]
            image = look.hide(image) if len(candidates) else image
        super()._look_at(index, time, image, candidates)

    def _is_new(self, result: PersonLandmarks) -> bool:
        # A silhouette that was painted over still looks like somebody.
        known = result.position[result.confidence > 0]
        if self._look is not None and len(known):
            everybody = np.asarray(self._look.masks.any(0))
            if hold_points(everybody, known).mean() > _FOREIGN:
                return False
        return super()._is_new(result)

    def _record(self, index: int, image: Image) -> None:
        if self._look is not None:
            self._admit_masks(index, image, self._look)
        super()._record(index, image)

    def _admit_masks(self, index: int, image: Image, look: _Look) -> None:
        """Begin to follow whomever a mask shows that nobody has."""
        for row, trail in enumerate(look.trails):
            sides = look.box[row, 2:] - look.box[row, :2]
            if trail is not None or not sides.max() >= self.options.min_height:
                continue
            result = self._locate(image, look, row, None)
            if not (_fills(look.box[row], result) and _lies_in(look.masks[row], result)):
                result = self._locate_alone(image, look, row)
            sound = self._acceptable(result, self.options.found_again_score)
            if sound and _fills(look.box[row], result) and super()._is_new(result):
                self._admit(index, self._time, image, result)


def _fills(box: Float[np.ndarray, "4"], result: PersonLandmarks) -> bool:
    """Tell whether a body lies in a mask's box; in a hug, only part of one may be sure."""
    union, smaller = overlap(box[None], result.box[None])
    return bool(union[0, 0] > _PART and smaller[0, 0] > _INSIDE)


def _lies_in(mask: Bool[np.ndarray, "H W"], result: PersonLandmarks) -> bool:
    share = measure_share(mask[None], result.position[None], result.confidence[None])
    return bool(share[0, 0] >= LEAST)


def _by_number(paired: PairedMasks, numbers: Int[np.ndarray, "N"]) -> PairedMasks:
    """Return the same with people by their numbers, whoever is followed in the frame."""
    share = np.zeros((len(paired.names), int(numbers.max()) + 1))
    share[:, numbers] = paired.share
    person = np.where(paired.person >= 0, numbers[paired.person], -1)
    return PairedMasks(names=paired.names, share=share, person=person)
