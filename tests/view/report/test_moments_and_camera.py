"""Which moments get a picture, and whether the background moves."""

from dataclasses import replace

import numpy as np
import pytest

from marey.view.report.camera_check import CameraCheck, Pair, background_shift
from marey.view.report.measure import measure_person
from marey.view.report.moments import choose_moments

from .scenes import change_points, lose_frames, standing_motion, standing_take


def choose(take):
    people = tuple(measure_person(take, person) for person in take.people)
    return choose_moments(people, len(take.time))


def test_moments_are_spread_and_include_the_worst_and_the_fastest():
    motion = standing_motion()
    motion.T_world_root[0, 70:, 4] += 0.2
    take = standing_take(motion)
    position = take.people[0].keypoints2d[0].position.copy()
    position[:, 21] += 40
    moments = choose(change_points(take, position=position))
    reasons = {moment.frame: moment.reason for moment in moments}
    assert "largest reprojection error" in reasons[21] and "6.0 m/s" in reasons[70]
    frames = [moment.frame for moment in moments]
    assert frames == sorted(set(frames)) and 4 <= len(frames) <= 6
    assert np.diff(frames).max() < 40


def test_no_picture_of_nobody():
    take = lose_frames(standing_take(standing_motion()), slice(0, 60))
    assert all(moment.frame >= 60 for moment in choose(take))
    assert choose_moments((), 90) == ()


def test_a_single_frame():
    assert [moment.frame for moment in choose(standing_take(standing_motion(1)))] == [0]


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    import cv2

    noise = np.random.default_rng(0).integers(0, 255, (80, 120, 3), np.uint8)
    return cv2.resize(noise, (960, 640), interpolation=cv2.INTER_CUBIC)


def test_the_shift_of_the_background_is_measured(texture):
    moved = np.roll(texture, 8, axis=1)
    assert background_shift(Pair(first=texture, second=moved)) == pytest.approx(8 / 960, rel=0.05)
    assert background_shift(Pair(first=texture, second=texture)) == pytest.approx(0, abs=1e-5)


def test_people_are_no_background(texture):
    moved = texture.copy()
    moved[100:600, 200:800] = np.roll(texture, 30, axis=1)[100:600, 200:800]
    box = np.array([[200, 100, 800, 600], [np.nan] * 4])
    seen = Pair(first=texture, second=moved, boxes=box)
    assert background_shift(seen) == pytest.approx(0, abs=1e-3)


def test_nothing_to_follow_is_no_answer(texture):
    blank = np.full_like(texture, 90)
    assert background_shift(Pair(first=blank, second=blank)) is None
    check = CameraCheck()
    check.look(Pair(first=blank, second=blank))
    assert check.shifts == [] and not check.suspected


def test_half_of_the_moments_must_move(texture):
    still, moved = (Pair(first=texture, second=np.roll(texture, k, axis=1)) for k in (0, 9))
    check = CameraCheck()
    for pair in (still, still, moved):
        check.look(pair)
    assert not check.suspected
    check.look(replace(moved))
    assert check.suspected
