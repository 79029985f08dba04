"""What a corpus that marey wrote says of itself: `marey.json` beside the layout's own folders.

The layout has fixed names for people and cameras and no place for a clock or a body's name; those
are kept here. Other programs pass over the file, and marey reads corpora without it.
"""

import json
from dataclasses import asdict, dataclass, field
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
    try:
        manifest = Manifest(**{**table, "worn": tuple(table.get("worn", ()))})
    except TypeError as error:
        raise FormatError(f"{path} is incomplete ({error}); copy it again") from error
    _check(manifest, path)
    return manifest


def _check(manifest: Manifest, path: Path) -> None:
    names = (manifest.people, manifest.cameras)
    texts = all(
        isinstance(table, dict) and all(isinstance(v, str) for v in table.values())
        for table in names
    )
    numbers = (manifest.num_frames, manifest.frame_rate, manifest.start_time)
    if not texts or not all(type(n) in (int, float) for n in numbers) or manifest.frame_rate <= 0:
        raise FormatError(f"{path}: its names or numbers are not as marey writes them")
