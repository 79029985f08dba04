"""Of two reports of a point the better supported one counts, and never somebody else's."""

from dataclasses import replace

import numpy as np
import pytest

from marey.capture.contact.supported import choose_supported
from tests.capture.crowds import drop, make_crowd

VIEWS, WRIST = 5, 9


@pytest.fixture(scope="module")
def crowd():
    return make_crowd(views=VIEWS, frames=4)


def report(keypoints, place, position):
    changed = keypoints.position.copy()
    changed[place] = position
    return replace(keypoints, position=changed)


def test_what_more_views_agree_on_is_taken(crowd):
    right = crowd.keypoints
    wrong = report(right, np.s_[:3, 0, :, WRIST], right.position[:3, 1, :, WRIST])
    best = choose_supported(wrong, right, crowd.cameras)
    assert best.points[0, :, WRIST].all()
    assert best.later[:3, 0, :, WRIST].all()
    np.testing.assert_array_equal(best.keypoints.position[:3, 0], right.position[:3, 0])


def test_what_fewer_views_agree_on_is_not(crowd):
    right = crowd.keypoints
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 60, (VIEWS, 4, 2))
    wrong = report(right, np.s_[:, 0, :, WRIST], right.position[:, 0, :, WRIST] + noise)
    best = choose_supported(right, wrong, crowd.cameras)
    assert not best.later.any() and not best.points.any()
    np.testing.assert_array_equal(best.keypoints.position, right.position)


def test_one_view_that_erred_is_mended(crowd):
    right = crowd.keypoints
    wrong = report(right, np.s_[2, 0, :, WRIST], right.position[2, 0, :, WRIST] + 80)
    best = choose_supported(wrong, right, crowd.cameras)
    expected = np.zeros_like(best.later)
    expected[2, 0, :, WRIST] = True
    np.testing.assert_array_equal(best.later, expected)


def test_missing_points_are_filled_by_what_agrees(crowd):
    right = crowd.keypoints
    without = drop(right, np.s_[1, 1, 2])
    best = choose_supported(without, right, crowd.cameras)
    assert best.later[1, 1, 2].mean() > 0.9 and best.later.sum() == best.later[1, 1, 2].sum()


def test_the_others_point_is_never_taken_for_ones_own(crowd):
    """All views agree on it, better than on the rough reports before: it is the other's."""
    right = crowd.keypoints
    noise = np.random.default_rng(1).normal(0, 8, (VIEWS, 4, 2))
    rough = report(right, np.s_[:, 0, :, WRIST], right.position[:, 0, :, WRIST] + noise)
    theirs = report(right, np.s_[:, 0, :, WRIST], right.position[:, 1, :, WRIST])
    best = choose_supported(rough, theirs, crowd.cameras)
    assert not best.points[0, :, WRIST].any() and not best.later[:, 0, :, WRIST].any()


def test_nothing_new_changes_nothing(crowd):
    nothing = drop(crowd.keypoints, np.s_[:])
    best = choose_supported(crowd.keypoints, nothing, crowd.cameras)
    assert not best.later.any()
    np.testing.assert_array_equal(best.keypoints.position, crowd.keypoints.position)
