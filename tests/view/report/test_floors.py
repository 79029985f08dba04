"""The report counts heights from the floor that contact was found on, and says which that is."""

from dataclasses import replace

import numpy as np
import pytest

from marey.view.report.findings import find_all
from marey.view.report.make import measure_people
from marey.view.report.person_section import describe_floor
from tests.view.ring import make_ring

from .scenes import change_person, standing_motion, standing_take


@pytest.fixture(scope="module")
def ring():
    return make_ring(3, num_frames=6)


def lower(take, row, by):
    """Return the take with one person placed lower, m."""
    people = list(take.people)
    motion = people[row].motion
    root = motion.T_world_root.copy()
    root[..., 6] -= by
    people[row] = replace(people[row], motion=replace(motion, T_world_root=root))
    return replace(take, people=tuple(people))


def floors(take):
    return [person.floor for person in measure_people(take)]


def test_with_several_cameras_everyone_stands_on_a_floor_of_their_own(ring):
    first, second = floors(ring)
    assert first.own and second.own
    moved, same = floors(lower(ring, 0, 0.19))
    assert moved.level == pytest.approx(first.level - 0.19, abs=1e-5)
    np.testing.assert_allclose(moved.lowest, first.lowest, atol=1e-5)
    np.testing.assert_allclose(moved.depth, first.depth, atol=1e-5)
    assert same.level == pytest.approx(second.level)
    text = describe_floor(moved)
    assert "own feet come down to" in text and "below z = 0" in text
    take = lower(ring, 0, 0.19)
    found = {finding.kind: finding for finding in find_all(take, measure_people(take))}
    assert found["Floor not at z = 0"].who == ring.people[0].name
    assert not found["Floor not at z = 0"].serious and "Below the floor" not in found


def test_who_is_carried_hangs_over_the_floor_of_the_others(ring):
    """Half a metre above the other is no floor."""
    first, second = floors(lower(ring, 1, 0.6))
    assert first.level == second.level
    assert np.nanmin(first.lowest) > 0.4 > abs(np.nanmin(second.lowest))


def test_with_one_camera_the_floor_is_that_of_the_world():
    take = standing_take(standing_motion(12, height=-0.07))
    (floor,) = floors(take)
    assert (floor.own, floor.level) == (False, 0.0)
    assert floor.depth == pytest.approx((0.07, 0.07), abs=1e-5)
    assert describe_floor(floor) == "The floor is that of the take's world, z = 0."
    (none,) = floors(change_person(take, motion=None))
    assert none is None
