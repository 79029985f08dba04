"""Following people through one view: who is who, frame by frame, in one causal pass.

A landmark network that looks where it last saw a person is the tracker; the person detector
finds newcomers, confirms, and brings the lost back. The rules, with their reasons:

- Detection runs every few frames, and at once when someone was lost: tracking is cheaper and more
  exact than detection, but never notices a newcomer.
- Two tracks whose landmarks coincide follow one body: during an occlusion the hidden person's
  crop slides onto the visible one. The track that looks less like its own past is taken back to
  before the coincidence and declared lost.
- A body that looks like someone who was lost in that place, and not like its owner, is given back.
- People who overlap are painted over for each other, or the network mixes their limbs.
- Who is lost is looked for once more where they were, as if seen for the first time: a crop that
  went astray must not cost a person who is in plain sight.
- A lost person is remembered for a while and known again by place, size and colours.
- A shot cut ends every track.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from scipy.optimize import linear_sum_assignment

from marey.capture.boxes import area, overlap
from marey.capture.conceal import Concealer
from marey.capture.followed import FollowedPerson, TrackOptions, Trail
from marey.capture.identities import Identities
from marey.capture.views.sightings import Sightings
from marey.models.protocols import (
    LandmarkEstimator,
    PersonBoxes,
    PersonDetector,
    PersonLandmarks,
    takes_masks,
)

Image = UInt8[np.ndarray, "H W 3"]


class PeopleTracker:
    """Follows everyone in one view; frames are pushed in order."""

    def __init__(
        self,
        detector: PersonDetector,
        estimator: LandmarkEstimator,
        pool: Executor,
        options: TrackOptions | None = None,
        *,
        spill: Path | None = None,
    ):
        """Begin before the first frame.

        Args:
            detector: Finds people.
            estimator: Finds their landmarks.
            pool: Where the networks run.
            options: When to look and when to give up.
            spill: An existing folder for what was found of people a while ago; None keeps all in
                memory.
        """
        self.detector, self.estimator, self.pool = detector, estimator, pool
        self.options = options or TrackOptions()
        self._identities = Identities(estimator.skeleton, self.options)
        self._concealer = Concealer(estimator.skeleton)
        self._tracks: list[Trail] = []
        self._finished: list[FollowedPerson] = []
        self._spill, self._num_started = spill, 0
        self._rejected: list[tuple[float, Float[np.ndarray, 4]]] = []
        self._since_detection = 10**9
        self._hurry = True
        self._num_frames = 0

    def push(self, index: int, time: float, image: Image, *, cut: bool = False) -> None:
        """Take the next frame.

        Args:
            index: Frame number in the clip.
            time: Its time, s.
            image: RGB frame.
            cut: Whether a new shot begins here.
        """
        if cut:
            self._end(self._tracks)
            self._hurry = True
        due = self._hurry or self._since_detection + 1 >= self.options.detect_every
        following = self._follow(image)
        detection = self.pool.submit(self.detector.detect, [image]) if due else None
        for track, job in following:
            self._update(track, job.result(), time)
        self._hurry |= self._identities.resolve_duplicates(image, self._tracks)
        self._hurry |= self._identities.return_strays(image, self._tracks, time)
        self._since_detection += 1
        if detection is not None:
            self._since_detection = 0
            self._associate(index, time, image, detection.result()[0])
        self._record(index, image)
        self._forget(time)
        self._num_frames += 1

    def finish(self, frame_rate: float) -> list[FollowedPerson]:
        """End all tracks and return the people, in order of appearance, without fleeting ones."""
        self._end(self._tracks)
        needed = min(round(self.options.min_duration * frame_rate), (self._num_frames + 1) // 2)
        kept = [person for person in self._finished if person.results.num_seen >= needed]
        for person in self._finished:
            if person.results.num_seen < needed:
                person.results.discard()
        return sorted(kept, key=lambda person: person.start)

    def complain(self, kept: Sequence[FollowedPerson], names: Sequence[str]) -> tuple[str, ...]:
        """Say what was odd, a sentence each, with the names of those who were kept."""
        return ()

    @property
    def num_active(self) -> int:
        """People being followed right now."""
        return sum(not track.lost for track in self._tracks)

    def _follow(self, image: Image) -> list[tuple[Trail, Future[PersonLandmarks | None]]]:
        active = [track for track in self._tracks if not track.lost]
        boxes = np.array([track.box for track in active]).reshape(-1, 4)
        _, shared = overlap(boxes, boxes)
        np.fill_diagonal(shared, 0.0)
        jobs = []
        for track, row in zip(active, shared > self.options.conceal_overlap, strict=True):
            near = [other.last for other, close in zip(active, row, strict=True) if close]
            jobs.append((track, self.pool.submit(self._look_for, image, track, near)))
        return jobs

    def _look_for(
        self, image: Image, track: Trail, near: list[PersonLandmarks]
    ) -> PersonLandmarks | None:
        """Return a followed person's landmarks in the next frame; None if they are lost."""
        alone = self._concealer.conceal(image, track.last, near)
        if near and takes_masks(self.estimator):
            mask = self._concealer.outline(image.shape[:2], track.last)
            result = self.estimator.locate_masked(image, None, track.last, mask)
        else:
            result = self.estimator.locate(alone, None, track.last)
        if self._continues(track, result, self.options.min_score, self.options.min_overlap):
            return result
        options = self.options
        again = self.estimator.locate(alone, track.box, None)
        found = self._continues(
            track, again, options.found_again_score, options.found_again_overlap
        )
        return again if found else None

    def _continues(
        self, track: Trail, result: PersonLandmarks, min_score: float, min_overlap: float
    ) -> bool:
        shared, _ = overlap(track.box[None], result.box[None])
        return self._acceptable(result, min_score) and bool(shared[0, 0] >= min_overlap)

    def _update(self, track: Trail, result: PersonLandmarks | None, time: float) -> None:
        if result is None:
            track.lose()
            self._hurry = True
        else:
            track.accept(result, time)

    def _acceptable(self, result: PersonLandmarks, min_score: float) -> bool:
        sides = result.box[2:] - result.box[:2]
        # A NaN box compares false.
        return result.score >= min_score and bool(sides.max() >= self.options.min_height)

    def _associate(self, index: int, time: float, image: Image, found: PersonBoxes) -> None:
        self._hurry = False
        tall = (found.box[:, 2:] - found.box[:, :2]).max(-1) >= self.options.min_height
        boxes, confidence = found.box[tall], found.confidence[tall]
        free = np.ones(len(boxes), bool)
        active = [track for track in self._tracks if not track.lost]
        for row, track in _match(boxes, active):
            free[row] = False
            track.last_confirmed = time
        self._identities.learn(image, active)
        wanted = free & (confidence >= self.options.new_confidence)
        self._look_at(index, time, image, boxes[wanted])

    def _look_at(
        self, index: int, time: float, image: Image, candidates: Float[np.ndarray, "D 4"]
    ) -> None:
        pause = self.options.rejected_pause
        self._rejected = [(when, box) for when, box in self._rejected if time - when < pause]
        if self._rejected and len(candidates) and self.num_active > 0:
            shared, _ = overlap(candidates, np.array([box for _, box in self._rejected]))
            # Whoever is large in the picture matters enough to be tried at every detection.
            large = candidates[:, 3] - candidates[:, 1] > 0.25 * image.shape[0]
            candidates = candidates[(shared < 0.5).all(1) | large]
        # The largest first: a bystander at the far end can wait.
        most = self.options.new_candidates if self.num_active else len(candidates)
        candidates = candidates[np.argsort(-area(candidates))][:most]
        jobs: list[Future[PersonLandmarks]] = [
            self.pool.submit(self.estimator.locate, image, box, None) for box in candidates
        ]
        for box, job in zip(candidates, jobs, strict=True):
            result = job.result()
            if self._is_sound(result, box) and self._is_new(result):
                self._admit(index, time, image, result)
            else:
                self._rejected.append((time, box))

    def _is_sound(self, result: PersonLandmarks, box: Float[np.ndarray, "4"]) -> bool:
        if not self._acceptable(result, self.options.new_score):
            return False
        # A body that fills only part of the box it was looked for in is a fancy of the network.
        shared, _ = overlap(result.box[None], box[None])
        return bool(shared[0, 0] > 0.3)

    def _is_new(self, result: PersonLandmarks) -> bool:
        active = (track for track in self._tracks if not track.lost)
        return all(self._identities.oks(track.last, result) < 0.5 for track in active)

    def _admit(self, index: int, time: float, image: Image, result: PersonLandmarks) -> None:
        colours = self._identities.describe(image, result)
        known = self._identities.recognise(self._tracks, time, result, colours)
        if known is None:
            person = FollowedPerson(index, Sightings(self._next_file()))
            track = Trail(person, result, result.box, time, time, colours)
            self._tracks.append(track)
            return
        known.accept(result, time)
        known.last_confirmed = time

    def _next_file(self) -> Path | None:
        self._num_started += 1
        return None if self._spill is None else self._spill / f"{self._num_started}.rows"

    def _record(self, index: int, image: Image) -> None:
        for track in self._tracks:
            track.collect()
            results = track.person.results
            gap = index - track.person.start - len(results)
            for _ in range(gap + 1):
                results.append(None)
            if track.lost:
                track.completed = None
                continue
            # Hands of this frame are found while the body is looked for in the next.
            job = self.pool.submit(self.estimator.complete, image, track.last, track.completed)
            track.pending = (len(results) - 1, job)

    def _forget(self, time: float) -> None:
        gone = [
            track
            for track in self._tracks
            if (track.lost and time - track.last_seen > self.options.memory)
            or (time - track.last_confirmed > self.options.unsupported and track.score < 0.8)
        ]
        self._end(gone)

    def _end(self, tracks: list[Trail]) -> None:
        for track in list(tracks):
            track.collect()
            results = track.person.results
            results.trim()
            if results:
                results.flush()
                self._finished.append(track.person)
        self._tracks = [track for track in self._tracks if track not in tracks]


def _match(boxes: Float[np.ndarray, "D 4"], tracks: list[Trail]) -> Iterator[tuple[int, Trail]]:
    """Pair detections with tracks one to one, by overlap."""
    if len(boxes) == 0 or not tracks:
        return
    union, smaller = overlap(boxes, np.array([track.box for track in tracks]))
    # A landmark box is tighter than a detector's: being inside counts almost as much as equality.
    score = union + 0.5 * smaller
    rows, columns = linear_sum_assignment(-score)
    for row, column in zip(rows, columns, strict=True):
        if union[row, column] > 0.2 or smaller[row, column] > 0.6:
            yield int(row), tracks[column]
