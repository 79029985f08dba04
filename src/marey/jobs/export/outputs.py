"""What a run writes: refused before any work, and known again after an interruption.

Every export is made in the workspace first. Before its files get their names, their SHA-256 are
written down there, so that the same command knows them for its own and goes on with the others.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marey.core.errors import InputError
from marey.core.files import atomic_path
from marey.jobs.export.take import check_export
from marey.jobs.files import refuse_existing
from marey.jobs.workspace import find_part, is_unfinished

Digests = Mapping[str, str]
"""SHA-256 by the resolved path of a file or folder."""

_RECORD = "outputs.json"
_PER_PERSON = (".bvh", ".npz", ".trc")
"""Formats of which several people, or several runs of a person, become several files."""
_PER_CAMERA = (".json", ".openpose")
"""Formats of which several cameras become several files."""
_OF_PERSON = r"(_(person-)?\d+)?(_part\d+)?"
"""What `solve` adds to the name; who names people otherwise is refused when names are known."""
_OF_CAMERA = r"(_.+)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRecord:
    """Which files the exports of a take have become."""

    take: str = ""
    """SHA-256 of the take's header."""
    exports: Mapping[str, Digests] = field(default_factory=dict)
    """The files of each export, by the resolved path that was asked for."""

    def owns(self, path: Path) -> bool:
        """Tell whether a file is as this run wrote it."""
        name = str(path.resolve())
        digests = {sha for files in self.exports.values() for n, sha in files.items() if n == name}
        return bool(digests) and path.exists() and digest_output(path) in digests

    def find(self, path: Path) -> Digests:
        """Return the files of an export; empty if it was not made yet."""
        return self.exports.get(str(path.resolve()), {})

    def add(self, path: Path, files: Digests) -> "OutputRecord":
        """Return a record that holds the files of one export more."""
        exports = {**self.exports, str(path.resolve()): files}
        return OutputRecord(take=self.take, exports=exports)


def check_take(target: Path, *, overwrite: bool) -> None:
    """Refuse a take that cannot be written.

    Raises:
        InputError: If the name cannot be used, or something else than a take would be replaced.
        OutputExistsError: If it exists and may not be replaced.
    """
    from marey.io.take import HEADER

    if target.suffix != ".take":
        raise InputError(f"a take is a folder whose name ends in .take, got '{target.name}'")
    if not target.parent.is_dir():
        raise InputError(f"the folder {target.parent} does not exist; create it first")
    refuse_existing(target, overwrite=overwrite)
    # Replacing removes all that is in the folder; to be refused now, not after an hour's work.
    if target.exists() and not (target / HEADER).is_file():
        raise InputError(f"{target} exists and is no take, so it is not replaced; remove it first")


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse what `check_take` does, but for a take that may be of an interrupted run.

    Whether it is that, the run finds out before it does any work; then only exports are missing.
    """
    check_take(target, overwrite=overwrite or is_unfinished(target))


def check_exports(
    target: Path, exports: Sequence[Path], *, overwrite: bool, sources: list[Path]
) -> None:
    """Refuse exports of a take that is yet to be solved, as far as can be known now.

    Args:
        target: The take.
        exports: The files to write.
        overwrite: Whether existing files may be replaced.
        sources: Files that must not be replaced in any case.

    Raises:
        InputError: If a name cannot be used, or is given twice.
        OutputExistsError: If a file exists that is not of the same run, or one that may become
            that of a person.
    """
    record = read_record(find_part(target))
    for number, path in enumerate(exports):
        check_export(path, overwrite=True, sources=sources)
        earlier = [other for other in exports[:number] if _may_clash(other, path)]
        if earlier:
            raise InputError(
                f"{path} and {earlier[0]} are exports of one name; name each file differently"
            )
        if not overwrite:
            foreign = [taken for taken in _find_taken(path) if not record.owns(taken)]
            refuse_existing(*foreign, overwrite=False)


def read_record(part: Path) -> OutputRecord:
    """Read what a run has written down; nothing if there is none, or it is damaged."""
    try:
        table: Any = json.loads((part / _RECORD).read_text(encoding="utf-8"))
        exports = {
            str(path): {str(name): str(sha) for name, sha in files.items()}
            for path, files in table["exports"].items()
        }
        return OutputRecord(take=str(table["take"]), exports=exports)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return OutputRecord()


def write_record(part: Path, record: OutputRecord) -> None:
    """Write down what a run has finished."""
    with atomic_path(part / _RECORD) as path:
        table = {"take": record.take, "exports": dict(record.exports)}
        path.write_text(json.dumps(table, indent=2), encoding="utf-8")


def digest_output(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder's files."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    names = sorted(inner.relative_to(path) for inner in path.rglob("*") if inner.is_file())
    lines = (f"{digest_output(path / name)}  {name.as_posix()}\n" for name in names)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _may_clash(first: Path, second: Path) -> bool:
    if _fold(first.parent) != _fold(second.parent):
        return False
    return _may_become(first, second.name) or _may_become(second, first.name)


def _may_become(path: Path, name: str) -> bool:
    """Tell whether one of the files that an export becomes may have a name."""
    suffix = path.suffix.lower()
    added = _OF_PERSON if suffix in _PER_PERSON else _OF_CAMERA if suffix in _PER_CAMERA else ""
    # Disks that do not tell A from a have one place for both.
    pattern = re.escape(path.stem) + added + re.escape(path.suffix)
    return re.fullmatch(pattern, name, re.IGNORECASE) is not None


def _fold(path: Path) -> str:
    return os.path.normcase(path.resolve())


def _find_taken(path: Path) -> Iterator[Path]:
    """Yield what lies where an export may be written."""
    if path.exists():
        yield path
    if path.suffix.lower() in _PER_PERSON:
        others = (inner for inner in path.parent.iterdir() if inner.name != path.name)
        yield from sorted(inner for inner in others if _may_become(path, inner.name))
