"""Findings: each known mistake is named, with its times, and a sound take has none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marey.core import Clip, Take
from marey.view.report.findings import find_all
from marey.view.report.measure import measure_person

from .scenes import (
    RATE,
    change_person,
    change_points,
    exchange_sides,
    lose_frames,
    standing_motion,
    standing_take,
)


def find(take: Take) -> dict[str, tuple]:
    people = tuple(measure_person(take, person) for person in take.people)
    return {finding.kind: finding for finding in find_all(take, people)}


def times(first: int, last: int):
    return (pytest.approx((first / RATE, last / RATE)),)


def test_a_sound_take_has_none():
    assert find(standing_take(standing_motion())) == {}


def test_faults_of_the_recording():
    take = standing_take(standing_motion())
    clip = Clip(path=Path("a.mp4"), size=(9, 9), time=take.time, warnings=("a.mp4 is cut off",))
    found = find(replace(take, clips=(clip,)))
    assert found["Fault of the recording"].text == "a.mp4 is cut off."
    assert found["Fault of the recording"].serious


def test_an_open_gap():
    found = find(lose_frames(standing_take(standing_motion()), slice(30, 60)))
    assert found.keys() == {"Gap left open"}
    assert found["Gap left open"].spans == times(30, 59) and found["Gap left open"].serious


def test_before_and_after_are_no_gaps():
    take = lose_frames(standing_take(standing_motion()), slice(0, 10))
    assert find(lose_frames(take, slice(80, 90))) == {}


def test_a_bridged_gap_is_no_low_confidence():
    take = standing_take(standing_motion())
    confidence = take.people[0].motion.confidence.copy()
    confidence[:, 20:30] = 0.1
    found = find(change_person(take, motion=replace(take.people[0].motion, confidence=confidence)))
    assert found.keys() == {"Gap bridged"}
    assert found["Gap bridged"].spans == times(20, 29) and not found["Gap bridged"].serious


def test_low_confidence():
    take = standing_take(standing_motion())
    confidence = take.people[0].motion.confidence.copy()
    confidence[:, 20:30] = 0.2
    confidence[:, 50] = 0.2  # one frame is not worth a word
    found = find(change_person(take, motion=replace(take.people[0].motion, confidence=confidence)))
    assert found.keys() == {"Low confidence"} and found["Low confidence"].spans == times(20, 29)


def test_a_swap():
    take = exchange_sides(
        standing_take(standing_motion()), slice(50, 56), ("knee", "ankle", "heel", "big_toe")
    )
    found = find(take)["Left-right swap suspected"]
    assert found.spans == times(50, 55) and "legs" in found.text and found.who == "Anna"


def test_below_the_floor():
    found = find(standing_take(standing_motion(height=-0.12)))
    assert found.keys() == {"Below the floor"}
    assert "12 cm" in found["Below the floor"].text and found["Below the floor"].spans == times(
        0, 89
    )
    assert find(standing_take(standing_motion(height=-0.04))) == {}


def test_sliding_feet():
    found = find(standing_take(standing_motion(slide=0.25)))
    assert found.keys() == {"Sliding feet"} and "25 cm/s" in found["Sliding feet"].text
    assert find(standing_take(standing_motion(slide=0.15))) == {}


def test_a_jump_of_the_track():
    motion = standing_motion()
    motion.T_world_root[0, 45:, 4] += 1  # a metre in a thirtieth of a second
    found = find(standing_take(motion))
    assert found["Implausible speed"].spans == times(45, 45)
    assert "30 m/s" in found["Implausible speed"].text


def test_a_body_off_the_picture():
    take = standing_take(standing_motion())
    position = take.people[0].keypoints2d[0].position.copy()
    position[:, 40:50, :, 0] += 60  # the body is some 330 px high
    found = find(change_points(take, position=position))
    assert found["Body off the picture"].spans == times(40, 49)


def test_out_of_the_picture_and_small():
    take = standing_take(standing_motion())
    near = replace(take, cameras=replace(take.cameras, K=take.cameras.K * [[[1], [1], [1]]]))
    near.cameras.K[:, 0, 2] -= 640  # the picture's middle is its left border now
    assert "Out of frame" in find(near)
    small = take.people[0].keypoints2d[0].position * np.float32(0.1)
    found = find(change_person(change_points(take, position=small), motion=None))
    assert {"Small in the picture", "Keypoints only"} == found.keys()


def test_one_person_without_a_motion_among_others():
    take = standing_take(standing_motion())
    points = replace(take.people[0].keypoints2d[0], people=("Bea",))
    bea = replace(take.people[0], name="Bea", motion=None, keypoints2d=(points,))
    found = find(replace(take, people=(*take.people, bea)))
    assert found.keys() == {"No motion"} and found["No motion"].who == "Bea"


def test_cuts(tmp_path):
    from marey.core import Clip

    clip = Clip(path=tmp_path / "a.mp4", size=(1280, 720), time=np.arange(90) / RATE, cuts=(33,))
    take = standing_take(standing_motion(), clips=(clip,))
    assert find(take)["Shot cut"].spans == times(33, 33)


def test_serious_findings_come_first():
    take = lose_frames(standing_take(standing_motion(slide=0.5)), slice(30, 60))
    confidence = take.people[0].motion.confidence.copy()
    confidence[:, 10:15] = 0.1
    take = change_person(take, motion=replace(take.people[0].motion, confidence=confidence))
    people = tuple(measure_person(take, person) for person in take.people)
    order = [finding.serious for finding in find_all(take, people)]
    assert order == sorted(order, reverse=True) and len(set(order)) == 2
