"""Following people through one view with masks of them: each is looked at without the others.

A mask that shows nobody who is followed yet is where a newcomer is looked for; whoever has no mask
is followed as always (`marey.capture.track`). Which mask is whose is decided frame by frame, by the
keypoints of the frame before; that masks were exchanged is said in the end.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from marey.capture.followed import FollowedPerson, TrackOptions, Trail
from marey.capture.masks.keypoints import MaskOptions, box_of_mask, locate_masked
from marey.capture.masks.people import hold_points
from marey.capture.masks.shown import ShownMasks
from marey.capture.masks.votes import MaskVotes
from marey.capture.track import Image, PeopleTracker
from marey.io.masks import FrameMasks
from marey.models.protocols import LandmarkEstimator, PersonDetector, PersonLandmarks

ReadMasks = Callable[[int], FrameMasks | None]
"""Returns the masks of a frame of the clip, if there are any."""

_NEAR = 0.03
"""What lies farther from a mask is not of its person, of the person's longer side."""
_FOREIGN = 0.5
"""Share of its points in masks from which on somebody without a mask is nobody."""


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
        self._look: ShownMasks | None = None
        self._time, self._votes = 0.0, MaskVotes()

    def push(self, index: int, time: float, image: Image, *, cut: bool = False) -> None:
        """Take the next frame."""
        if cut:
            self._votes.forget()
        self._time = time
        self._look = self._pair(self._read_masks(index))
        super().push(index, time, image, cut=cut)

    def complain(self, kept: Sequence[FollowedPerson], names: Sequence[str]) -> tuple[str, ...]:
        """Say where masks show somebody else than they usually do."""
        return self._votes.complain(kept, names)

    def _pair(self, found: FrameMasks | None) -> ShownMasks | None:
        """Decide whose the masks of a frame are, by where everyone was a frame ago."""
        if found is None:
            self._votes.skip()
            return None
        active = [track for track in self._tracks if not track.lost]
        person = self._votes.assign(found, active)
        trails = tuple(active[row] if row >= 0 else None for row in person.tolist())
        box = np.stack([box_of_mask(mask) for mask in found.mask])
        return ShownMasks(masks=found.mask, box=box, trails=trails)

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
        self, image: Image, track: Trail, look: ShownMasks, row: int
    ) -> PersonLandmarks | None:
        """Return the landmarks of a followed person whose mask is known; None if they are lost."""
        options = self.options
        bare = [each.last for each in self._tracks if not each.lost and look.of(each) is None]
        image = self._concealer.conceal(image, track.last, bare)
        result = self._locate(image, look, row, track.last)
        continues = self._continues(track, result, options.min_score, options.min_overlap)
        if continues and look.holds(row, result):
            return result
        again = self._locate_alone(image, look, row)
        good = self._acceptable(again, options.found_again_score)
        return again if good and look.fills(row, again) else None

    def _locate(
        self, image: Image, look: ShownMasks, row: int, previous: PersonLandmarks | None
    ) -> PersonLandmarks:
        return locate_masked(
            self.estimator, image, None, look.masks, row, previous=previous, options=self._use
        )

    def _locate_alone(self, image: Image, look: ShownMasks, row: int) -> PersonLandmarks:
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

    def _admit_masks(self, index: int, image: Image, look: ShownMasks) -> None:
        """Begin to follow whomever a mask shows that nobody has."""
        for row, trail in enumerate(look.trails):
            sides = look.box[row, 2:] - look.box[row, :2]
            if trail is not None or not sides.max() >= self.options.min_height:
                continue
            result = self._locate(image, look, row, None)
            if not (look.fills(row, result) and look.holds(row, result)):
                result = self._locate_alone(image, look, row)
            sound = self._acceptable(result, self.options.found_again_score)
            if sound and look.fills(row, result) and super()._is_new(result):
                self._admit(index, self._time, image, result)
