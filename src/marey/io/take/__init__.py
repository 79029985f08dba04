"""The take folder: one recording, its people and where everything came from.

Metres, seconds, radians and pixels as everywhere in marey; quaternions wxyz; missing is NaN in
position and 0 in confidence. A take `name.take/` holds::

    take.toml       format, version, clock, clips, people, provenance and the list of files
    cameras.toml    calibrated cameras, if any
    clock.npy       the common clock (T), s, float64
    tracks/<view>/<person>.box.npy               (L 4), with .confidence.npy
    people/<person>/keypoints2d.<view>.position.npy  (L K 2), with .confidence.npy and .sigma.npy
    people/<person>/keypoints3d.position.npy     (L K 3), with the same
    people/<person>/motion.T_world_root.npy      (L 7)
    people/<person>/motion.R_parent_joint.npy    (L J 4)
    people/<person>/motion.shape.npy             (S)
    people/<person>/motion.confidence.npy        (L), and .contact.npy (L G)
    people/<person>/motion.touch.npy             (R 5) frame, part, other, the other's part, gap
    run.json        timings and host facts, and nothing else holds any

L counts the frames of the person's span, which starts at frame `start` of the clock. Arrays are
plain .npy: little-endian, C order, float32 but for clocks. Further clocks (`*.time.npy`) exist only
where they differ from the common one. Skeletons and rigs are written out in full in `take.toml`, so
a take explains itself. Person and view names that cannot be file names get others; `take.toml`
holds both. A clip's path is relative to the folder the take lies in if the clip lies below it, else
absolute; it is left out where only size and clock of the pictures are known, as of keypoints that
another detector found. A clip that is a part of its file has `first` and `step`, counted in the
file's frames, and one of a file with faults has `warnings`, a sentence each.
Sizes and SHA-256 of all files stand in `take.toml`; `run.json` is not listed, so that equal takes
have equal headers. Provenance that is None is left out.

Format version history:

1. First version.
2. A clip may have no path. Before, clips of keypoints bore the path of the file of keypoints.

Readers accept every version by upgrading its header step by step (`_UPGRADES`); writers write the
newest only.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from marey.core.errors import FormatError, InputError
from marey.core.files import atomic_folder, refuse_missing
from marey.core.take import Take
from marey.io._toml import format_toml
from marey.io.take._check import check_take
from marey.io.take._files import HEADER, FileList, FileReader, describe_source, hash_file
from marey.io.take._read import build_take, explain_damage
from marey.io.take._write import describe_take

__all__ = [
    "HEADER",
    "RUN_NOTES",
    "describe_source",
    "hash_file",
    "read_run",
    "read_take",
    "write_take",
]

FORMAT = "marey-take"
VERSION = 2
RUN_NOTES = "run.json"
MAX_HEADER_BYTES = 2**28
MAX_RUN_BYTES = 2**20

Header = dict[str, Any]


def _forget_files_of_keypoints(header: Header) -> Header:
    """Upgrade from version 1, in which the file of keypoints stood for the video it was made of."""
    file = header.get("provenance", {}).get("import", {}).get("file")
    facts = ("path", "bytes", "sha256")
    for clip in header.get("clips", []):
        if file is not None and PurePosixPath(clip.get("path", "")).name == file:
            for fact in facts:
                clip.pop(fact, None)
    return header


_UPGRADES: dict[int, Callable[[Header], Header]] = {1: _forget_files_of_keypoints}
"""For each old version, what turns its header into that of the next version."""


def write_take(
    take: Take,
    path: str | Path,
    *,
    overwrite: bool = False,
    run: Mapping[str, Any] | None = None,
    flush: bool = True,
) -> None:
    """Write a take folder, whole or not at all; equal takes become equal bytes.

    Args:
        take: The take; positions and poses are stored as float32.
        path: The folder to make, by custom `name.take`.
        overwrite: Whether an existing take may be replaced.
        run: Timings and host facts for `run.json`, as JSON values.
        flush: Whether to wait until all is on the disk; see `marey.core.files.atomic_folder`.

    Raises:
        OutputExistsError: If the place is taken and `overwrite` is off, or holds no take.
        ShapeError: If arrays of the take do not fit each other.
        InputError: If values break marey's rules or cannot be stored.
    """
    path = Path(path)
    check_take(take)
    refuse_strangers(path, overwrite=overwrite)
    with atomic_folder(path, overwrite=overwrite, flush=flush) as folder:
        files = FileList(folder)
        write_header(folder, describe_take(take, files, home=path.parent), files.entries)
        if run is not None:
            write_run(folder, run)


def read_take(path: str | Path, *, verify: bool = False) -> Take:
    """Read a take folder; large arrays stay on disk, mapped into memory, until they are used.

    Args:
        path: The folder.
        verify: Whether to compare the checksums of all files, and of the clips that are there.

    Returns:
        The take; its arrays are read-only.

    Raises:
        InputError: If there is no such folder.
        FormatError: If the folder is not a take, is damaged, or is of a newer version.
    """
    path = Path(path)
    header = read_header(path)
    with explain_damage(path / HEADER):
        files = FileReader(path, header.get("files", []), verify=verify)
        take = build_take(header, files, home=path.parent, verify=verify)
        check_take(take)
    return take


def read_run(path: str | Path) -> dict[str, Any]:
    """Read the timings and host facts of a take; empty if none were kept.

    Raises:
        FormatError: If they are no table in JSON.
    """
    notes = Path(path) / RUN_NOTES
    if not notes.is_file():
        return {}
    if notes.stat().st_size > MAX_RUN_BYTES:
        raise FormatError(f"{notes} is larger than any notes of a run; delete it")
    try:
        run = json.loads(notes.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{notes} is not JSON ({error}); delete it") from error
    if not isinstance(run, dict):
        raise FormatError(f"{notes} is not a table in JSON; delete it")
    return run


def write_header(folder: Path, header: Header, entries: list[dict[str, Any]]) -> None:
    """Write the header of a take whose files are written."""
    whole = {"format": FORMAT, "version": VERSION, **header, "files": entries}
    (folder / HEADER).write_bytes(format_toml(whole).encode())


def write_run(folder: Path, run: Mapping[str, Any]) -> None:
    """Write timings and host facts beside a take's header."""
    text = json.dumps(run, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / RUN_NOTES).write_bytes(f"{text}\n".encode())


