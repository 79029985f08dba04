"""What a benchmark says: numbers with what they rest on, under the full name of their protocol."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from marey.core.errors import FormatError, InputError
from marey.core.files import atomic_path
from marey.evaluate.score import Score
from marey.io.json_file import read_json

FORMAT, VERSION = "marey metrics", 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One pose of a recording, and its error."""

    sequence: str
    person: int
    frame: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric's result, in its unit."""

    name: str
    unit: str
    higher_is_better: bool
    score: Score
    interval: tuple[float, float] | None = None
    """95 % of bootstrap samples lie in it; None where there is too little to draw from."""
    per_sequence: dict[str, float] = field(default_factory=dict)
    per_joint: dict[str, float] = field(default_factory=dict)
    worst: tuple[Frame, ...] = ()
    note: str = ""
    """Why there is no number."""
    per_person: bool = False
    """Whether `score` counts frames person by person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All metrics of one benchmark."""

    full_name: str
    protocol: dict[str, Any]
    rows: tuple[Row, ...]
    num_sequences: int
    num_people: int
    """True people of all frames together."""
    num_missed: int
    """Those without a prediction."""
    predictions: str = ""
    """Where the predictions come from."""
    truth: str = ""
    notes: tuple[str, ...] = ()
    additions: tuple[Row, ...] = ()
    """What marey measures beside the protocol's columns."""

    def row(self, name: str) -> Row:
        """Return a metric by name.

        Raises:
            InputError: If there is none.
        """
        everything = (*self.rows, *self.additions)
        for row in everything:
            if row.name == name:
                return row
        raise InputError(f"no metric '{name}'; there are {', '.join(r.name for r in everything)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One metric of two results."""

    name: str
    unit: str
    first: float
    second: float
    higher_is_better: bool


def write_metrics(result: Result, path: str | Path, *, overwrite: bool = False) -> None:
    """Write metrics.json; the same result gives the same bytes, NaN becomes null.

    Raises:
        OutputExistsError: If the file exists and may not be replaced.
    """
    table = {"format": FORMAT, "version": VERSION, "digest": _digest(result.protocol)}
    text = json.dumps(_plain({**table, **asdict(result)}), indent=1, ensure_ascii=False)
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_metrics(path: str | Path) -> Result:
    """Read what `write_metrics` wrote.

    Raises:
        InputError: If the file cannot be opened.
        FormatError: If it is none of marey's, from a newer version, or was changed by hand.
    """
    path = Path(path)
    table = read_json(path)
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise FormatError(f"{path} is no metrics.json of marey")
    if table.get("version") != VERSION:
        raise FormatError(
            f"{path}: field version is {table.get('version')}, expected {VERSION}; update marey"
        )
    try:
        rows = tuple(_read_row(row) for row in table["rows"])
        protocol = dict(table["protocol"])
        digest = str(table["digest"])
        result = Result(
            full_name=str(table["full_name"]),
            protocol=protocol,
            rows=rows,
            num_sequences=int(table["num_sequences"]),
            num_people=int(table["num_people"]),
            num_missed=int(table["num_missed"]),
            predictions=str(table["predictions"]),
            truth=str(table["truth"]),
            notes=tuple(str(note) for note in table["notes"]),
            additions=tuple(_read_row(row) for row in table.get("additions", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{path} is damaged ({error}); measure again") from error
    if digest != _digest(protocol) or protocol.get("full_name") != result.full_name:
        raise FormatError(f"{path}: its protocol was changed after measuring; measure again")
    return result


def compare(first: Result, second: Result, *, force: bool = False) -> tuple[Difference, ...]:
    """Set the metrics of two results side by side.

    Args:
        first: One result.
        second: The other.
        force: Whether results of different protocols may be compared.

    Raises:
        InputError: If the protocols differ in anything and it is not forced.
    """
    if not force and _digest(first.protocol) != _digest(second.protocol):
        names = sorted(
            name
            for name in {*first.protocol, *second.protocol}
            if _plain(first.protocol.get(name)) != _plain(second.protocol.get(name))
        )
        raise InputError(
            f"results of {first.full_name} and {second.full_name} cannot be compared: they differ "
            f"in {', '.join(names)}; force it (--force) only if you know why that does "
            "not matter"
        )
    others = {row.name: row for row in (*second.rows, *second.additions)}
    return tuple(
        Difference(
            name=row.name,
            unit=row.unit,
            first=row.score.value,
            second=others[row.name].score.value,
            higher_is_better=row.higher_is_better,
        )
        for row in (*first.rows, *first.additions)
        if row.name in others and row.unit == others[row.name].unit
    )


def _read_row(row: dict[str, Any]) -> Row:
    score = row["score"]
    interval = row["interval"]
    return Row(
        name=str(row["name"]),
        unit=str(row["unit"]),
        higher_is_better=bool(row["higher_is_better"]),
        score=Score(
            value=_number(score["value"]),
            num_frames=int(score["num_frames"]),
            num_values=int(score["num_values"]),
            num_missing=int(score["num_missing"]),
        ),
        interval=None if interval is None else (_number(interval[0]), _number(interval[1])),
        per_sequence={str(name): _number(value) for name, value in row["per_sequence"].items()},
        per_joint={str(name): _number(value) for name, value in row["per_joint"].items()},
        worst=tuple(
            Frame(
                sequence=str(each["sequence"]),
                person=int(each["person"]),
                frame=int(each["frame"]),
                value=_number(each["value"]),
            )
            for each in row["worst"]
        ),
        note=str(row["note"]),
        per_person=bool(row.get("per_person", False)),
    )


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _digest(protocol: dict[str, Any]) -> str:
    text = json.dumps(_plain(protocol), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    # As JSON holds it: tuples become lists, what is no number null.
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
