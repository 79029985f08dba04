"""Manual overrides: keypoints whose confidence a person has forced, as a small TOML file.

A detector's mistakes that no rule finds are corrected by hand, where one sees them::

    [[override]]
    frames = ["120-135", 140]   # of the take, from 0; or seconds = [4.0, 4.5]
    person = "01"               # left out: everybody
    cameras = ["cam03"]         # left out: all
    joints = ["left_wrist"]     # left out: all
    confidence = 0              # the default: as if it had not been seen
    why = "the other's hand"    # for whoever reads it later

The file lies beside the take, `NAME.overrides.toml`, or is named when solving. Everything in it is
checked: a word that is not understood is an error, since an override that silently does nothing is
worse than none. The idea is that of EgoHumans' and Harmony4D's OVERRIDE lists.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

from marey.core.errors import FormatError
from marey.io.toml_file import read_toml

SUFFIX = ".overrides.toml"
MAX_OVERRIDES = 10_000
_KEYS = ("frames", "seconds", "person", "cameras", "joints", "confidence", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A confidence that holds for some keypoints, whatever a network said."""

    frames: tuple[tuple[int, int], ...] = ()
    """First and last frame of each range, both included, on the take's clock from 0."""
    seconds: tuple[float, float] | None = None
    """First and last moment on the take's clock; instead of frames. Neither: all frames."""
    person: str | None = None
    """None for everybody."""
    cameras: tuple[str, ...] = ()
    """Empty for all."""
    joints: tuple[str, ...] = ()
    """Names of keypoints; empty for all."""
    confidence: float = 0.0
    why: str = ""


def find_overrides(take: str | Path) -> Path | None:
    """Return the file of overrides beside a take, if there is one."""
    take = Path(take)
    path = take.with_name(f"{take.name.removesuffix('.take')}{SUFFIX}")
    return path if path.is_file() else None


def read_overrides(path: str | Path) -> tuple[Override, ...]:
    """Read a file of overrides.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is no TOML, or says anything that is not an override.
    """
    path = Path(path)
    table = read_toml(path)
    _refuse_unknown(table, ("override",), str(path))
    entries = table.get("override", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise FormatError(f"{path}: write each override below a line [[override]]")
    if len(entries) > MAX_OVERRIDES:
        raise FormatError(f"{path} has {len(entries)} overrides; at most {MAX_OVERRIDES} are read")
    return tuple(_parse(e, f"{path}: override {k}") for k, e in enumerate(entries, start=1))


def describe_overrides(overrides: Sequence[Override]) -> list[dict[str, Any]]:
    """Return overrides as plain values, as a take's provenance keeps them; defaults left out."""
    default = asdict(Override())
    return [
        {
            key: [list(v) if isinstance(v, tuple) else v for v in value]
            if isinstance(value, tuple)
            else value
            for key, value in asdict(each).items()
            if key == "confidence" or value != default[key]
        }
        for each in overrides
    ]


def hash_overrides(overrides: Sequence[Override]) -> str:
    """Return a SHA-256 of what overrides do; notes and the layout of the file do not enter."""
    told = [{k: v for k, v in each.items() if k != "why"} for each in describe_overrides(overrides)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _parse(entry: dict[str, Any], what: str) -> Override:
    _refuse_unknown(entry, _KEYS, what)
    if "frames" in entry and "seconds" in entry:
        raise FormatError(f"{what}: give either frames or seconds, not both")
    confidence = entry.get("confidence", 0.0)
    if not _is_number(confidence) or not 0 <= confidence <= 1:
        raise FormatError(f"{what}: confidence is {confidence!r}, expected a number from 0 to 1")
    return Override(
        frames=_parse_frames(entry["frames"], what) if "frames" in entry else (),
        seconds=_parse_seconds(entry["seconds"], what) if "seconds" in entry else None,
        person=_parse_text(entry["person"], "person", what) if "person" in entry else None,
        cameras=_parse_names(entry, "cameras", what),
        joints=_parse_names(entry, "joints", what),
        confidence=float(confidence),
        why=_parse_text(entry.get("why", ""), "why", what),
    )


def _refuse_unknown(table: dict[str, Any], known: Iterable[str], what: str) -> None:
    for key in table:
        if key not in known:
            close = get_close_matches(key, list(known), n=1)
            hint = f"; did you mean {close[0]}" if close else f"; known are {', '.join(known)}"
            raise FormatError(f"{what}: '{key[:40]}' means nothing here{hint}")


def _parse_frames(value: Any, what: str) -> tuple[tuple[int, int], ...]:
    parts = value if isinstance(value, list) else [value]
    if not parts:
        raise FormatError(f"{what}: frames is empty; leave it out to mean all")
    return tuple(_parse_range(part, what) for part in parts)


def _parse_range(part: Any, what: str) -> tuple[int, int]:
    ends = part.split("-") if isinstance(part, str) else [part]
    try:
        numbers = [int(end) for end in ends]
    except (TypeError, ValueError):
        numbers = []
    if isinstance(part, bool | float) or len(numbers) not in (1, 2) or min(numbers) < 0:
        raise FormatError(
            f"{what}: {str(part)[:40]!r} is no frame; write 120, or '120-135' for a range"
        )
    if numbers[-1] < numbers[0]:
        raise FormatError(f"{what}: the range {part} ends before it begins")
    return numbers[0], numbers[-1]


def _parse_seconds(value: Any, what: str) -> tuple[float, float]:
    is_pair = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
    if not is_pair or not 0 <= value[0] <= value[1]:
        raise FormatError(f"{what}: seconds must be two numbers, as in [4.0, 4.5]")
    return float(value[0]), float(value[1])


def _parse_names(entry: dict[str, Any], key: str, what: str) -> tuple[str, ...]:
    if key not in entry:
        return ()
    value = [entry[key]] if isinstance(entry[key], str) else entry[key]
    if not isinstance(value, list) or not value:
        raise FormatError(f"{what}: {key} must be a list of names; leave it out to mean all")
    return tuple(_parse_text(name, key, what) for name in value)


def _parse_text(value: Any, key: str, what: str) -> str:
    if not isinstance(value, str):
        raise FormatError(f"{what}: {key} is {str(value)[:40]}, expected a text in quotes")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
