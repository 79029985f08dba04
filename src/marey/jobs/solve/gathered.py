"""Everyone of a long run in the world, on disk; and what taking bodies apart has changed so far."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.body import Body
from marey.capture.contact.gathering import Moved
from marey.capture.place_in_world import to_world
from marey.capture.world import World
from marey.core import BodyMotion, Person, Take
from marey.core.errors import InputError
from marey.core.scratch import Scratch
from marey.core.take import stack_motions
from marey.io.take import read_take, write_take
from marey.jobs.solve.archive import DiskArchive
from marey.jobs.workspace import Workspace


@dataclass(frozen=True, slots=True)
class _Placed:
    """What the world says of one person."""

    root: Float[np.ndarray, "1 L 7"]
    contact: Float[np.ndarray, "1 L G"] | None
    contact_names: tuple[str, ...]


class DiskGathering:
    """People of a run, as `marey.capture.contact` wants them.

    Poses stay in the files of the fit; where everyone is in the world is a few dozen bytes a frame.

    Args:
        archive: Everyone's keypoints and fit.
        time: The clip's clock, s.
        world: Where the camera is in it.
        body: The body of the motions.
        workspace: Where pieces and working arrays go.
    """

    def __init__(
        self,
        archive: DiskArchive,
        time: Float[np.ndarray, "T"],
        world: World,
        body: Body,
        workspace: Workspace,
    ):
        self._archive, self._folder = archive, workspace.contact
        self.time, self.names = time, archive.names
        self.starts: Sequence[int] = [t["start"] for t in archive.people.header.get("people", [])]
        self._placed: dict[int, _Placed] = {}
        for number in range(len(self.names)):
            motion = archive.read_motion(number)
            if motion is not None:
                scratch = Scratch(workspace.scratch / "world" / f"{number + 1}")
                placed = to_world(body, motion, world, scratch=scratch)
                self._placed[number] = _Placed(
                    placed.T_world_root, placed.contact, placed.contact_names
                )
        self._solved = {n for n in range(self._count()) if self._is_sound(n)}
        self.num_standing = len(self._solved)
        """Pieces that an earlier run left."""

    def read_root(self, number: int) -> Float[np.ndarray, "L 7"] | None:
        """Return a person's root in the world; None without a motion."""
        placed = self._placed.get(number)
        return None if placed is None else placed.root[0]

    def read_motion(self, number: int) -> BodyMotion:
        """Return a person's motion in the world; long arrays are mapped."""
        motion, placed = self._archive.read_motion(number), self._placed[number]
        assert motion is not None
        return replace(
            motion,
            T_world_root=placed.root,
            contact=placed.contact,
            contact_names=placed.contact_names,
        )

    def read_person(self, number: int) -> Person:
        """Return a person's keypoints; long arrays are mapped."""
        return self._archive.read_person(number)

    def read_piece(self, piece: int) -> Moved | None:
        """Return what was found in a piece; None if it was not solved."""
        if piece not in self._solved:
            return None
        take = read_take(self._path(piece))
        return Moved(
            first=take.provenance["piece"]["first"],
            people=tuple(self.names.index(person.name) for person in take.people),
            motion=stack_motions(list(take.people), take.time),
        )

    def keep_piece(self, piece: int, moved: Moved) -> None:
        """Keep what was found in a piece."""
        motion, people = moved.motion, []
        for row, number in enumerate(moved.people):
            one = slice(row, row + 1)
            own = replace(
                motion,
                people=(self.names[number],),
                shape=motion.shape[one],
                T_world_root=motion.T_world_root[one],
                R_parent_joint=motion.R_parent_joint[one],
                confidence=motion.confidence[one],
                touch=None,
            )
            length = len(motion.time)
            people.append(Person(name=self.names[number], start=0, num_frames=length, motion=own))
        take = Take(
            time=motion.time, people=tuple(people), provenance={"piece": {"first": moved.first}}
        )
        write_take(take, self._path(piece), overwrite=True, flush=False)
        self._solved.add(piece)

    def _count(self) -> int:
        return len(list(self._folder.glob("*.take")))

    def _path(self, piece: int) -> Path:
        return self._folder / f"{piece + 1}.take"

    def _is_sound(self, piece: int) -> bool:
        path = self._path(piece)
        try:
            read_take(path, verify=True)
        except InputError:
            shutil.rmtree(path, ignore_errors=True)
            return False
        return True
