"""The part of YAML in which OpenCV's FileStorage writes: numbers, texts, lists, matrices."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core.errors import FormatError

_MATRIX = re.compile(
    r"^(?P<key>[^\s:#][^:\n]*):\s*!!opencv-matrix\s*\n"
    r"\s+rows:\s*(?P<rows>\d{1,4})\s*\n\s+cols:\s*(?P<cols>\d{1,4})\s*\n"
    r"\s+dt:\s*\"?[a-z0-9]{1,4}\"?\s*\n\s+data:\s*\[(?P<data>[^\]]*)\]",
    re.MULTILINE,
)
_SCALAR = re.compile(r"^(?P<key>[A-Za-z_][^:\n]*):[ \t]*(?P<value>[^!\s\[][^\n]*)$", re.MULTILINE)
_LIST = re.compile(r"^(?P<key>[A-Za-z_][^:\n]*):[ \t]*\n(?P<items>(?:[ \t]*- [^\n]*\n?)+)", re.M)


def parse_opencv_yaml(text: str, path: Path) -> dict[str, Any]:
    """Return matrices as arrays, lists of texts and texts by name.

    Raises:
        FormatError: If a matrix is not what it says.
    """
    result: dict[str, Any] = {}
    for match in _MATRIX.finditer(text):
        result[match["key"].strip()] = _to_matrix(match, path)
    for match in _LIST.finditer(text):
        items = [line.strip()[1:] for line in match["items"].splitlines() if line.strip()]
        result[match["key"].strip()] = [_bare(item) for item in items]
    for match in _SCALAR.finditer(text):
        result.setdefault(match["key"].strip(), _bare(match["value"]))
    return result


def format_opencv_yaml(values: dict[str, Any]) -> str:
    """Return matrices (arrays), lists of texts and numbers as FileStorage writes them."""
    lines = ["%YAML:1.0", "---"]
    for key, value in values.items():
        if isinstance(value, np.ndarray):
            data = ", ".join(repr(float(number)) for number in value.ravel())
            lines += [f"{key}: !!opencv-matrix", f"   rows: {value.shape[0]}"]
            lines += [f"   cols: {value.shape[1]}", "   dt: d", f"   data: [ {data} ]"]
        elif isinstance(value, list):
            lines += [f"{key}:", *(f'   - "{item}"' for item in value)]
        else:
            lines.append(f"{key}: {value}")
    return "\n".join(lines) + "\n"


def _to_matrix(match: re.Match[str], path: Path) -> Float[np.ndarray, "rows cols"]:
    words = [word for word in re.split(r"[\s,]+", match["data"]) if word]
    rows, cols = int(match["rows"]), int(match["cols"])
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise FormatError(f"{path}: '{match['key']}' holds what is no number") from error
    if len(numbers) != rows * cols:
        raise FormatError(
            f"{path}: '{match['key']}' holds {len(numbers)} numbers where {rows}x{cols} are stated"
        )
    return numbers.reshape(rows, cols)


def _bare(text: str) -> str:
    return text.strip().strip("\"'").strip()
