"""What a table of published rows is.

`grade`: P read in the paper or its repository, S quoted by somebody else, R from memory. Values are
in the units of the protocol's metrics, in the order of `columns`; None where not published.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One system's published numbers."""

    system: str
    values: tuple[float | None, ...]
    source: str
    grade: str = "P"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    """Published numbers of one benchmark."""

    columns: tuple[str, ...]
    """Names of the protocol's metrics."""
    rows: tuple[PublishedRow, ...]
    caution: str = ""


def rows(
    source: str, systems: dict[str, tuple[float | None, ...]], grade: str = "P"
) -> tuple[PublishedRow, ...]:
    """Return rows of one source, from each system's numbers."""
    return tuple(
        PublishedRow(system=name, values=values, source=source, grade=grade)
        for name, values in systems.items()
    )
