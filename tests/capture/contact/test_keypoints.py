"""The road through contact: swaps are undone or reported, what is bad input ends marked."""

from dataclasses import replace

import numpy as np
import pytest

from marey.capture.contact.keypoints import ContactRoad, resolve_contact
from marey.capture.contact.road import pass_contact
from marey.capture.views.triangulate import triangulate_keypoints
from marey.synthetic import project_to_cameras
from tests.capture.crowds import drop, exchange, make_crowd

LIMBS = np.arange(17) >= 7  # Elbows, wrists, hips, knees, ankles.


def everywhere(crowd):
    return np.ones(crowd.truth.shape[1], bool)


def own_error(points, truth):
    return np.linalg.norm(points - truth, axis=-1)


def other_error(points, truth):
    return np.linalg.norm(points - truth[::-1], axis=-1)


@pytest.fixture(scope="module")
def crowd():
    return make_crowd()


@pytest.mark.parametrize("masks", [False, True])
def test_what_is_right_stays(crowd, masks):
    road = ContactRoad(masks=masks)
    resolved = resolve_contact(crowd.keypoints, crowd.cameras, everywhere(crowd), road)
    assert not resolved.exchanged.any()
    assert (resolved.keypoints.confidence > 0.5).mean() > 0.97
    kept = resolved.keypoints.valid
    np.testing.assert_array_equal(resolved.keypoints.position[kept], crowd.keypoints.position[kept])
    assert not resolved.unsure.any()


def test_outside_of_contact_nothing_changes(crowd):
    nowhere = np.zeros(crowd.truth.shape[1], bool)
    resolved = resolve_contact(crowd.keypoints, crowd.cameras, nowhere)
    np.testing.assert_array_equal(resolved.keypoints.position, crowd.keypoints.position)
    np.testing.assert_array_equal(resolved.keypoints.confidence, crowd.keypoints.confidence)


def test_swapped_limbs_go_back_to_their_people(crowd):
    rng = np.random.default_rng(4)
    views, _, frames, count = crowd.keypoints.confidence.shape
    chosen = (rng.random((views, frames, count)) < 0.1) & LIMBS
    chosen[:, :3] = False
    # Only swaps that show: points farther apart than noise and prediction.
    apart = np.linalg.norm(crowd.keypoints.position[:, 0] - crowd.keypoints.position[:, 1], axis=-1)
    clear = chosen & (apart > 40)
    resolved = resolve_contact(
        exchange(crowd.keypoints, chosen),
        crowd.cameras,
        everywhere(crowd),
        ContactRoad(masks=False),
    )
    back = resolved.exchanged[:, 0] & clear
    assert back[clear].mean() > 0.95
    assert not resolved.exchanged[:, :, :3].any()
    np.testing.assert_array_equal(
        resolved.keypoints.position[:, 0][back], crowd.keypoints.position[:, 0][back]
    )


def test_a_report_of_the_others_point_beside_the_others_own_does_not_count(crowd):
    frame, wrist = 20, 9
    position = crowd.keypoints.position.copy()
    position[2, 0, frame, wrist] = position[2, 1, frame, wrist] + 1.0
    assert np.linalg.norm(np.diff(crowd.keypoints.position[2, :, frame, wrist], axis=0)) > 40
    resolved = resolve_contact(
        replace(crowd.keypoints, position=position),
        crowd.cameras,
        everywhere(crowd),
        ContactRoad(masks=False),
    )
    assert resolved.keypoints.confidence[2, 0, frame, wrist] < 0.3
    assert resolved.source[2, 1, frame, wrist] == 1


def test_people_in_step_and_alike_whom_views_take_for_each_other():
    crowd = make_crowd(alike=True, apart=0.5)
    rng = np.random.default_rng(2)
    views, _, frames, count = crowd.keypoints.confidence.shape
    whole = rng.random((views, frames, 1)) < 0.3
    whole[:, :3] = False
    chosen = np.broadcast_to(whole, (views, frames, count))
    swapped = exchange(crowd.keypoints, chosen)
    found = triangulate_keypoints(swapped, crowd.cameras)
    passed = pass_contact(swapped, found, crowd.cameras, road=ContactRoad(masks=False))
    points = passed.found.keypoints.position
    known = np.isfinite(points[..., 0])
    assert known.mean() > 0.99
    assert (own_error(points, crowd.truth) < other_error(points, crowd.truth))[known].all()
    assert passed.resolved is not None
    # From the front or the side they are half a metre apart, from beside one hides the other.
    seen_apart = np.linalg.norm(np.diff(crowd.keypoints.position, axis=1)[:, 0], axis=-1) > 40
    told = passed.resolved.exchanged[:, 0][chosen & seen_apart]
    assert told.mean() > 0.95


