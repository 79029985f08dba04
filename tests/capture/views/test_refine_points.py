"""Filling, filtering and smoothing of triangulated points."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

from marey.capture.views.limbs import find_limb_pairs, find_limbs
from marey.capture.views.refine_points import (
    RefineOptions,
    fill_points,
    find_jumps,
    find_odd_limbs,
    refine_keypoints,
    refine_points,
)
from marey.core import Keypoints3D, load_skeleton

COCO = load_skeleton("coco-17")


@pytest.mark.parametrize("name", ["h4d_refine", "h4d_refine_outliers"])
def test_harmony4d_parity(shared: Path, name: str):
    with np.load(shared / "parity" / f"{name}.npz") as fixture:
        poses, filled = fixture["in/poses"], fixture["out/filled"]
        refined = fixture["out/refined"]
    valid = poses[..., 3] == 1
    limbs = [(COCO.index(first), COCO.index(second)) for first, second in find_limbs(COCO)]
    options = RefineOptions(jump=0.5, limb_deviations=3.0)
    np.testing.assert_allclose(fill_points(poses[..., :3], valid), filled[..., :3], atol=1e-9)
    found, _ = refine_points(poses[..., :3], valid, limbs, options)
    np.testing.assert_allclose(found, refined[..., :3], atol=1e-9)


def test_gaps_are_filled_by_polynomials_through_their_neighbours():
    time = np.arange(30.0)
    quintic = np.polyval([1e-5, -2e-4, 1e-3, 0.02, 0.1, 1.0], time)
    path = np.repeat(quintic[:, None, None], 3, -1)
    valid = np.ones((30, 1), bool)
    valid[[12, 13]] = False
    np.testing.assert_allclose(fill_points(path, valid), path, atol=1e-9)


@pytest.mark.parametrize(
    ("known", "degree"),
    [
        ([0, 4], 1),
        ([0, 3, 6], 1),
        ([0, 2, 4, 6], 3),
        ([0, 2, 3, 5, 6], 3),
        ([0, 2, 3, 4, 5, 6], 5),
    ],
)
def test_degree_follows_the_number_of_known_points(known: list[int], degree: int):
    path = np.random.default_rng(0).normal(size=(7, 1, 3))
    valid = np.zeros((7, 1), bool)
    valid[known] = True
    expected = make_interp_spline(known, path[known, 0], k=degree)(1)
    np.testing.assert_allclose(fill_points(path, valid)[1, 0], expected, atol=1e-12)


def test_a_whole_window_is_filled_at_once():
    # Frame 9 is the last of frame 4's window: it repeats its neighbour and is not looked at again.
    path = np.square(np.arange(15.0))[:, None, None] * np.ones(3)
    valid = np.ones((15, 1), bool)
    valid[[4, 9]] = False
    assert fill_points(path, valid)[9, 0].tolist() == [64.0] * 3


def test_ends_repeat_and_empty_windows_stay_missing():
    path = np.arange(40.0)[:, None, None] * np.ones(3)
    valid = np.zeros((40, 1), bool)
    valid[20:22] = True
    filled = fill_points(path, valid)[:, 0, 0]
    # The first window that reaches frame 20 begins at frame 10.
    assert np.isnan(filled[:10]).all()
    assert filled[10:20].tolist() == [20.0] * 10
    # What was filled counts as known, so later frames go on repeating.
    assert filled[22:].tolist() == [21.0] * 18


def test_nothing_known_stays_missing():
    result, kept = refine_points(np.full((8, 2, 3), np.nan), np.zeros((8, 2), bool), [(0, 1)])
    assert np.isnan(result).all()
    assert not kept.any()


def test_long_gaps_stay_open_where_that_is_wanted():
    path = np.zeros((40, 1, 3))
    valid = np.ones((40, 1), bool)
    valid[5:8] = valid[15:30] = False
    result, kept = refine_points(path, valid, [], RefineOptions(max_gap=5))
    assert np.flatnonzero(np.isnan(result[:, 0, 0])).tolist() == list(range(15, 30))
    np.testing.assert_array_equal(kept, valid)


def test_the_later_frame_of_a_jump_is_wrong():
    path = np.zeros((6, 1, 3))
    path[3] = 1.0
    assert find_jumps(path, 0.5)[:, 0].tolist() == [False, False, False, True, True, False]
    assert not find_jumps(path, 4.0).any()


def test_both_ends_of_an_odd_limb_are_wrong():
    rng = np.random.default_rng(1)
    path = 0.001 * rng.normal(size=(50, 3, 3))
    path[:, 1] += [1.0, 0.0, 0.0]
    path[7, 1] += [0.5, 0.0, 0.0]
    odd = find_odd_limbs(path, [(0, 1)], 5.0)
    assert np.argwhere(odd).tolist() == [[7, 0], [7, 1]]


def test_smoothing_keeps_cubic_motion():
    time = np.linspace(-1, 1, 20)
    path = np.stack([time**3, time**2 - time, 1 + 0 * time], -1)[:, None]
    result, _ = refine_points(path, np.ones((20, 1), bool), [])
    np.testing.assert_allclose(result, path, atol=1e-12)


def test_filled_keypoints_are_marked():
    rng = np.random.default_rng(2)
    position = (rng.normal(size=(1, 1, 17, 3)) + np.zeros((1, 20, 17, 3))).astype(np.float32)
    confidence = np.full((1, 20, 17), 0.9, np.float32)
    position[0, 6, 3], confidence[0, 6, 3] = np.nan, 0.0
    keypoints = Keypoints3D(
        skeleton=COCO,
        people=("a",),
        time=np.arange(20) / 20,
        position=position,
        frame="world",
        confidence=confidence,
        sigma=np.where(confidence > 0, 0.01, np.nan).astype(np.float32),
    )
    refined = refine_keypoints(keypoints)
    assert refined.valid.all()
    assert refined.confidence[0, 6, 3] == pytest.approx(0.1)
    assert refined.sigma is not None
    assert np.argwhere(np.isnan(refined.sigma)).tolist() == [[0, 6, 3]]
    np.testing.assert_allclose(refined.position[0, 6, 3], refined.position[0, 5, 3], atol=1e-6)


def test_limbs_are_those_of_harmony4d():
    assert len(find_limbs(COCO)) == 19
    assert len(find_limb_pairs(COCO)) == 8
    assert set(find_limbs(load_skeleton("coco-wholebody-133"))) == set(find_limbs(COCO))


def test_gaps_filled_by_lines_stay_between_their_neighbours():
    rng = np.random.default_rng(1)
    path = rng.normal(size=(60, 1, 3))
    valid = rng.random((60, 1)) > 0.3
    valid[[0, -1]] = True
    filled = fill_points(path, valid, degree=1)[:, 0]
    known = np.flatnonzero(valid[:, 0])
    for start, stop in pairwise(known):
        low, high = np.sort(path[[start, stop], 0], 0)
        between = filled[start + 1 : stop]
        assert ((between >= low - 1e-12) & (between <= high + 1e-12)).all()
    # Splines of the authors' degree leave that span by far.
    assert np.abs(fill_points(path, valid)).max() > 1.5 * np.abs(path).max()
