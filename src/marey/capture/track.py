"""Following people through one view: who is who, frame by frame, in one causal pass.

A landmark network that looks where it last saw a person is the tracker; the person detector
finds newcomers, confirms, and brings the lost back. The rules, with their reasons:

- Detection runs every few frames, and at once when someone was lost: tracking is cheaper and more
  exact than detection, but never notices a newcomer.
- Two tracks whose landmarks coincide follow one body: during an occlusion the hidden person's
  crop slides onto the visible one. The track that looks less like its own past is taken back to
  before the coincidence and declared lost.
- People who overlap are painted over for each other, or the network mixes their limbs.
- Who is lost is looked for once more where they were, as if seen for the first time: a crop that
  went astray must not cost a person who is in plain sight.
- A lost person is remembered for a while and known again by place, size and colours.
- A shot cut ends every track.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from scipy.optimize import linear_sum_assignment

from marey.capture.appearance import blend, describe_torso, similarity
from marey.capture.boxes import area, centre, overlap
from marey.capture.conceal import Concealer
from marey.capture.sightings import Sighting, Sightings
from marey.core.skeleton import Skeleton, load_skeleton
from marey.models.protocols import LandmarkEstimator, PersonBoxes, PersonDetector, PersonLandmarks

Image = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackOptions:
    """When to look for people and when to give them up."""

    detect_every: int = 6
    """Frames between two runs of the detector while everyone is being followed."""
    new_confidence: float = 0.3
    """Detector confidence that may start a track. It is low because the shipped detector is shy
    (clear people get 0.4 to 0.55); the landmarks have the second word."""
    min_score: float = 0.25
    """Landmark score below which a person is lost in this frame."""
    new_score: float = 0.6
    """Landmark score needed to start a track."""
    new_candidates: int = 4
    """Most newcomers to look at in a frame while others are followed; the rest wait."""
    min_height: float = 64.0
    """Smallest person, px; below it the landmarks mean nothing."""
    duplicate_oks: float = 0.7
    duplicate_frames: int = 3
    in_place: float = 0.35
    """Whoever is seen again so soon in the same place is the same in whatever colours, s."""
    memory: float = 2.0
    """How long a lost person is remembered, s."""
    unsupported: float = 1.5
    """How long a track may live without any detection that confirms it, s."""
    rejected_pause: float = 0.5
    """How long a small box without landmarks worth following is not looked at again, s."""
    min_overlap: float = 0.2
    """A box that shares less than this with the frame before has jumped to someone else."""
    found_again_score: float = 0.4
    found_again_overlap: float = 0.3
    """What a second look at the place where someone was just lost must reach."""
    conceal_overlap: float = 0.1
    """People whose boxes share this much of the smaller one are painted over for each other."""
    min_duration: float = 0.5
    """Shorter tracks are noise, s; in a shorter clip, half of it."""


@dataclass(slots=True, eq=False)
class FollowedPerson:
    """One person as followed: a span of frames with a result or None for each."""

    start: int
    results: Sightings = field(default_factory=Sightings)


@dataclass(slots=True, eq=False)
class _Track:
    person: FollowedPerson
    last: PersonLandmarks
    box: Float[np.ndarray, "4"]
    last_seen: float
    last_confirmed: float
    colours: Float[np.ndarray, "B"] | None = None
    lost: bool = False
    completed: PersonLandmarks | None = None
    """The last complete result, while the person is followed without a break."""
    pending: tuple[int, Future[PersonLandmarks]] | None = None
    """The frame being completed: its row in the person's results, and the job."""
    coinciding: dict["_Track", int] = field(default_factory=dict)
    """Frames in a row during which another track showed the same body."""
    score: float = 1.0


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
        self.points = _Points.of(estimator.skeleton)
        self._concealer = Concealer(estimator.skeleton)
        self._tracks: list[_Track] = []
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
        self._resolve_duplicates(image)
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

    @property
    def num_active(self) -> int:
        """People being followed right now."""
        return sum(not track.lost for track in self._tracks)

    def _follow(self, image: Image) -> list[tuple[_Track, Future[PersonLandmarks | None]]]:
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
        self, image: Image, track: _Track, near: list[PersonLandmarks]
    ) -> PersonLandmarks | None:
        """Return a followed person's landmarks in the next frame; None if they are lost."""
        alone = self._concealer.conceal(image, track.last, near)
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
        self, track: _Track, result: PersonLandmarks, min_score: float, min_overlap: float
    ) -> bool:
        shared, _ = overlap(track.box[None], result.box[None])
        return self._acceptable(result, min_score) and bool(shared[0, 0] >= min_overlap)

    def _update(self, track: _Track, result: PersonLandmarks | None, time: float) -> None:
        if result is None:
            track.lost, self._hurry = True, True
        else:
            self._accept(track, result, time)

    def _accept(self, track: _Track, result: PersonLandmarks, time: float) -> None:
        track.last, track.box, track.last_seen = result, result.box, time
        track.score += 0.1 * (result.score - track.score)
        track.lost = False

    def _acceptable(self, result: PersonLandmarks, min_score: float) -> bool:
        sides = result.box[2:] - result.box[:2]
        # A NaN box compares false.
        return result.score >= min_score and bool(sides.max() >= self.options.min_height)

    def _resolve_duplicates(self, image: Image) -> None:
        active = [track for track in self._tracks if not track.lost]
        for row, one in enumerate(active):
            for other in active[row + 1 :]:
                same = self._oks(one.last, other.last) > self.options.duplicate_oks
                count = one.coinciding.get(other, 0) + 1 if same else 0
                one.coinciding[other] = count
                if count >= self.options.duplicate_frames and not (one.lost or other.lost):
                    self._choose_owner(image, one, other, count)

    def _choose_owner(self, image: Image, one: _Track, other: _Track, count: int) -> None:
        """Give a body that two tracks claim to the one it looks like; the other is lost."""
        shown = describe_torso(image, one.last.position[self.points.torso])
        likeness = similarity(one.colours, shown), similarity(other.colours, shown)
        loser = max(one, other, key=lambda track: track.person.start)
        if likeness[0] is not None and likeness[1] is not None:
            lead = likeness[0] - likeness[1]
            # A small difference is light and shade; then the younger track yields.
            if abs(lead) > 0.1:
                loser = other if lead > 0 else one
        results = loser.person.results
        # This frame is not recorded yet, so count - 1 recorded frames were the wrong body's.
        for back in range(1, min(count - 1, len(results)) + 1):
            results[-back] = None
        loser.lost, loser.pending, loser.coinciding, self._hurry = True, None, {}, True

    def _associate(self, index: int, time: float, image: Image, found: PersonBoxes) -> None:
        self._hurry = False
        tall = (found.box[:, 2:] - found.box[:, :2]).max(-1) >= self.options.min_height
        boxes, confidence = found.box[tall], found.confidence[tall]
        free = np.ones(len(boxes), bool)
        active = [track for track in self._tracks if not track.lost]
        for row, track in _match(boxes, active):
            free[row] = False
            track.last_confirmed = time
        self._remember_colours(active, image)
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
        return all(self._oks(track.last, result) < 0.5 for track in active)

    def _admit(self, index: int, time: float, image: Image, result: PersonLandmarks) -> None:
        colours = describe_torso(image, result.position[self.points.torso])
        known = self._recognise(time, result, colours)
        if known is None:
            person = FollowedPerson(index, Sightings(self._next_file()))
            track = _Track(person, result, result.box, time, time, colours)
            self._tracks.append(track)
            return
        self._accept(known, result, time)
        known.last_confirmed = time

    def _next_file(self) -> Path | None:
        self._num_started += 1
        return None if self._spill is None else self._spill / f"{self._num_started}.rows"

    def _recognise(
        self, time: float, result: PersonLandmarks, colours: Float[np.ndarray, "B"] | None
    ) -> _Track | None:
        best, best_score = None, 0.0
        for track in self._tracks:
            if not track.lost:
                continue
            size = np.sqrt(area(track.box)), np.sqrt(area(result.box))
            ratio = size[0] / max(size[1], 1e-6)
            away = float(np.linalg.norm(centre(track.box) - centre(result.box)))
            reach = (0.5 + 1.5 * (time - track.last_seen)) * max(size)
            alike = similarity(track.colours, colours)
            alike = 0.5 if alike is None else alike
            # Whoever turned round on the spot shows other colours than before.
            shared, _ = overlap(track.box[None], result.box[None])
            soon = time - track.last_seen < self.options.in_place
            in_place = bool(soon and shared[0, 0] > self.options.found_again_overlap)
            if not 0.5 < ratio < 2.0 or away > reach or not (alike >= 0.3 or in_place):
                continue
            score = alike + 0.5 * (1 - away / reach)
            if score > best_score:
                best, best_score = track, score
        return best

    def _remember_colours(self, tracks: list[_Track], image: Image) -> None:
        boxes = np.array([track.box for track in tracks]).reshape(-1, 4)
        _, shared = overlap(boxes, boxes)
        for row, track in enumerate(tracks):
            alone = shared[row].sum() - shared[row, row] < 0.3
            if alone:
                seen = describe_torso(image, track.last.position[self.points.torso])
                track.colours = blend(track.colours, seen)

    def _record(self, index: int, image: Image) -> None:
        for track in self._tracks:
            _collect(track)
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

    def _end(self, tracks: list[_Track]) -> None:
        for track in list(tracks):
            _collect(track)
            results = track.person.results
            results.trim()
            if results:
                results.flush()
                self._finished.append(track.person)
        self._tracks = [track for track in self._tracks if track not in tracks]

    def _oks(self, a: PersonLandmarks, b: PersonLandmarks) -> float:
        """Object keypoint similarity over the body points both show; 0 if there are few."""
        rows = self.points.body
        sound = (a.confidence[rows] > 0.3) & (b.confidence[rows] > 0.3)
        if sound.sum() < 4:
            return 0.0
        scale = (area(a.box) + area(b.box)) / 2
        squared = ((a.position[rows] - b.position[rows])[sound] ** 2).sum(-1)
        variance = (2 * self.points.sigmas[sound]) ** 2
        return float(np.exp(-squared / (2 * scale * variance)).mean())


