"""Lines of a text file from outside, plain or gzipped, within limits."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marey.core.errors import FormatError, InputError

MAX_LINE = 2**20
"""Characters of a line; one frame of a thousand joints has a tenth of that."""
MAX_BLANK_LINES = 10_000
"""Beyond one for each line of content; broken conversions of line ends leave about as many."""

_GZIP = b"\x1f\x8b"


class LineReader:
    """Reads the words of one line after the other and knows where it is."""

    def __init__(self, path: Path, file: io.TextIOWrapper):
        self.number = 0
        """Number of the line read last, counted from 1."""
        self._path, self._file, self._num_blank = path, file, 0

    def read_words(self) -> list[str] | None:
        """Return the words of the next line that has any; None at the end of the file.

        Raises:
            FormatError: If a line is too long or the file consists of empty lines.
        """
        while line := self._file.readline(MAX_LINE + 1):
            self.number += 1
            if len(line) > MAX_LINE:
                raise self.fault("a line of text", f"one of more than {MAX_LINE} characters")
            if words := line.split():
                return words
            self._num_blank += 1
            if self._num_blank > MAX_BLANK_LINES + self.number // 2:
                raise self.fault("content", f"{self._num_blank} empty lines")
        return None

    def fault(self, expected: str, found: str) -> FormatError:
        """Return the error that says what this line should have held."""
        shown = found if len(found) <= 60 else f"{found[:57]}..."
        return FormatError(
            f"{self._path}, line {self.number}: expected {expected}, found {shown}; "
            "export the file again"
        )


@contextmanager
def open_lines(path: Path) -> Iterator[LineReader]:
    """Open a text file for reading by lines, whatever its line ends; gzip is unpacked on the way.

    Raises:
        InputError: If the file does not exist or cannot be read.
        FormatError: If its gzip stream is damaged.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the path of a .bvh or .bvh.gz file")
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            # Old files name joints in whatever encoding their author's machine had.
            with io.TextIOWrapper(stream, "utf-8-sig", errors="replace") as text:
                yield LineReader(path, text)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"{path} is a damaged gzip file ({error}); copy it again") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
