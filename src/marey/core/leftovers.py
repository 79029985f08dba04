"""Temporary files and folders of writers that died, told apart from those of writers that live.

Whoever writes holds a lock on its temporary place, which the system takes away when the process
dies, however it dies. So a place whose lock can be had belongs to nobody. Process ids would not do:
they come again, and say nothing about a process in another container that shares the folder.

Where places cannot be locked (Windows, some network file systems), nothing is removed, unless the
caller knows that nobody else writes there.
"""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_RANDOM = "[a-z0-9_]{8}"
"""What `tempfile` puts into a name."""


def hold(place: Path) -> int | None:
    """Lock a temporary place for as long as the descriptor is open.

    Returns:
        The descriptor; None where the system has no such locks.

    Raises:
        FileNotFoundError: If somebody removed the place before it was locked; make another.
    """
    if fcntl is None:
        return None
    descriptor = os.open(place, os.O_RDONLY)
    try:
        _lock(descriptor)
        if not os.path.samestat(os.fstat(descriptor), place.stat()):
            raise FileNotFoundError(place)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def clear_leftovers(target: Path, *, alone: bool = False) -> None:
    """Remove what writers of a target left beside it when they died.

    A folder that was put aside to be replaced comes back if its successor never got its name.

    Args:
        target: The file or folder that was to be written.
        alone: Whether the caller knows that nobody else is writing the target.
    """
    for place in _find_places(target):
        with suppress(OSError):
            descriptor = _claim(place)
            try:
                if alone or descriptor is not None:
                    _remove(place, target)
            finally:
                if descriptor is not None:
                    os.close(descriptor)


def _find_places(target: Path) -> list[Path]:
    start, suffix = f".{target.name}.", re.escape(target.suffix)
    wanted = re.compile(rf"{re.escape(start)}{_RANDOM}\.(tmp({suffix})?|old)")
    try:
        with os.scandir(target.parent) as entries:
            # Folders may hold thousands of others.
            names = [entry.name for entry in entries if entry.name.startswith(start)]
    except OSError:
        return []
    return [target.with_name(name) for name in sorted(names) if wanted.fullmatch(name)]


def _claim(place: Path) -> int | None:
    """Return a descriptor that holds the lock of a place, or None if it cannot be had."""
    if fcntl is None:
        return None
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _lock(descriptor: int) -> None:
    """Lock if the disk can; where it cannot, those who clear cannot either and leave the place."""
    assert fcntl is not None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        # Somebody took it for a leftover in the moment before it was locked.
        raise FileNotFoundError(error.errno, "taken for a leftover") from error
    except OSError:
        return


def _remove(place: Path, target: Path) -> None:
    if place.is_dir():
        if place.suffix == ".old" and (place / target.name).exists() and not target.exists():
            (place / target.name).rename(target)
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink()
