"""Everyone of a long run on disk: keypoints in one take, each fitted motion in its own."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from marey.core import BodyMotion, Person, Take
from marey.core.errors import InputError
from marey.core.scratch import Scratch
from marey.io.take import read_take, write_take
from marey.io.take.stream import TakeReader
from marey.jobs.workspace import Workspace


class DiskArchive:
    """People and motions of a run, as `marey.capture.everyone` wants them.

    Args:
        people: Everyone's keypoints.
        workspace: Where motions and working arrays go.
        edit: What is done to a person's keypoints before they are fitted; the take keeps them as
            they were found.
    """

    def __init__(
        self,
        people: TakeReader,
        workspace: Workspace,
        *,
        edit: Callable[[Person], Person] = lambda person: person,
    ):
        self.people, self._workspace, self._edit = people, workspace, edit
        tables = people.header.get("people", [])
        self.lengths = [table["num_frames"] for table in tables]
        """Frames of each person's span."""
        self.names = [table["name"] for table in tables]
        self._fitted = {number for number in range(len(people)) if self._is_sound(number)}
        self.num_standing = len(self._fitted)
        """Motions that an earlier run left."""

    def read_person(self, number: int) -> Person:
        """Return one person's keypoints; long arrays are mapped."""
        return self._edit(self.people.read_person(number))

    def has_motion(self, number: int) -> bool:
        """Whether this person has been fitted, with or without success."""
        return number in self._fitted

    def read_motion(self, number: int) -> BodyMotion | None:
        """Return a fitted person's motion in camera axes; long arrays are mapped."""
        return read_take(self._path(number)).people[0].motion

    def keep_motion(self, number: int, motion: BodyMotion | None) -> None:
        """Keep a fitted person's motion in camera axes."""
        name, length = self.names[number], self.lengths[number]
        clock = np.arange(length, dtype=np.float64) if motion is None else motion.time
        person = Person(name=name, start=0, num_frames=length, motion=motion)
        path = self._path(number)
        path.parent.mkdir(exist_ok=True)
        write_take(Take(time=clock, people=(person,)), path, overwrite=True, flush=False)
        self._fitted.add(number)

    @contextmanager
    def scratch(self, number: int) -> Iterator[Scratch]:
        """Yield room for one person's working arrays."""
        folder = self._workspace.scratch / f"{number + 1}"
        try:
            yield Scratch(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self._workspace.fit / f"{number + 1}.take"

    def _is_sound(self, number: int) -> bool:
        path = self._path(number)
        if not path.exists():
            return False
        try:
            read_take(path, verify=True)
        except InputError:
            shutil.rmtree(path, ignore_errors=True)
            return False
        return True
