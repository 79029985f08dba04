"""One person's figures against takes whose mistakes are known."""

from dataclasses import replace

import numpy as np
import pytest

from marey.core import Take, Track, Tracks
from marey.view.report import posing
from marey.view.report.measure import measure_person
from tests.fixtures.golden_take import make_take

from .scenes import (
    FEET,
    SKELETON,
    change_person,
    change_points,
    exchange_sides,
    lose_frames,
    space_points,
    standing_motion,
    standing_take,
)


def measure(take: Take):
    return measure_person(take, take.people[0])


def test_a_perfect_take_has_no_error():
    figures = measure(standing_take(standing_motion()))
    # float32 pixels of a picture 1280 wide, and float32 joints.
    assert figures.reprojection.total[0] < 2e-3
    assert figures.floor.depth == pytest.approx((0, 0), abs=1e-6)
    assert figures.movement.jitter == pytest.approx(0, abs=1e-3)
    assert figures.presence.present.all() and not figures.presence.bridged.any()


def test_the_slide_of_the_feet_is_the_bodys_speed():
    figures = measure(standing_take(standing_motion(slide=0.3)))
    assert figures.floor.names == FEET
    np.testing.assert_allclose(figures.floor.slide, 0.3, rtol=1e-4)
    assert figures.floor.mean_slide == pytest.approx(0.3, rel=1e-4)
    np.testing.assert_allclose(figures.floor.contact_share, 1)
    np.testing.assert_allclose(figures.movement.root_speed[1:], 0.3, rtol=1e-3)
    assert np.isnan(figures.movement.root_speed[0])


def test_the_depth_below_the_floor():
    figures = measure(standing_take(standing_motion(height=-0.07)))
    assert figures.floor.depth == pytest.approx((0.07, 0.07), abs=1e-5)


def test_the_reprojection_error_is_the_keypoints_offset():
    take = standing_take(standing_motion())
    position = take.people[0].keypoints2d[0].position + np.float32([3, 4])
    position[:, :, SKELETON.index("left_wrist")] += [9, 12]
    boxes = np.tile(np.array([0, 100, 50, 600], np.float32), (90, 1))
    track = Track(person="Anna", start=0, box=boxes, confidence=np.ones(90, np.float32))
    take = replace(take, tracks=(Tracks(time=take.time, tracks=(track,)),))
    found = measure(change_points(take, position=position)).reprojection
    by_name = dict(zip(found.names, found.median_px, strict=True))
    assert by_name["right_knee"] == pytest.approx(5, rel=0.005)
    assert by_name["left_wrist"] == pytest.approx(20, rel=0.005)
    share = dict(zip(found.names, found.median_share, strict=True))
    assert share["right_knee"] == pytest.approx(5 / 500, rel=0.005)
    # 17 keypoints of the body and 6 of the feet; one is 20 px off, the others 5.
    np.testing.assert_allclose(found.error_px, (22 * 5 + 20) / 23, rtol=1e-3)
    assert found.total[0] == pytest.approx(5, rel=0.005)


def test_keypoints_that_are_not_sure_do_not_count():
    take = standing_take(standing_motion())
    points = take.people[0].keypoints2d[0]
    position, confidence = points.position.copy(), points.confidence.copy()
    position[:, :, SKELETON.index("left_wrist")] += 50
    confidence[:, :, SKELETON.index("left_wrist")] = 0.2
    found = measure(change_points(take, position=position, confidence=confidence)).reprojection
    assert "left_wrist" not in found.names and found.total[1] < 0.01


def test_a_gap_has_no_speed_and_no_error():
    figures = measure(lose_frames(standing_take(standing_motion(slide=1.0)), slice(30, 40)))
    assert not figures.presence.present[30:40].any() and figures.presence.present[[29, 40]].all()
    assert np.isnan(figures.movement.fastest[30:41]).all()
    np.testing.assert_allclose(figures.movement.fastest[41:], 1.0, rtol=1e-3)
    assert np.isnan(figures.reprojection.error_px[30:40]).all()
    assert np.isnan(figures.floor.lowest[30:40]).all()


