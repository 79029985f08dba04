"""How commands talk: notes beside the results, and the results themselves."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from marey.jobs.reporting import print_json


@runtime_checkable
class Talk(Protocol):
    """How a command talks and whether it may overwrite."""

    @property
    def overwrite(self) -> bool:
        """Whether existing outputs may be replaced."""
        ...

    @property
    def quiet(self) -> bool:
        """Whether to print nothing but errors."""
        ...

    @property
    def json(self) -> bool:
        """Whether to print JSON lines."""
        ...


def note_to(talk: Talk) -> Callable[[str], None]:
    """Return what tells the user how a run goes, beside the results on the standard output."""

    def note(sentence: str) -> None:
        if talk.json:
            print_json({"note": sentence})
        elif not talk.quiet:
            sys.stderr.write(f"marey: {sentence}\n")

    return note


def count_people(people: Sequence[str]) -> str:
    """Say how many people there are."""
    return "1 person" if len(people) == 1 else f"{len(people)} people"


def count_frames(count: int) -> str:
    """Say how many frames there are."""
    return "1 frame" if count == 1 else f"{count} frames"


def say_written(paths: Sequence[Path]) -> None:
    """Say what was written."""
    for path in paths:
        say(f"wrote {path}")


def say(line: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(line + "\n")
