"""Who listens to progress: a bar for people, JSON lines for machines, nobody with --quiet."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from marey.core.progress import Progress as Report
from marey.core.progress import silent

_LABELS = {
    "people": "finding people",
    "fit": "fitting bodies",
    "overlay": "drawing overlay",
    "measure": "measuring",
}


@contextmanager
def report(*, quiet: bool, as_json: bool) -> Iterator[Report]:
    """Yield the progress function that suits how marey was called."""
    console = Console(stderr=True)
    if as_json:
        yield _JsonLines()
    elif quiet or not console.is_terminal:
        # A log file wants no bars.
        yield silent
    else:
        columns = (
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as bars:
            yield _Bars(bars)


class _Bars:
    def __init__(self, bars: Progress):
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(_LABELS.get(stage, stage), total=total)
        self.bars.update(self.tasks[stage], completed=done, total=total)


class _JsonLines:
    """At most two lines a second per stage, and always the last one."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if done != total and now - self.last.get(stage, -1.0) < 0.5:
            return
        self.last[stage] = now
        print_json({"stage": stage, "done": done, "total": total})


def print_json(value: dict[str, object]) -> None:
    """Write one JSON line to the standard output."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
