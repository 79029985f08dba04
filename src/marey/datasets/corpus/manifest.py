"""What a corpus that marey wrote says of itself: `marey.json` beside the layout's own folders.

The layout has fixed names for people and cameras and no place for a clock or a body's name; those
are kept here. Other programs pass over the file, and marey reads corpora without it.
"""

import json
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from marey.core.errors import FormatError, InputError

NAME = "marey.json"
FORMAT, VERSION = "marey-corpus", 1
MAX_BYTES = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is in one sequence of a corpus and where it came from."""

    sequence: str
    layout: str
    body: str
    """Name and version of the parametric body."""
    betas: str
    """What the coefficients of shape mean."""
    people: dict[str, str]
    """Name in the layout to name in the take."""
    cameras: dict[str, str]
    """The same for cameras."""
    worn: tuple[str, ...] = ()
    """Cameras that move, by their names in the layout."""
    num_frames: int
    frame_rate: float
    start_time: float = 0.0
    """Time of the first frame on the take's clock, s."""
    poses3d: str
    """Where the joints of `poses3d` come from."""
    vertices: bool = False
    images: bool = False
    take: dict[str, Any] = field(default_factory=dict)
    """Name, SHA-256 of the header and provenance of the take it was made of."""


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write `marey.json` into a folder."""
    table = {"format": FORMAT, "version": VERSION, **asdict(manifest)}
    text = json.dumps(table, indent=1, ensure_ascii=False, default=str)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest | None:
    """Read `marey.json` of a sequence's folder; None if there is none.

    Raises:
        InputError: If it cannot be read.
        FormatError: If it is damaged or of a newer version.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"{path} is larger than {MAX_BYTES // 10**6} MB; is it damaged?")
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not JSON ({error}); copy it again") from error
    if not isinstance(table, dict) or table.pop("format", None) != FORMAT:
        raise FormatError(f"{path} does not say {FORMAT!r}; is it of another program?")
    if table.pop("version", None) != VERSION:
        raise FormatError(f"{path} is of another version than {VERSION}; update marey")
    _check(table, path)
    try:
        return Manifest(**{**table, "worn": tuple(table.get("worn", ()))})
    except TypeError as error:
        raise FormatError(f"{path} is incomplete ({error}); copy it again") from error


def _check(table: dict[str, Any], path: Path) -> None:
    """Refuse values of another kind than marey writes; what is not there is said later."""
    names = [table.get("people", {}), table.get("cameras", {})]
    sound = all(
        isinstance(each, dict) and all(isinstance(value, str) for value in each.values())
        for each in names
    )
    worn = table.get("worn", [])
    sound &= isinstance(worn, list) and all(isinstance(name, str) for name in worn)
    sound &= isinstance(table.get("take", {}), dict)
    sound &= all(isinstance(table.get(k, ""), str) for k in ("sequence", "layout", "body", "betas"))
    numbers = [table.get("num_frames", 0), table.get("frame_rate", 1), table.get("start_time", 0)]
    sound &= all(type(number) in (int, float) and isfinite(number) for number in numbers)
    if not sound or table.get("frame_rate", 1) <= 0:
        raise FormatError(f"{path}: its names or numbers are not as marey writes them")
