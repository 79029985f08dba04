"""Tables: only their headers are read, and the rows of CSV files counted."""

import csv
from pathlib import Path

from marey.core.errors import FormatError, InputError, MissingExtraError
from marey.jobs.info.description import Description, Fact
from marey.jobs.info.phrases import say_file_size

NEEDED = ("person", "frame", "time_s", "joint", "x_m", "y_m", "z_m")
"""Columns by which a table is one of joints, as marey writes them."""
MAX_LINE = 2**16
MAX_COLUMNS = 10_000
BLOCK_BYTES = 2**20


def describe_csv(path: Path) -> Description:
    """Describe a CSV file by its first line and its number of lines.

    Raises:
        InputError: If it cannot be read.
        FormatError: If its first line is no line of text.
    """
    try:
        with path.open("rb") as file:
            first = file.readline(MAX_LINE)
            rows, last = 0, b"\n"
            while block := file.read(BLOCK_BYTES):
                rows, last = rows + block.count(b"\n"), block
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    try:
        columns = next(csv.reader([first.decode("utf-8-sig")]), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path} is no table in UTF-8 ({error}); save it again") from error
    if len(first) == MAX_LINE or len(columns) > MAX_COLUMNS:
        raise FormatError(f"{path} is no table: its first line has no end; save it again")
    rows += not last.endswith(b"\n")
    return _describe_table(path, "CSV table", columns, rows)


def describe_parquet(path: Path) -> Description:
    """Describe a Parquet file by its footer.

    Raises:
        MissingExtraError: If the package that reads them is not installed.
        FormatError: If it is none, or damaged.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "tables", "reading and writing Parquet") from error
    try:
        footer = parquet.read_metadata(path)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else "no reason given"
        raise FormatError(f"{path} is not a Parquet table ({reason}); export it again") from error
    return _describe_table(path, "Parquet table", list(footer.schema.names), footer.num_rows)


def _describe_table(path: Path, kind: str, columns: list[str], rows: int) -> Description:
    facts = (
        Fact("rows", rows),
        Fact("columns", [*columns], f"{len(columns)}: {', '.join(columns)}"),
        say_file_size(path),
    )
    lacking = [name for name in NEEDED if name not in columns]
    if not lacking:
        return Description(path=path, kind=f"{kind} of joints", facts=facts)
    warning = f"marey reads the tables it writes; this one lacks {', '.join(lacking)}"
    return Description(path=path, kind=kind, facts=facts, warnings=(warning,))
