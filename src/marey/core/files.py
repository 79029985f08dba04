"""Writing files so that a crash leaves either the old state or the new one, never half of each.

Both context managers hand out a temporary place beside the target, on the same file system, so that
the final rename is atomic. What was written is flushed to the disk before it gets its name.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marey.core.errors import InputError, OutputExistsError


def refuse_existing(*targets: Path, overwrite: bool) -> None:
    """Stop if a place to write to is taken.

    Who writes several files asks for all of them first, so that a taken one does not leave half of
    the others behind.

    Raises:
        OutputExistsError: If one exists and may not be overwritten.
    """
    taken = [target for target in targets if target.exists()]
    if taken and not overwrite:
        raise OutputExistsError(
            f"{taken[0]} exists already; choose another name, or overwrite it "
            "(--overwrite, in Python overwrite=True)"
        )


@contextmanager
def atomic_path(target: str | Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yield a temporary file path that becomes `target` when the block ends without an error.

    Args:
        target: The file to write.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputExistsError: If the file exists and `overwrite` is off.
        InputError: If the folder does not exist or cannot be written to.
    """
    target = Path(target)
    refuse_existing(target, overwrite=overwrite)
    temporary = Path(_make_temporary(target, folder=False))
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, target)
        _flush_to_disk(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(
    target: str | Path, *, overwrite: bool = False, flush: bool = True
) -> Iterator[Path]:
    """Yield a temporary folder that becomes `target` when the block ends without an error.

    Args:
        target: The folder to write.
        overwrite: Whether an existing folder may be replaced.
        flush: Whether to wait until all is on the disk. Without, a crash of the machine (not of the
            program) may leave damaged files.

    Raises:
        OutputExistsError: If the folder exists and `overwrite` is off.
        InputError: If the parent folder does not exist or cannot be written to.
    """
    target = Path(target)
    refuse_existing(target, overwrite=overwrite)
    temporary = Path(_make_temporary(target, folder=True))
    try:
        yield temporary
        for path in sorted(temporary.rglob("*")) if flush else ():
            _flush_to_disk(path)
        _replace_folder(temporary, target)
        if flush:
            _flush_to_disk(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _make_temporary(target: Path, *, folder: bool) -> str:
    prefix, parent = f".{target.name}.", target.parent
    if not parent.is_dir():
        raise InputError(f"the folder {parent} does not exist; create it or choose another output")
    try:
        if folder:
            return tempfile.mkdtemp(prefix=prefix, suffix=".tmp", dir=parent)
        # The suffix stays: encoders and array writers choose their format by it.
        handle, path = tempfile.mkstemp(prefix=prefix, suffix=f".tmp{target.suffix}", dir=parent)
    except OSError as error:
        raise InputError(f"cannot write into {parent}: {error.strerror}") from error
    os.close(handle)
    os.chmod(path, 0o666 & ~_umask())
    return path


def _umask() -> int:
    # The umask can only be read by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _replace_folder(temporary: Path, target: Path) -> None:
    os.chmod(temporary, 0o777 & ~_umask())
    if not target.exists():
        os.rename(temporary, target)
        return
    # A folder cannot be replaced by one rename; the old one stays beside until the new one stands.
    previous = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
    os.rename(target, previous / target.name)
    try:
        os.rename(temporary, target)
    except OSError:
        os.rename(previous / target.name, target)
        raise
    finally:
        shutil.rmtree(previous, ignore_errors=True)


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