def test_one_who_leaves_stays_missing_and_the_other_is_untouched(crowd):
    gone = drop(crowd.keypoints, np.s_[:, 1, 20:])
    resolved = resolve_contact(gone, crowd.cameras, everywhere(crowd))
    assert not resolved.keypoints.valid[:, 1, 20:].any()
    assert (resolved.keypoints.confidence[:, 0, 20:] > 0.5).mean() > 0.95
    assert not resolved.exchanged.any()


def test_two_seconds_hidden_from_everyone_end_marked_and_not_swapped():
    crowd = make_crowd(frames=75, rate=20.0, apart=0.5)
    hidden = drop(crowd.keypoints, np.s_[:, 1, 20:60])
    found = triangulate_keypoints(hidden, crowd.cameras)
    passed = pass_contact(hidden, found, crowd.cameras)
    assert passed.resolved is not None
    points = passed.found.keypoints
    assert np.isnan(points.position[1, 20:60]).all()
    assert (points.confidence[1, 20:60] == 0).all()
    known = np.isfinite(points.position[..., 0])
    swapped = own_error(points.position, crowd.truth) > other_error(points.position, crowd.truth)
    assert not swapped[known].any()
    # Contact is over when nobody knows where the second is, and who comes back is who was reported.
    assert known[1, 62:].mean() > 0.95


def test_who_is_found_anew_in_contact_is_marked_unsure():
    crowd = make_crowd(frames=75, rate=20.0, apart=0.5)
    hidden = drop(crowd.keypoints, np.s_[:, 1, 20:60])
    resolved = resolve_contact(hidden, crowd.cameras, everywhere(crowd))
    assert resolved.unsure[1, 60:].all()
    assert not resolved.unsure[1, :60].any() and not resolved.unsure[0].any()


def test_three_people_in_a_heap():
    crowd = make_crowd(3, apart=0.3, views=8, frames=30)
    rng = np.random.default_rng(3)
    views, _, frames, count = crowd.keypoints.confidence.shape
    chosen = (rng.random((views, frames, count)) < 0.08) & LIMBS
    chosen[:, :3] = False
    mixed = exchange(exchange(crowd.keypoints, chosen), np.roll(chosen, 5, 1), 1, 2)
    found = triangulate_keypoints(mixed, crowd.cameras)
    passed = pass_contact(mixed, found, crowd.cameras)
    points = passed.found.keypoints.position
    assert np.isfinite(points).all(-1).mean() > 0.98
    error = own_error(points, crowd.truth)
    assert np.nanmean(error) < 0.015
    # Nobody is anybody else as a whole.
    for row in range(3):
        for other in set(range(3)) - {row}:
            off = np.linalg.norm(points[row] - crowd.truth[other], axis=-1)
            assert (np.nanmean(off, -1) > np.nanmean(error[row], -1)).all()


def test_nobody_near_nobody_touched():
    crowd = make_crowd(apart=3.0, frames=10)
    found = triangulate_keypoints(crowd.keypoints, crowd.cameras)
    passed = pass_contact(crowd.keypoints, found, crowd.cameras)
    assert passed.resolved is None
    assert passed.keypoints is crowd.keypoints and passed.found is found


def test_nothing_seen_at_all(crowd):
    nothing = drop(crowd.keypoints, np.s_[:])
    resolved = resolve_contact(nothing, crowd.cameras, everywhere(crowd))
    assert (resolved.source == -1).all()
    assert not resolved.keypoints.valid.any() and not resolved.unsure.any()


def test_points_behind_another_body_are_predicted_hidden():
    # In line with the first camera, the second person behind the first.
    crowd = make_crowd(apart=0.0, frames=14, views=4)
    truth = crowd.truth.copy()
    truth[1, ..., 1] += 0.7  # The first camera stands on the -Y side.
    image = project_to_cameras(crowd.cameras, truth).astype(np.float32)
    keypoints = replace(crowd.keypoints, position=image)
    resolved = resolve_contact(keypoints, crowd.cameras, everywhere(crowd))
    first = resolved.hidden[0, :, 5:]
    assert first[1].mean() > 0.2
    assert first[0].mean() < 0.02
