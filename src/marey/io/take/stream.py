"""Takes too large for memory: written and read person by person, with the bytes `write_take` makes.

A long capture first keeps everyone's keypoints, as a take without motion, and later makes the
finished take from it by adding motions and cameras; files that stay the same are linked.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from marey.core.cameras import Cameras
from marey.core.files import atomic_folder
from marey.core.motion import BodyMotion
from marey.core.take import Person, Take
from marey.core.tracks import Track
from marey.io._toml import sort_table
from marey.io.file_names import FileNamer
from marey.io.take import read_header, refuse_strangers, write_header, write_run
from marey.io.take._check import check_person, check_take, check_track
from marey.io.take._files import HEADER, FileList, FileReader
from marey.io.take._read import PartsReader, build_take, explain_damage
from marey.io.take._write import (
    PeopleWriter,
    Table,
    describe_clip,
    name_views,
    write_cameras,
    write_track,
)

_ORDER = ("clock", "clips", "cameras", "tracks", "people", "rigs", "skeletons", "provenance")
"""Of the entries of a header."""


class TakeReader:
    """A take on disk whose people are read one by one.

    Args:
        path: The take.
        verify: Whether to compare the checksums of all its files.

    Raises:
        InputError: If there is no such folder.
        FormatError: If the folder is not a take, is damaged, or is of a newer version.
    """

    def __init__(self, path: Path, *, verify: bool = False):
        self.path, self.header = path, read_header(path)
        with explain_damage(path / HEADER):
            files = FileReader(path, self.header.get("files", []), verify=verify)
            self._parts = PartsReader(self.header, files)
            rest = {k: v for k, v in self.header.items() if k not in ("people", "tracks")}
            self.take = build_take(rest, files, home=path.parent, verify=False)
            """Everything but people and tracks."""
            check_take(self.take)

    def __len__(self) -> int:
        return len(self.header.get("people", []))

    def read_person(self, number: int) -> Person:
        """Read one person."""
        with explain_damage(self.path / HEADER):
            person = self._parts.read_person(self.header["people"][number])
            check_person(person, len(self.take.time))
        return person


def write_people(
    take: Take,
    path: Path,
    *,
    people: Iterable[tuple[Person, Track]],
    home: Path,
) -> None:
    """Write a take of one view whose people come one by one.

    Args:
        take: Everything but people and tracks; one clip.
        path: The folder to make; an existing take is replaced.
        people: Everyone with their boxes, on the take's clock.
        home: The folder that clips are named from.

    Raises:
        ShapeError: If arrays do not fit each other.
        InputError: If values break marey's rules or cannot be stored.
    """
    check_take(take)
    (view,) = name_views(take)
    with atomic_folder(path, overwrite=True, flush=False) as folder:
        files = FileList(folder)
        header: Table = {"clock": files.add_time("clock.npy", take.time)}
        header["clips"] = [
            describe_clip(clip, files, f"clips/{view}.time.npy", home) for clip in take.clips
        ]
        track_files, person_files, namer = files.section(), files.section(), FileNamer("person")
        writer, rows, tables = PeopleWriter(person_files, [view], take.time), [], []
        for person, track in people:
            check_person(person, len(take.time))
            check_track(track, len(take.time), f"the tracks of view {view}")
            rows.append(
                write_track(track, track_files, f"tracks/{view}/{namer.choose(track.person)}")
            )
            tables.append(writer.write_person(person))
        clock = track_files.add_time(f"tracks/{view}.time.npy", take.time)
        header["tracks"] = [{"time": clock, "people": rows}]
        header |= {"people": tables, "skeletons": writer.skeletons, "rigs": writer.rigs}
        header["provenance"] = sort_table(take.provenance)
        entries = [*files.entries, *track_files.entries, *person_files.entries]
        write_header(folder, _arrange(header), entries)


def add_motions(
    source: TakeReader,
    path: Path,
    *,
    motions: Callable[[int], BodyMotion | None],
    cameras: Cameras,
    provenance: Mapping[str, Any],
    overwrite: bool,
    run: Callable[[], Mapping[str, Any]],
) -> None:
    """Make a take from the keypoints of another: other motions, cameras and provenance.

    Args:
        source: A take on disk; its own motions and cameras are left out.
        path: The folder to make.
        motions: Gives each person's motion by number, or None.
        cameras: The cameras.
        provenance: Stage name to its options and hashes.
        overwrite: Whether an existing take may be replaced.
        run: Gives timings and host facts when all else is written.

    Raises:
        OutputExistsError: If the place is taken and `overwrite` is off, or holds no take.
        ShapeError: If arrays do not fit each other.
        InputError: If values break marey's rules or cannot be stored.
    """
    refuse_strangers(path, overwrite=overwrite)
    with atomic_folder(path, overwrite=overwrite) as folder:
        files = FileList(folder)
        header: Table = {**source.header, "cameras": write_cameras(cameras, files)}
        writer = PeopleWriter(files, [], source.take.time)
        header["people"] = []
        for number, old in enumerate(source.header["people"]):
            table = {key: value for key, value in old.items() if key != "motion"}
            motion = motions(number)
            if motion is not None:
                person = replace(source.read_person(number), motion=motion)
                check_person(person, len(source.take.time))
                table["motion"] = writer.write_motion(motion, f"{_folder_of(table)}/motion", person)
            header["people"].append(table)
        # Rigs are those of motions, so none of the source's is left.
        header |= {"rigs": writer.rigs, "provenance": sort_table(provenance)}
        new = {entry["path"] for entry in files.entries}
        kept = [entry for entry in _named_entries(source, header) if entry["path"] not in new]
        for entry in kept:
            _link(source.path / entry["path"], folder / entry["path"])
        folders = [_folder_of(table) for table in header["people"]]
        entries = _sort_entries([*kept, *files.entries], folders)
        write_header(folder, _arrange(header), entries)
        write_run(folder, run())


def _named_entries(source: TakeReader, header: Table) -> list[Table]:
    """Return the entries of a source's files that a header names."""
    named = {header["clock"], *_named_files([header["clips"], header["tracks"], header["people"]])}
    return [entry for entry in source.header["files"] if entry["path"] in named]


def _sort_entries(entries: list[Table], folders: list[str]) -> list[Table]:
    """Put files into the order in which `write_take` writes them."""
    numbers = {folder: number for number, folder in enumerate(folders)}
    sections = {"tracks": 2, "people": 3}

    def place(entry: Table) -> tuple[int, int]:
        top, *rest = entry["path"].split("/")
        section = sections.get(top, 1 if top.startswith("cameras") else 0)
        return section, numbers[f"{top}/{rest[0]}"] if section == sections["people"] else 0

    # What is new of a person stands behind what was there, and the sort keeps it so.
    return sorted(entries, key=place)


def _folder_of(person: Table) -> str:
    return "/".join(_named_files(person)[0].split("/")[:2])


def _arrange(header: Table) -> Table:
    return {key: header[key] for key in _ORDER if header.get(key) not in (None, [], {})}


def _named_files(value: Any) -> list[str]:
    """Return the array files that a table names, in order."""
    if isinstance(value, Mapping):
        return [name for key in value for name in _named_files(value[key])]
    if isinstance(value, list):
        return [name for element in value for name in _named_files(element)]
    return [value] if isinstance(value, str) and value.endswith(".npy") else []


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        os.link(source, target)
        return
    shutil.copyfile(source, target)
