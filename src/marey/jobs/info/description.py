"""What `marey info` says of a file: facts, tables and warnings, for people and for machines."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

Plain = str | int | float | bool | None | list[Any] | dict[str, Any]
"""What JSON holds; a list or a table holds the same again."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: a name and its value."""

    name: str
    """snake_case, with the unit where it is not obvious; spaces take the place of _ on screen."""
    value: Plain
    text: str = ""
    """How people read it; the value itself if empty."""
    hidden: bool = False
    """Whether it is for machines only, since another fact says it to people."""

    def __str__(self) -> str:
        return self.text or str(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Several things of one kind, such as the people of a take; all rows have the same facts."""

    name: str
    rows: tuple[tuple[Fact, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All that is said of one file."""

    path: Path
    kind: str
    """What sort of file it is, as people call it."""
    facts: tuple[Fact, ...]
    tables: tuple[Table, ...] = ()
    warnings: tuple[str, ...] = ()
    """Sentences that its user should know."""

    def to_plain(self) -> dict[str, Plain]:
        """Return the description as JSON values."""
        plain: dict[str, Plain] = {"path": str(self.path), "kind": self.kind}
        plain |= {fact.name: fact.value for fact in self.facts}
        for table in self.tables:
            plain[table.name] = [{fact.name: fact.value for fact in row} for row in table.rows]
        plain["warnings"] = [*self.warnings]
        return plain
