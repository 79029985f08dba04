"""The last stage: bodies apart, who touches whom and the floor, for people of different spans."""

from dataclasses import replace

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.contact.settle import SettleOptions, mark_floor, settle_contact
from marey.core import Person
from marey.core.take import Take
from marey.fit.contact.touch import find_touches
from marey.io.take import read_take, write_take
from marey.synthetic.cameras import make_cameras
from tests.fit.contact.test_separate import stand


@pytest.fixture(scope="module")
def light():
    return load_body("marey-h", mesh="light")


def people_of(motion, starts) -> tuple[Person, ...]:
    found = []
    for row, start in enumerate(starts):
        one, span = slice(row, row + 1), slice(start, None)
        own = replace(
            motion,
            people=motion.people[one],
            time=motion.time[span],
            shape=motion.shape[one],
            T_world_root=motion.T_world_root[one, span],
            R_parent_joint=motion.R_parent_joint[one, span],
            confidence=motion.confidence[one, span],
        )
        name = motion.people[row]
        found.append(Person(name=name, start=start, num_frames=len(own.time), motion=own))
    return tuple(found)


def test_people_of_different_spans(light, tmp_path):
    motion = stand(light, [(0.0, -0.09), (0.0, 0.09), (3.0, 0.0)], turned=(1,), arms=1.3)
    people = people_of(motion, (0, 2, 1))
    done = settle_contact(people, motion.time, make_cameras(), light)
    assert done.separated is not None
    assert done.separated.before[0, 2:].min() > 0.02
    assert (done.separated.before[0, :2] == 0).all()
    assert done.separated.after.max() < done.separated.before.max() / 4
    touches = [person.motion.touch for person in done.people]
    named = {
        (touches[0].parts[a], touches[0].others[o], touches[0].parts[b])
        for a, o, b in zip(touches[0].part, touches[0].other, touches[0].other_part, strict=True)
    }
    assert ("chest", "p1", "chest") in named
    # Frames count from each person's own start; nobody touches the third, who is as they were.
    assert touches[0].frame.min() == 2
    assert touches[1].frame.min() == 0
    assert len(touches[2].frame) == 0
    assert np.array_equal(done.people[2].motion.T_world_root, people[2].motion.T_world_root)
    take = Take(time=motion.time, people=done.people)
    write_take(take, tmp_path / "a.take")
    again = read_take(tmp_path / "a.take").motion.touch
    whole = take.motion.touch
    for name in ("person", "frame", "part", "other", "other_part"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))


def test_it_can_be_left_out(light):
    motion = stand(light, [(0.0, -0.09), (0.0, 0.09)], turned=(1,), arms=1.3)
    people = people_of(motion, (0, 0))
    off = SettleOptions(collision=None, touches=False)
    done = settle_contact(people, motion.time, make_cameras(), light, options=off)
    assert done.separated is None
    assert done.people[0].motion.T_world_root is not None
    assert np.array_equal(done.people[0].motion.T_world_root, people[0].motion.T_world_root)
    assert done.people[0].motion.touch is None
    nobody = (replace(people[0], motion=None),)
    assert settle_contact(nobody, motion.time, make_cameras(), light).people == nobody


def test_a_hand_on_a_shoulder(light):
    """Side by side with one arm out: that hand and nothing else reaches the other."""
    motion = stand(light, [(0.0, 0.0), (0.86, 0.0)], frames=1, arms=1.3)
    pose = motion.R_parent_joint.copy()
    pose[0, :, light.rig.index("left_shoulder")] = 1, 0, 0, 0
    found = find_touches(light, replace(motion, R_parent_joint=pose), within=0.03)
    rows = [(found.person[k], found.parts[found.part[k]]) for k in range(len(found.frame))]
    assert rows
    assert {part for person, part in rows if person == 0} <= {"left_hand", "left_forearm"}
    # Both sides are said, with the same gaps.
    first, second = (np.sort(found.gap[found.person == person]) for person in (0, 1))
    assert first == pytest.approx(second)
    apart = find_touches(light, stand(light, [(0.0, 0.0), (0.86, 0.0)], frames=1, arms=1.3))
    assert len(apart.frame) == 0


def test_feet_on_a_floor_that_is_not_at_zero(light):
    motion = stand(light, [(0, 0)], frames=4)
    people = people_of(motion, (0,))
    marked = mark_floor(light, people)[0].motion
    assert marked.contact is not None
    assert marked.contact.min() > 0.5
    assert np.array_equal(marked.T_world_root, motion.T_world_root)
    lying = motion.T_world_root.copy()
    lying[..., :4] = 1, 0, 0, 0
    untold = mark_floor(light, people_of(replace(motion, T_world_root=lying), (0,)))
    assert untold[0].motion.contact is None


def test_who_is_placed_too_low_takes_nobodys_floor(light):
    motion = stand(light, [(0, 0), (2, 0), (4, 0)], frames=4)
    root = motion.T_world_root.copy()
    root[1, ..., 6] -= 0.2
    root[2, ..., 6] += 1.0
    people = people_of(replace(motion, T_world_root=root), (0, 0, 0))
    standing, lower, carried = (p.motion.contact for p in mark_floor(light, people))
    assert standing.min() > 0.5
    assert lower.min() > 0.5
    assert carried.max() < 0.1