@dataclass(frozen=True, slots=True)
class _Points:
    """Indices of keypoints the tracker reasons with."""

    body: list[int]
    torso: list[int]
    sigmas: Float[np.ndarray, "P"]

    @staticmethod
    def of(skeleton: Skeleton) -> "_Points":
        coco = load_skeleton("coco-17")
        names = [name for name in coco.keypoints if name in skeleton.keypoints]
        assert coco.oks_sigmas is not None
        sigmas = [coco.oks_sigmas[coco.index(name)] for name in names]
        corners = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
        return _Points(
            body=[skeleton.index(name) for name in names],
            torso=[skeleton.index(name) for name in corners],
            sigmas=np.array(sigmas, np.float32),
        )


def _match(boxes: Float[np.ndarray, "D 4"], tracks: list[_Track]) -> Iterator[tuple[int, _Track]]:
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


def _collect(track: _Track) -> None:
    """Wait for the frame being completed and write it down."""
    if track.pending is not None:
        row, job = track.pending
        track.completed = job.result()
        track.person.results[row] = _sighting(track.completed)
        track.pending = None


def _sighting(result: PersonLandmarks) -> Sighting:
    return Sighting(
        position=result.position.astype(np.float32),
        confidence=result.confidence.astype(np.float32),
        sigma=result.sigma.astype(np.float32),
        world=result.world.astype(np.float32),
        box=result.box.astype(np.float32),
        score=float(result.score),
    )
