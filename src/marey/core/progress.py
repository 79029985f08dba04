"""How long work reports itself, without knowing who listens.

Library code calls `report(done, total)`; the command line turns that into a bar, a JSON line or
nothing. `total` is None while it is unknown (a stream without a frame count).
"""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Receives how far a named stage has come."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Report that `done` of `total` units of `stage` are finished."""
        ...


def silent(stage: str, done: int, total: int | None) -> None:
    """Ignore every report."""
