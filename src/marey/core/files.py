"""Writing files so that a crash leaves either the old state or the new one, never half of each.

Both context managers hand out a temporary place beside the target, on the same file system, so that
the final rename is atomic. What was written is flushed to the disk before it gets its name. What a
writer that was killed left beside the target is removed when the target is next written.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from marey.core.errors import InputError, OutputExistsError
from marey.core.leftovers import clear_leftovers, hold

_Kind = Literal["file", "folder", "old folder"]


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
    clear_leftovers(target)
    refuse_existing(target, overwrite=overwrite)
    with _temporary_place(target, "file") as temporary:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, target)
        _flush_to_disk(target.parent)


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
    clear_leftovers(target)
    refuse_existing(target, overwrite=overwrite)
    with _temporary_place(target, "folder") as temporary:
        yield temporary
        for path in sorted(temporary.rglob("*")) if flush else ():
            _flush_to_disk(path)
        _replace_folder(temporary, target)
        if flush:
            _flush_to_disk(target.parent)


def move_into_place(source: Path, target: Path) -> None:
    """Give a finished file or folder its name; what had the name is replaced.

    Args:
        source: The file or folder, flushed to the disk; gone afterwards.
        target: Its name, maybe on another disk.
    """
    if source.is_dir():
        with atomic_folder(target, overwrite=True) as folder:
            shutil.copytree(source, folder, dirs_exist_ok=True)
        shutil.rmtree(source)
        return
    clear_leftovers(target)
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
        source.unlink()
    else:
        _flush_to_disk(target.parent)


@contextmanager
def _temporary_place(target: Path, kind: _Kind) -> Iterator[Path]:
    """Yield an empty place beside a target that is removed at the end, if it is still there."""
    temporary, descriptor = _hold_temporary(target, kind)
    try:
        if kind == "file":
            os.chmod(temporary, 0o666 & ~_umask())
        yield temporary
    finally:
        if kind == "file":
            temporary.unlink(missing_ok=True)
        else:
            shutil.rmtree(temporary, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def _hold_temporary(target: Path, kind: _Kind) -> tuple[Path, int | None]:
    while True:
        temporary = Path(_make_temporary(target, kind))
        with suppress(FileNotFoundError):
            return temporary, hold(temporary)


def _make_temporary(target: Path, kind: _Kind) -> str:
    prefix, parent = f".{target.name}.", target.parent
    if not parent.is_dir():
        raise InputError(f"the folder {parent} does not exist; create it or choose another output")
    try:
        if kind != "file":
            suffix = ".old" if kind == "old folder" else ".tmp"
            return tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=parent)
        # The suffix stays: encoders and array writers choose their format by it.
        handle, path = tempfile.mkstemp(prefix=prefix, suffix=f".tmp{target.suffix}", dir=parent)
    except OSError as error:
        raise explain_unwritable(parent, error) from error
    os.close(handle)
    return path


def refuse_missing(path: Path) -> None:
    """Refuse what is not there.

    Raises:
        InputError: If nothing has this path.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; check the spelling of the path")


def explain_unwritable(folder: Path, error: OSError) -> InputError:
    """Return what is said when a file cannot be made in a folder that exists."""
    # Some folders, such as those of the kernel, deny it by saying that something is not there.
    why = "no files can be made there" if error.errno == errno.ENOENT else error.strerror
    return InputError(f"cannot write into {folder}: {why}; choose another place")


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
    with _temporary_place(target, "old folder") as previous:
        os.rename(target, previous / target.name)
        try:
            os.rename(temporary, target)
        except OSError:
            os.rename(previous / target.name, target)
            raise


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