def test_the_fastest_joint_and_its_moment():
    motion = standing_motion()
    pose = motion.R_parent_joint.copy()
    elbow = posing.PosedPoints(motion).joints.index("left_elbow") - 1
    pose[0, 61:, elbow] = [np.cos(0.1), 0, np.sin(0.1), 0]  # the forearm turns by 0.2 rad at once
    figures = measure(standing_take(replace(motion, R_parent_joint=pose)))
    found = figures.movement
    best = int(np.nanargmax(found.peak))
    assert found.joints[best] == "left_wrist" and found.peak_frame[best] == 61
    posed = posing.PosedPoints(motion)
    rest = posed.place(slice(0, 1))[0]
    ends = [rest[posed.names.index(name)] for name in ("left_elbow", "left_wrist")]
    chord = 2 * np.sin(0.1) * np.linalg.norm((ends[0] - ends[1])[[0, 1]])
    assert found.peak[best] == pytest.approx(30 * chord, rel=0.02)
    assert found.typical_jerk < found.jitter  # one jerk among quiet frames


def test_the_spread_of_a_limb():
    lengths = np.full(100, 0.30)
    lengths[:20], lengths[-20:] = 0.27, 0.33
    take = standing_take(standing_motion(100))
    limbs = measure(change_person(take, keypoints3d=space_points(lengths))).limbs
    row = limbs.names.index("left_upper_arm")
    assert limbs.median[row] == pytest.approx(0.30, rel=0.003)
    assert limbs.spread[row] == pytest.approx(0.2, abs=0.004)
    assert np.isnan(limbs.median[limbs.names.index("right_shin")])


def test_a_known_swap_is_found_where_it_is():
    take = standing_take(standing_motion())
    swapped = exchange_sides(take, slice(50, 56), ("hip", "knee", "ankle"))
    found = measure(swapped).sight.exchanged
    assert np.flatnonzero(found["legs"]).tolist() == list(range(50, 56))
    assert not found["arms"].any()


def test_without_a_motion_a_swap_shows_as_two_jumps():
    take = exchange_sides(standing_take(standing_motion()), slice(50, 56), ("knee", "ankle"))
    found = measure(change_person(take, motion=None)).sight.exchanged
    assert np.flatnonzero(found["legs"]).tolist() == [50, 56]


def test_stretches_change_nothing(monkeypatch):
    """Long takes are measured in stretches; where they are cut must not matter."""
    take = lose_frames(standing_take(standing_motion(slide=0.4)), slice(33, 36))
    whole = measure(take)
    monkeypatch.setattr(posing, "STRETCH", 7)
    parts = measure(take)
    np.testing.assert_allclose(parts.movement.fastest, whole.movement.fastest, rtol=1e-5)
    assert parts.movement.jitter == pytest.approx(whole.movement.jitter, rel=1e-5)
    np.testing.assert_allclose(parts.floor.slide, whole.floor.slide)
    np.testing.assert_allclose(parts.sight.coverage, whole.sight.coverage)
    np.testing.assert_array_equal(parts.reprojection.error_px, whole.reprojection.error_px)


def test_coverage_counts_frames_with_half_of_a_part():
    take = standing_take(standing_motion())
    confidence = take.people[0].keypoints2d[0].confidence.copy()
    hand = [k for k, name in enumerate(SKELETON.keypoints) if name.startswith("left_index")]
    hand += [k for k, name in enumerate(SKELETON.keypoints) if name.startswith("left_middle")]
    hand += [SKELETON.index("left_thumb1"), SKELETON.index("left_thumb2")]
    hand += [SKELETON.index("left_hand_wrist")]
    assert len(hand) == 11  # of 21
    confidence[:, :45, hand] = 0
    sight = measure(change_points(take, confidence=confidence)).sight
    coverage = dict(zip(sight.groups, sight.coverage, strict=True))
    assert coverage["left hand"] == 0.5 and coverage["right hand"] == 1


def test_a_bare_rig_is_measured_too():
    take = make_take()
    figures = measure_person(take, take.people[1])
    assert figures.movement.joints == ("base", "elbow", "wrist")
    assert figures.reprojection is None and figures.limbs is None
    # The golden file's ramp climbs by 0.3 m along each axis a frame; its clock is uneven.
    expected = np.linalg.norm([0.3] * 3) / np.diff(take.time)
    assert figures.movement.root_speed[1:] == pytest.approx(expected, rel=1e-4)


def test_a_body_that_is_not_there_is_said():
    motion = replace(standing_motion(), body="nowhere/body.npz")
    figures = measure(change_person(standing_take(standing_motion()), motion=motion))
    assert figures.movement is None and "nowhere" in figures.problem
    assert figures.presence.has_motion
