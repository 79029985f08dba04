"""The folder of an unfinished run, beside the take it is to become.

`NAME.take.part` holds what a run has worked out so far; it is removed when the take and all exports
are written. A lock that the system takes away from a dead process keeps two runs out of one folder.
"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from marey.core.errors import EnvironmentFault, InputError
from marey.core.files import explain_unwritable
from marey.core.leftovers import clear_leftovers

_ABOUT = "about.txt"
_NOTE = """\
The state of an unfinished run of marey. The same command continues it; when the take and its
exports are written, this folder is removed. If you do not want to continue, delete it.
"""
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where the parts of an unfinished run lie."""

    folder: Path

    @property
    def journal(self) -> Path:
        """What the networks answered."""
        return self.folder / "people.journal"

    @property
    def people(self) -> Path:
        """Everyone's keypoints, as a take without motion."""
        return self.folder / "people.take"

    @property
    def fit(self) -> Path:
        """One take per fitted person, in camera axes."""
        return self.folder / "fit"

    @property
    def contact(self) -> Path:
        """What has moved where bodies were taken apart: one take per piece that was solved."""
        return self.folder / "contact"

    @property
    def scratch(self) -> Path:
        """Working arrays that nobody needs afterwards."""
        return self.folder / "scratch"

    @property
    def exports(self) -> Path:
        """Exports that have not got their names yet."""
        return self.folder / "exports"

    def forget_stages(self) -> None:
        """Remove what the take was made of; the take stands, its exports may not."""
        for folder in (self.people, self.fit, self.contact, self.scratch):
            shutil.rmtree(folder, ignore_errors=True)
        self.journal.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove everything; the run is over."""
        shutil.rmtree(self.folder, ignore_errors=True)


def find_part(target: Path) -> Path:
    """Return the folder in which an unfinished run of a take keeps its parts."""
    return target.with_name(f"{target.name}.part")


def is_unfinished(target: Path) -> bool:
    """Tell whether an earlier run of a take has left its workspace."""
    return (find_part(target) / _ABOUT).is_file()


@contextmanager
def open_workspace(target: Path) -> Iterator[Workspace]:
    """Yield the workspace of a take, locked; what an earlier run left is in it.

    Args:
        target: The take to be written.

    Raises:
        InputError: If another run works on the same take, or the place is taken or not writable.
        EnvironmentFault: If the disk is full.
    """
    folder = find_part(target)
    _make(folder)
    try:
        lock = FileLock(folder / "lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise InputError(
            f"another marey is working on {target}; wait until it is done, or choose another output"
        ) from None
    except OSError as error:
        raise _explain(error, folder) from error
    try:
        workspace = Workspace(folder)
        clear_leftovers(target, alone=True)
        shutil.rmtree(workspace.scratch, ignore_errors=True)
        yield workspace
    except OSError as error:
        if error.errno in _FULL:
            raise _explain(error, folder) from error
        raise
    finally:
        lock.release()


def _make(folder: Path) -> None:
    about = folder / _ABOUT
    try:
        folder.mkdir(exist_ok=True)
        strange = not about.is_file() and any(folder.iterdir())
        if not strange and not about.is_file():
            about.write_text(_NOTE, encoding="utf-8")
    except FileExistsError as error:
        raise InputError(f"{folder} is needed for the run but is a file; rename it") from error
    except OSError as error:
        raise _explain(error, folder) from error
    if strange:
        raise InputError(f"{folder} is needed for the run but holds other files; rename it")


def _explain(error: OSError, folder: Path) -> InputError | EnvironmentFault:
    if error.errno in _FULL:
        return EnvironmentFault(
            f"the disk of {folder.parent} is full; free some space and run the same command again: "
            "it goes on where it stopped"
        )
    return explain_unwritable(folder.parent, error)
