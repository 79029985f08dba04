"""Files of a corpus in a folder."""

from collections.abc import Iterator
from pathlib import Path

from marey.core.errors import InputError, NothingFoundError


def find_files(folder: str | Path, *patterns: str, what: str) -> tuple[Path, ...]:
    """Return the files that match any of the patterns, sorted by name, each once.

    Args:
        folder: Where to look.
        *patterns: Patterns as of `Path.glob`.
        what: What is looked for, for the message.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If there is no such file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder that holds {what}")
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    if not found:
        shown = " or ".join(patterns)
        raise NothingFoundError(f"{folder} holds no {what} ({shown}); is it the right folder?")
    return tuple(sorted(found))


def check_file(path: str | Path, what: str) -> Path:
    """Return the path of a file that exists.

    Raises:
        InputError: If it does not.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the path of {what}")
    return path


def iterate_names(names: tuple[str, ...], path: Path) -> Iterator[str]:
    """Yield names of sequences within one file.

    Raises:
        NothingFoundError: If there are none.
    """
    if not names:
        raise NothingFoundError(f"{path} holds no sequences; is it the right file?")
    yield from names
