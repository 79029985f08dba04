"""A take lays people out on one clock, if they have one kind of body."""

import numpy as np
import pytest

from marey.core import BodyMotion, Person, Rig, Take
from marey.core.errors import InputError, NothingFoundError

TIME = np.arange(6) / 30


def make_rig(name: str = "arm", length: float = 0.3) -> Rig:
    offset = np.array([[0, 0, length]], np.float32)
    return Rig(name=name, root="base", joints=("elbow",), parents=(-1,), offset=offset)


def make_person(
    name: str, start: int, body: Rig | str, *, num_shape: int = 0, contacts: tuple[str, ...] = ()
) -> Person:
    motion = BodyMotion(
        body=body,
        people=(name,),
        time=TIME[start : start + 3],
        shape=np.full((1, num_shape), start, np.float32),
        T_world_root=np.full((1, 3, 7), start, np.float32),
        R_parent_joint=np.full((1, 3, 1, 4), start, np.float32),
        confidence=np.ones((1, 3), np.float32),
        contact=np.ones((1, 3, len(contacts)), np.float32) if contacts else None,
        contact_names=contacts,
    )
    return Person(name=name, start=start, num_frames=3, motion=motion)


def test_people_are_laid_out_on_the_common_clock():
    # Rigs read from a file are equal, not identical.
    people = (make_person("anna", 1, make_rig()), make_person("ben", 3, make_rig()))
    motion = Take(time=TIME, people=people).motion
    assert motion.people == ("anna", "ben")
    np.testing.assert_array_equal(motion.confidence, [[0, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1]])
    np.testing.assert_array_equal(np.isnan(motion.T_world_root).all(-1), motion.confidence == 0)
    np.testing.assert_array_equal(
        np.isnan(motion.R_parent_joint[..., 0, 0]), motion.confidence == 0
    )
    assert motion.T_world_root[1, 3, 0] == 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (make_person("anna", 1, "marey-h"), make_person("ben", 2, "smplh")),
        (make_person("anna", 1, "marey-h"), make_person("ben", 2, make_rig("marey-h"))),
        (make_person("anna", 1, make_rig()), make_person("ben", 2, make_rig(length=0.4))),
        (make_person("anna", 1, make_rig()), make_person("ben", 2, make_rig("leg"))),
        (make_person("anna", 1, "marey-h"), make_person("ben", 2, "marey-h", num_shape=3)),
    ],
)
def test_people_with_different_bodies_are_one_sentence(first, second):
    with pytest.raises(InputError, match="'anna' and 'ben' have different bodies") as caught:
        _ = Take(time=TIME, people=(first, second)).motion
    assert "take each person on their own" in str(caught.value)


def test_contacts_of_other_points_are_left_out():
    people = (
        make_person("anna", 0, "marey-h", contacts=("heel",)),
        make_person("ben", 1, "marey-h", contacts=("toe", "ball")),
        make_person("carl", 2, "marey-h"),
    )
    contact = Take(time=TIME, people=people).motion.contact
    assert contact is not None
    np.testing.assert_array_equal(contact[:, 2, 0], [1, 0, 0])


def test_a_take_without_motion_says_so():
    with pytest.raises(NothingFoundError, match="marey solve makes it"):
        _ = Take(time=TIME).motion
