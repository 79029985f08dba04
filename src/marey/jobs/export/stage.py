"""The last stage of a run: the exports of its take, each of which is skipped where it stands."""

import shutil
import time as clock
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marey.core import Take
from marey.core.files import move_into_place
from marey.core.progress import Progress
from marey.io.take import HEADER, hash_file, read_take
from marey.jobs.export.outputs import (
    Digests,
    OutputRecord,
    digest_output,
    read_record,
    write_record,
)
from marey.jobs.export.take import export
from marey.jobs.files import refuse_existing
from marey.jobs.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What the exports of a take have become."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    """Files that the interrupted run had finished."""
    seconds: float


NOTHING = Exported(written=(), kept=(), seconds=0.0)


def write_exports(
    take: Path,
    exports: Sequence[Path],
    *,
    workspace: Workspace,
    overwrite: bool,
    progress: Progress,
) -> Exported:
    """Write those exports of a take that do not stand yet.

    Args:
        take: The take on disk.
        exports: The files to write.
        workspace: The workspace of the run, locked.
        overwrite: Whether files that exist may be replaced.
        progress: Called as frames are written.

    Raises:
        OutputExistsError: If a person's file exists and is not of this run.
        InputError: If the take lacks what a format needs.
        KeyboardInterrupt: On Ctrl-C, with a sentence that says what stands.
    """
    if not exports:
        return NOTHING
    begin = clock.perf_counter()
    # Arrays stay on disk until an export uses them.
    stage = _Stage(read_take(take), hash_file(take / HEADER), workspace, overwrite, progress)
    written: list[Path] = []
    kept: list[Path] = []
    for number, path in enumerate(exports):
        try:
            finals, is_new = stage.export(path, number)
        except KeyboardInterrupt:
            stands = ", ".join(str(done) for done in (take, *kept, *written))
            raise KeyboardInterrupt(
                f"{stands} stand{'' if kept or written else 's'}, and the same command goes on "
                f"with {path}"
            ) from None
        (written if is_new else kept).extend(finals)
    seconds = clock.perf_counter() - begin
    return Exported(written=tuple(written), kept=tuple(kept), seconds=seconds)


@dataclass(frozen=True, slots=True)
class _Stage:
    take: Take
    header: str
    """SHA-256 of the take's header."""
    workspace: Workspace
    overwrite: bool
    progress: Progress

    def export(self, path: Path, number: int) -> tuple[list[Path], bool]:
        """Return the files of an export, and whether they are new."""
        record = self._read()
        files = record.find(path)
        if files and all(record.owns(Path(name)) for name in files):
            return _name_as_asked(path, files), False
        folder = self.workspace.exports / str(number)
        if not _is_made(folder, files):
            files = self._make(path, folder)
        self._place(path, folder, files)
        return _name_as_asked(path, files), True

    def _read(self) -> OutputRecord:
        """Return what is written down of this very take."""
        record = read_record(self.workspace.folder)
        return record if record.take == self.header else OutputRecord(take=self.header)

    def _make(self, path: Path, folder: Path) -> Digests:
        """Write an export into the workspace and return what it became."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        made = export(self.take, folder / path.name, progress=self.progress)
        return {str(path.with_name(file.name).resolve()): digest_output(file) for file in made}

    def _place(self, path: Path, folder: Path, files: Digests) -> None:
        """Give the files of an export their names, and write down first that they are ours."""
        finals = [Path(name) for name in files]
        record = self._read()
        foreign = [final for final in finals if final.exists() and not record.owns(final)]
        refuse_existing(*foreign, overwrite=self.overwrite)
        write_record(self.workspace.folder, record.add(path, files))
        for final in finals:
            # The others have got theirs before the interruption.
            if (folder / final.name).exists():
                move_into_place(folder / final.name, final)
        shutil.rmtree(folder, ignore_errors=True)


def _is_made(folder: Path, files: Digests) -> bool:
    """Tell whether all files of an export that have no name yet lie in the workspace."""

    def is_there(name: str, sha: str) -> bool:
        places = (folder / Path(name).name, Path(name))
        return any(place.exists() and digest_output(place) == sha for place in places)

    return bool(files) and all(is_there(name, sha) for name, sha in files.items())


def _name_as_asked(path: Path, files: Digests) -> list[Path]:
    return [path.with_name(Path(name).name) for name in files]
