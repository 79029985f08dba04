"""What a long run of `solve_into` is made of."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marey.body import Body
from marey.capture.observe import PinholeView
from marey.capture.pipeline import CaptureOptions, Timings
from marey.core import Clip
from marey.core.progress import Progress
from marey.io.overrides import Override
from marey.io.take.stream import TakeReader
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.stages import Table

Note = Callable[[str], None]
"""Receives a sentence for the user about how the run goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LongRun:
    """What a run is made of."""

    clip: Clip
    digest: str
    """SHA-256 of the video."""
    options: SolveOptions
    capture: CaptureOptions
    view: PinholeView
    body: Body
    stages: Mapping[str, Table]
    overrides: Sequence[Override]
    target: Path
    progress: Progress
    note: Note
    timings: Timings

    @property
    def identity(self) -> bytes:
        """What keypoints depend on."""
        parts = {"clip": self.digest, **{key: self.stages[key] for key in ("marey", "people")}}
        return json.dumps(parts, sort_keys=True).encode()


def list_names(people: TakeReader) -> tuple[str, ...]:
    """Name everyone in a take."""
    return tuple(table["name"] for table in people.header["people"])
