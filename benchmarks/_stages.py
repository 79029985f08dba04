"""How long each stage of `solve` works.

Stages overlap: decoding runs ahead in threads and two workers run the networks. So two things are
measured in the same run: wall time of the whole and of its consecutive phases, and the processor
time of every stage, taken inside the thread that does the work. Shares are of processor time: they
do not change because another program uses the machine as well.
"""

import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from marey.body import load_body
from marey.capture.followed import TrackOptions
from marey.capture.pipeline import CaptureOptions, Timings, fit_people, see_people
from marey.io.take import write_take
from marey.io.video import probe_clip, read_frames
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.video import choose_view
from marey.models.blazepose import BlazePoseEstimator
from marey.models.detector import SsdPersonDetector
from marey.models.hands import HandEstimator
from marey.models.wholebody import WholeBodyEstimator

STAGES = (
    "decode",
    "detect",
    "landmarks body",
    "landmarks hands",
    "tracking rest",
    "fit",
    "world",
    "write",
)
PHASES = ("people", "fit", "world", "write")


@dataclass(slots=True)
class Meter:
    """Processor seconds by stage, added up over threads."""

    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    @contextmanager
    def thread(self, stage: str) -> Iterator[None]:
        """Add the processor time of this thread alone."""
        start = clock.thread_time()
        try:
            yield
        finally:
            self.add(stage, clock.thread_time() - start)

    @contextmanager
    def process(self, stage: str) -> Iterator[None]:
        """Add the processor time of all threads; for stages that run alone."""
        start = clock.process_time()
        try:
            yield
        finally:
            self.add(stage, clock.process_time() - start)

    def add(self, stage: str, seconds: float) -> None:
        """Add seconds and count a call."""
        with self.lock:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
            self.calls[stage] = self.calls.get(stage, 0) + 1


@dataclass(frozen=True, kw_only=True)
class MeteredDetector(SsdPersonDetector):
    """The shipped detector, timed."""

    meter: Meter

    def detect(self, images):
        """Find people."""
        with self.meter.thread("detect"):
            return super().detect(images)


@dataclass(frozen=True, kw_only=True)
class MeteredBody(BlazePoseEstimator):
    """The body network, timed with its crop."""

    meter: Meter

    def estimate(self, image, crop):
        """Find the body's points."""
        with self.meter.thread("landmarks body"):
            return super().estimate(image, crop)


@dataclass(frozen=True, kw_only=True)
class MeteredHands(HandEstimator):
    """The hand network, timed with its crop."""

    meter: Meter

    def estimate(self, image, crop):
        """Find a hand's points."""
        with self.meter.thread("landmarks hands"):
            return super().estimate(image, crop)


@dataclass(frozen=True, kw_only=True)
class MeteredEstimator(WholeBodyEstimator):
    """The whole estimator, timed."""

    meter: Meter

    def locate(self, image, box, previous=None):
        """Find body and feet of one person."""
        with self.meter.thread("estimate"):
            return super().locate(image, box, previous)

    def complete(self, image, located, previous=None):
        """Add the hands."""
        with self.meter.thread("estimate"):
            return super().complete(image, located, previous)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One run of the whole chain."""

    num_frames: int
    num_people: int
    wall: dict[str, float]
    """Seconds of each phase, and `total`."""
    busy: dict[str, float]
    """Processor seconds of each stage."""
    calls: dict[str, int]

    @property
    def frames_per_second(self) -> float:
        """End to end, by the wall clock."""
        return self.num_frames / self.wall["total"]


def profile_solve(path: Path, folder: Path, *, options: SolveOptions) -> Profile:
    """Do what `marey solve` does, without an overlay, and take the time of everything.

    Networks and body are loaded before the clock starts; loading is reported by itself.

    Args:
        path: The clip.
        folder: Where to write the take; an old one is replaced.
        options: What `solve` would be given.
    """
    meter, timings = Meter(), Timings()
    with timings.measure("load"):
        detector = MeteredDetector(meter=meter)
        estimator = MeteredEstimator(
            meter=meter,
            pose_network=MeteredBody(meter=meter),
            hand_network=MeteredHands(meter=meter),
        )
        body = load_body()
    begin = clock.perf_counter()
    clip = probe_clip(path)
    view = choose_view(clip, options)
    capture = CaptureOptions(track=TrackOptions(min_height=options.min_height))
    with meter.thread("main"):
        seen = see_people(
            clip,
            read_frames(clip),
            detector=detector,
            estimator=estimator,
            options=capture,
            timings=timings,
        )
    with meter.process("fit and world"):
        take = fit_people(seen, body=body, view=view, options=capture, timings=timings)
    with timings.measure("write"), meter.process("write"):
        write_take(take, folder / f"{path.stem}.take", overwrite=True)
    wall = timings.seconds | {"total": clock.perf_counter() - begin}
    decode = _decode_alone(path)
    return Profile(
        num_frames=len(take.time),
        num_people=len(take.people),
        wall=wall,
        busy=_separate(meter.seconds, wall) | {"decode": decode},
        calls=dict(meter.calls),
    )


def _decode_alone(path: Path) -> float:
    # The decoder has threads of its own, which only a run by itself can tell from the rest.
    start = clock.process_time()
    for _ in read_frames(probe_clip(path)):
        pass
    return clock.process_time() - start


def _separate(busy: dict[str, float], wall: dict[str, float]) -> dict[str, float]:
    networks = busy["landmarks body"] + busy.get("landmarks hands", 0.0)
    # Both run alone, one after the other, mostly in one thread: wall time divides their sum.
    world = wall["world"] / (wall["fit"] + wall["world"]) * busy["fit and world"]
    return {
        "detect": busy["detect"],
        "landmarks body": busy["landmarks body"],
        "landmarks hands": busy.get("landmarks hands", 0.0),
        "tracking rest": busy["main"] + busy["estimate"] - networks,
        "fit": busy["fit and world"] - world,
        "world": world,
        "write": busy["write"],
    }