def refuse_strangers(path: Path, *, overwrite: bool) -> None:
    """Stop before something that is no take is replaced by one.

    Raises:
        InputError: If it would be.
    """
    # Replacing removes all that is in the folder, so it must be a take, not somebody's home.
    is_other = path.is_dir() and any(path.iterdir()) and not (path / HEADER).is_file()
    if overwrite and (is_other or path.is_file()):
        raise InputError(f"{path} is not a take, so it is not overwritten; choose another name")


def read_header(path: Path) -> Header:
    """Return the header of a take, upgraded to the newest version.

    Raises:
        InputError: If there is no such folder.
        FormatError: If the folder is not a take, is damaged, or is of a newer version.
    """
    file = path / HEADER
    refuse_missing(path)
    if not path.is_dir():
        raise InputError(
            f"{path} is a file, and a take is a folder; marey solve makes one of a video, "
            "marey import of other files"
        )
    if not file.is_file():
        raise FormatError(f"{path} is not a take: it has no {HEADER}")
    if file.stat().st_size > MAX_HEADER_BYTES:
        raise FormatError(f"{file} is larger than any header; damaged?")
    try:
        header = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{file} is not TOML ({error}); copy the take again") from error
    return _upgrade(header, file)


def _upgrade(header: Header, file: Path) -> Header:
    version = header.get("version")
    if header.get("format") != FORMAT or type(version) is not int or version < 1:
        raise FormatError(f"{file} is not the header of a take: it does not say {FORMAT!r}")
    if version > VERSION:
        raise FormatError(
            f"{file} has version {version}, newer than the {VERSION} this marey reads; run: "
            f"pip install --upgrade marey"
        )
    for old in range(version, VERSION):
        header = _UPGRADES[old](header)
    return header
