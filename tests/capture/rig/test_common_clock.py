"""Views with their own clocks are read at common moments."""

import numpy as np
import pytest

from marey.capture.rig.common_clock import choose_clock, find_steps, gather_keypoints, gather_track
from marey.core import Keypoints2D, Person, Track, load_skeleton

COCO = load_skeleton("coco-17")


def _person(start: int, length: int, slope: float, confidence: float = 0.9) -> Person:
    time = np.arange(start, start + length) / 20
    position = np.zeros((1, length, 17, 2), np.float32)
    position += (slope * time[:, None, None]).astype(np.float32)
    block = Keypoints2D(
        skeleton=COCO,
        people=("x",),
        time=time,
        position=position,
        confidence=np.full((1, length, 17), confidence, np.float32),
        sigma=np.full((1, length, 17), 2.0, np.float32),
    )
    return Person(name="x", start=start, num_frames=length, keypoints2d=(block,))


def _gather(people: list[Person], own: np.ndarray, clock: np.ndarray) -> Keypoints2D:
    return gather_keypoints(
        people,
        view=0,
        name="a",
        skeleton=COCO,
        steps=find_steps(own, clock),
        num_frames=len(own),
        clock=clock,
    )


def test_the_same_clock_changes_nothing():
    own = np.arange(30) / 20
    person = _person(5, 20, 100.0)
    found = _gather([person], own, own)
    np.testing.assert_array_equal(found.position[0, 5:25], person.keypoints2d[0].position[0])
    assert np.isnan(found.position[0, :5]).all()
    assert (found.confidence[0, 25:] == 0).all()


@pytest.mark.parametrize("rate", [20.0, 25.0, 60.0])
@pytest.mark.parametrize("offset", [0.0, 0.013, 0.2])
def test_points_between_frames_are_interpolated(rate: float, offset: float):
    own = np.arange(40) / 20 + offset
    clock = np.arange(int(1.5 * rate)) / rate + 0.3
    found = _gather([_person(0, 40, 100.0)], own, clock)
    expected = np.broadcast_to(100 * (clock - offset)[:, None, None], (len(clock), 17, 2))
    np.testing.assert_allclose(found.position[0], expected, atol=1e-3)
    assert (found.sigma is not None) and (found.sigma == 2.0).all()


def test_nothing_is_invented_outside_or_over_holes():
    own = np.concatenate([np.arange(10), np.arange(15, 25)]) / 20
    clock = np.arange(-5, 30) / 20 + 0.01
    steps = find_steps(own, clock)
    known = (clock >= own[0]) & (clock <= own[-1]) & ~((clock > own[9]) & (clock < own[10]))
    np.testing.assert_array_equal(steps.before >= 0, known)


def test_the_surer_of_two_pieces_counts():
    own = np.arange(10) / 20
    found = _gather([_person(0, 10, 1.0, 0.5), _person(4, 3, 2.0, 0.9)], own, own)
    slope = found.position[0, 1:, 0, 0] / own[1:]
    np.testing.assert_allclose(slope, [1, 1, 1, 2, 2, 2, 1, 1, 1], rtol=1e-5)


def test_the_fastest_view_gives_the_clock_where_two_film():
    slow, fast = np.arange(40) / 25 + 0.5, np.arange(120) / 60
    clock = choose_clock([slow, fast])
    np.testing.assert_allclose(clock, fast[fast >= 0.5 - 1e-9])
    assert len(choose_clock([np.arange(5) / 20, np.arange(5) / 20 + 100])) == 0


def test_tracks_take_the_nearest_frame():
    own, clock = np.arange(20) / 20, np.arange(60) / 60
    boxes = np.repeat(np.arange(10, dtype=np.float32)[:, None], 4, 1)
    track = Track(person="x", start=5, box=boxes, confidence=np.ones(10, np.float32))
    found = gather_track([track], name="a", steps=find_steps(own, clock))
    assert found is not None
    assert found.person == "a"
    times = clock[found.start : found.stop]
    assert np.abs(own[5 + found.box[:, 0].astype(int)] - times).max() <= 0.5 / 20 + 1e-9
    assert gather_track([], name="a", steps=find_steps(own, clock)) is None
