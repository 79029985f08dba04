"""Results of the accuracy harness: tables that become JSON and Markdown alike."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

Cell = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Figures of one comparison."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    """What the truth is, what differs, what the figures do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the report, made by one command."""

    command: str
    machine: str
    tables: tuple[Table, ...]


def read_parts(path: Path) -> dict[str, Part]:
    """Read what `write_parts` wrote; empty if there is nothing."""
    if not path.is_file():
        return {}
    stored = json.loads(path.read_text())
    return {name: _load_part(part) for name, part in stored.items()}


def write_parts(path: Path, parts: dict[str, Part]) -> None:
    """Keep the parts; NaN becomes null."""
    content = {name: asdict(part) for name, part in parts.items()}
    path.write_text(json.dumps(content, indent=1, default=str) + "\n")


def format_table(table: Table) -> str:
    """Lay a table out in Markdown, its notes below it."""
    lines = [f"### {table.title}", "", "| " + " | ".join(table.columns) + " |"]
    lines.append("|---|" + "---:|" * (len(table.columns) - 1))
    lines += ["| " + " | ".join(_format(cell) for cell in row) + " |" for row in table.rows]
    lines += ["", *(f"- {note}" for note in table.notes)]
    return "\n".join(lines).rstrip()


def number(value: float, factor: float = 1.0) -> float | None:
    """Return a figure rounded for keeping; None if there is none."""
    return round(value * factor, 4) if math.isfinite(value) else None


def _format(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
    return str(cell)


def _load_part(stored: dict) -> Part:
    tables = tuple(
        Table(
            title=table["title"],
            columns=tuple(table["columns"]),
            rows=tuple(tuple(row) for row in table["rows"]),
            notes=tuple(table["notes"]),
        )
        for table in stored["tables"]
    )
    return Part(command=stored["command"], machine=stored["machine"], tables=tables)
