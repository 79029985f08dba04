"""People of a long run on disk are those in memory, and pieces survive whatever ends the run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.contact.gathering import InMemory
from marey.capture.contact.settle import SettleOptions
from marey.capture.contact.settle_everyone import settle_everyone
from marey.capture.place_in_world import to_world
from marey.capture.world import World
from marey.core import Person, Take
from marey.io.take import write_take
from marey.io.take.stream import TakeReader
from marey.jobs.solve.archive import DiskArchive
from marey.jobs.solve.gathered import DiskGathering
from marey.jobs.workspace import Workspace
from tests.capture.contact.test_settle_everyone import CAMERAS, QUICK, film
from tests.fit.contact.test_separate import stand

WORLD = World(R_world_cam=np.eye(3), t_world_cam=np.zeros(3), floor_known=True)
OPTIONS = SettleOptions(
    collision=replace(QUICK, rounds=1, longest=7, ahead=2, stuck=0.006, again=0)
)


@pytest.fixture(scope="module")
def light():
    return load_body("marey-h", mesh="light")


@pytest.fixture(scope="module")
def people(light) -> tuple[Person, ...]:
    """Two in each other, and one who was never fitted."""
    motion = stand(light, [(-0.15, 0.0), (0.15, 0.0), (1.0, 0.0)], frames=12, arms=1.3)
    one, two, three = film(light, motion, (0, 2, 1))
    return one, two, replace(three, motion=None)


@pytest.fixture
def gather(light, people, tmp_path):
    """Return what opens the people's workspace, as often as it is wanted."""
    workspace, time = Workspace(tmp_path), people[0].motion.time
    seen = tuple(replace(person, motion=None) for person in people)
    write_take(Take(time=time, people=seen), workspace.people)
    workspace.contact.mkdir()
    workspace.fit.mkdir()
    archive = DiskArchive(TakeReader(workspace.people), workspace)
    for number, person in enumerate(people):
        archive.keep_motion(number, person.motion)
    return lambda: DiskGathering(archive, time, WORLD, light, workspace)


def settle(gathering, light):
    done = settle_everyone(gathering, CAMERAS, light, options=OPTIONS)
    return [done.place(number, gathering.read_motion(number)) for number in (0, 1)]


def assert_same(one, two) -> None:
    for first, second in zip(one, two, strict=True):
        assert first.T_world_root.tobytes() == second.T_world_root.tobytes()
        assert first.R_parent_joint.tobytes() == second.R_parent_joint.tobytes()
        assert first.confidence.tobytes() == second.confidence.tobytes()
        assert np.array_equal(first.touch.gap, second.touch.gap)


def test_disk_and_memory_give_the_same_bytes(light, people, gather):
    gathering = gather()
    assert [gathering.read_root(number) is None for number in range(3)] == [False, False, True]
    placed = tuple(replace(p, motion=p.motion and to_world(light, p.motion, WORLD)) for p in people)
    on_disk = settle(gathering, light)
    assert on_disk[0].confidence.min() == 0.5  # Not all of them get out of each other.
    assert_same(on_disk, settle(InMemory(gathering.time, placed), light))


def test_pieces_that_stand_are_not_solved_again(light, gather, monkeypatch):
    first = settle(gather(), light)
    again = gather()
    assert again.num_standing == 2
    monkeypatch.setattr(DiskGathering, "keep_piece", refuse)
    assert_same(first, settle(again, light))


def refuse(self, piece, moved):
    pytest.fail("a piece that stands is solved again")


def test_a_damaged_piece_is_solved_again(light, gather, tmp_path):
    first = settle(gather(), light)
    array = next(Path(tmp_path / "contact" / "1.take").rglob("*.npy"))
    array.write_bytes(array.read_bytes()[:-1])
    again = gather()
    assert again.num_standing == 1
    assert_same(first, settle(again, light))
