"""Names of files for names that people chose: distinct, and allowed on every system."""

import re
from collections.abc import Sequence

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
"""Names that Windows does not allow for files, whatever their suffix."""


def make_file_names(names: Sequence[str], *, fallback: str) -> list[str]:
    """Return a distinct, portable file name for each name.

    Names that cannot serve (other characters, or equal to an earlier one but for the case) become
    `fallback` with a number, counted from 1.
    """
    namer = FileNamer(fallback)
    return [namer.choose(name) for name in names]


class FileNamer:
    """Chooses file names one after the other; see `make_file_names`."""

    def __init__(self, fallback: str):
        self._fallback, self._number = fallback, 0
        self._taken: set[str] = set()

    def choose(self, name: str) -> str:
        """Return the file name for the next name."""
        self._number += 1
        numbered = f"{self._fallback}-{self._number}"
        fits = _SAFE.fullmatch(name) and not _RESERVED.fullmatch(name)
        candidate = name if fits else numbered
        while candidate.casefold() in self._taken:
            candidate = numbered if candidate == name else f"{candidate}-x"
        self._taken.add(candidate.casefold())
        return candidate
