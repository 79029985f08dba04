"""What `marey info` shows: facts first, then tables as far as one screen goes."""

from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from marey.jobs.info.description import Description, Table
from marey.jobs.info.made_by import NOTHING
from marey.jobs.info.recognize import describe_file
from marey.jobs.reporting import print_json

MAX_ROWS = 10
"""Rows of one table on screen; JSON has all."""
MAX_TEXT = 300


def show_file(path: str | Path, *, as_json: bool = False) -> None:
    """Describe a file and show it: the work of `marey info`.

    Args:
        path: The file or folder.
        as_json: Whether to print one JSON object instead.

    Raises:
        InputError: If nothing is there, or it is of no kind that marey knows.
        FormatError: If the content is not what the name promises.
    """
    description = describe_file(path)
    if as_json:
        print_json({**description.to_plain()})
    else:
        Console(highlight=False).print(render(description))


def render(description: Description) -> RenderableType:
    """Lay a description out for a terminal."""
    facts = _make_grid(2)
    for fact in description.facts:
        if not fact.hidden:
            facts.add_row(_label(fact.name), Text(_shorten(str(fact))))
    head = Text.assemble((str(description.path), "bold"), f": {description.kind}")
    parts: list[RenderableType] = [head, facts]
    for table in (table for table in description.tables if table.rows):
        parts += [Text(""), *_render_table(table)]
    parts += [Text(f"note: {warning}", style="yellow") for warning in description.warnings]
    return Group(*parts)


def _render_table(table: Table) -> list[RenderableType]:
    grid = _make_grid(0)
    grid.show_header = True
    rows = [[(_label(fact.name), _shorten(str(fact))) for fact in row] for row in table.rows]
    # Columns in which nobody has anything only take room.
    filled = [i for i in range(len(rows[0])) if any(row[i][1] != NOTHING for row in rows)]
    for column in filled:
        grid.add_column(rows[0][column][0], overflow="fold")
    for row in rows[:MAX_ROWS]:
        grid.add_row(*(Text(row[column][1]) for column in filled))
    more = len(table.rows) - MAX_ROWS
    rest = [Text(f"and {more} more; --json lists all", style="dim")] if more > 0 else []
    return [Text(f"{_label(table.name)} ({len(table.rows)})", style="bold"), grid, *rest]


def _make_grid(num_columns: int) -> Grid:
    grid = Grid(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for _ in range(num_columns):
        grid.add_column(overflow="fold")
    return grid


def _label(name: str) -> Text:
    # A unit in a name is for machines; the text beside it says it to people.
    for unit in ("_px", "_s", "_deg", "_bytes", "_m"):
        name = name.removesuffix(unit)
    return Text(name.replace("_", " "), style="dim")


def _shorten(text: str) -> str:
    # Names from foreign files may hold anything, escape sequences of terminals included.
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."
