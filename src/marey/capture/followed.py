"""People as the tracker follows them: when to look, what was found, and what is known right now."""

from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from marey.capture.views.sightings import Sighting, Sightings
from marey.models.protocols import PersonLandmarks


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
    stray_lead: float = 0.25
    """By how much more a body looks like someone who was lost there than like its owner."""
    stray_frames: int = 6
    """Frames in a row after which such a body is theirs."""
    recognised: float = 0.55
    """Likeness in colours (0 to 1) and nearness (0 to 0.5) together that bring a lost one back."""
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
class Trail:
    """What is known of one person who is followed, or was a moment ago."""

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
    coinciding: dict["Trail", int] = field(default_factory=dict)
    """Frames in a row during which another track showed the same body."""
    straying: dict["Trail", int] = field(default_factory=dict)
    """Frames in a row during which the body looked like someone who was lost there."""
    score: float = 1.0

    def collect(self) -> None:
        """Wait for the frame being completed and write it down."""
        if self.pending is not None:
            row, job = self.pending
            self.completed = job.result()
            self.person.results[row] = _sighting(self.completed)
            self.pending = None

    def accept(self, result: PersonLandmarks, time: float) -> None:
        """Take what was found of the person in this frame."""
        self.last, self.box, self.last_seen = result, result.box, time
        self.score += 0.1 * (result.score - self.score)
        self.lost = False

    def lose(self) -> None:
        """Nothing was found of the person in this frame."""
        self.lost = True
        self.coinciding, self.straying = {}, {}

    def take_back(self, count: int) -> list[Sighting | None]:
        """Return the last rows, empty them, and lose the person: it was somebody else's body."""
        self.collect()
        results, taken = self.person.results, []
        for back in range(min(count, len(results)), 0, -1):
            taken.append(results[-back])
            results[-back] = None
        self.completed = None
        self.lose()
        return taken

    def give(self, rows: list[Sighting | None]) -> None:
        """Fill the last rows, where they are empty."""
        results = self.person.results
        for back, row in zip(range(len(rows), 0, -1), rows, strict=True):
            if back <= len(results) and results[-back] is None:
                results[-back] = row


def _sighting(result: PersonLandmarks) -> Sighting:
    return Sighting(
        position=result.position.astype(np.float32),
        confidence=result.confidence.astype(np.float32),
        sigma=result.sigma.astype(np.float32),
        world=result.world.astype(np.float32),
        box=result.box.astype(np.float32),
        score=float(result.score),
    )
