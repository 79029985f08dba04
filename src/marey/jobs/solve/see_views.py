"""Everyone in several videos, each seen alone; what the networks said outlives an interruption."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import marey
from marey.capture.pipeline import Seen, Timings, see_people
from marey.core import Clip, Tracks
from marey.core.errors import NothingFoundError
from marey.core.progress import Progress
from marey.io.take import describe_source
from marey.io.video import read_frames
from marey.jobs.solve.journal import Journal
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.recorded import record_detector, record_estimator
from marey.jobs.solve.stages import describe_people
from marey.jobs.solve.video import capture_options
from marey.models.protocols import LandmarkEstimator, PersonDetector

Note = Callable[[str], None]


def see_views(
    clips: Sequence[Clip],
    networks: tuple[PersonDetector, LandmarkEstimator],
    options: SolveOptions,
    journals: Path | None,
    progress: Progress,
    timings: Timings,
    note: Note,
) -> list[Seen]:
    """Find people in every video; one where nobody is seen says nothing.

    Args:
        clips: One per camera.
        networks: What finds people and their keypoints.
        options: Which part of the videos, and how people are found.
        journals: A folder in which the networks' answers are kept; an earlier run's go before.
        progress: Called with frames of all videos together.
        timings: Where seconds per stage are added up.
        note: Called with a sentence where an earlier run is continued.

    Raises:
        InputError: If a video cannot be read.
    """
    every, before, views = sum(clip.num_frames for clip in clips), 0, []
    for row, clip in enumerate(clips):

        def advance(
            stage: str, done: int, total: int | None, before: int = before, every: int = every
        ) -> None:
            progress(stage, before + done, every)

        with open_journal([clip], f"{row + 1:03d}", journals, options) as journal:
            if journal is not None and journal.num_frames:
                note(f"{clip.name}: going on after frame {journal.num_frames} of the earlier run")
            detector, estimator = networks
            frames = read_frames(clip)
            if journal is not None:
                detector = record_detector(detector, journal)
                estimator = record_estimator(estimator, journal)
                frames = journal.watch(frames)
            try:
                seen = see_people(
                    clip,
                    frames,
                    detector=detector,
                    estimator=estimator,
                    options=capture_options(options, view=clip.video.stem),
                    progress=advance,
                    timings=timings,
                )
            except NothingFoundError:
                seen = Seen(clip=clip, tracks=Tracks(time=clip.time, tracks=()), people=())
        views.append(seen)
        before += clip.num_frames
    return views


@contextmanager
def open_journal(
    clips: Sequence[Clip], name: str, journals: Path | None, options: SolveOptions
) -> Iterator[Journal | None]:
    """Yield a journal of one pass over some videos; None if none are kept.

    Args:
        clips: The videos.
        name: Of the pass.
        journals: The folder of all journals.
        options: What answers depend on besides the videos.
    """
    if journals is None:
        yield None
        return
    made_of = {
        "clips": [describe_source(clip.video)["sha256"] for clip in clips],
        "marey": {"version": marey.__version__},
        "people": describe_people(options),
    }
    journals.mkdir(exist_ok=True)
    identity = json.dumps(made_of, sort_keys=True).encode()
    journal = Journal(journals / f"{name}.journal", identity)
    try:
        yield journal
    finally:
        journal.close()
