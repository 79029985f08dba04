"""Who gives way in depth: which way, how far, and how slowly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marey.capture.contact.depth_room import (
    Shift,
    are_behind,
    choose_front,
    cut_rows,
    find_direction,
    find_room,
    shift_root,
    smooth_room,
)

CENTRE = np.array([0.0, -3.0, 1.5])


def test_the_way_is_along_the_floor():
    way = find_direction(np.array([[0.0, 1.0, 0.9], [4.0, 0.0, 3.0]]), CENTRE)
    np.testing.assert_allclose(way, [[0, 1, 0], [0.8, 0.6, 0]], atol=1e-12)


def test_under_the_camera_it_is_the_ray():
    way = find_direction(np.array([[0.0, -3.0, 0.5]]), CENTRE)
    np.testing.assert_allclose(way, [[0, 0, -1]], atol=1e-12)


def test_who_is_nearer_on_average_is_in_front():
    near, far = np.array([[0.0, 0.0, 1.0]] * 3), np.array([[0.0, 0.2, 1.0]] * 3)
    far[1] = [0.0, -0.1, 1.0]
    assert choose_front(near, far, CENTRE) == 1.0
    assert choose_front(far, near, CENTRE) == -1.0


def test_beside_is_not_behind():
    one = np.zeros((2, 3))
    two = np.array([[0.1, 0.5, 0.0], [0.4, 0.5, 0.0]])
    assert are_behind(one, two, CENTRE).tolist() == [True, False]


def test_room_is_the_first_step_that_is_enough():
    depth = np.array([0.03, 0.05, 0.11])

    def measure(rows, apart):
        return depth[rows] - apart

    room = find_room(measure, depth, deep=0.04, allowed=0.002)
    np.testing.assert_allclose(room, [0.0, 0.06, 0.12])
    hopeless = find_room(lambda rows, apart: depth[rows], depth, deep=0.04, allowed=0.002)
    np.testing.assert_allclose(hopeless, [0.0, 0.0, 0.0])
    half = find_room(
        lambda rows, apart: np.where(rows == 1, depth[rows] - apart, 0.1),
        depth,
        deep=0.04,
        allowed=0.002,
    )
    np.testing.assert_allclose(half, [0.0, 0.06, 0.0])


@given(
    frames=st.sets(st.integers(0, 60), max_size=40),
    every=st.integers(1, 5),
    longest=st.integers(1, 12),
)
def test_runs_are_short_and_leave_no_row_out(frames, every, longest):
    frame = np.array(sorted(frames), int)
    wanted = np.flatnonzero(np.arange(len(frame)) % every != 1)
    runs = list(cut_rows(wanted, frame, longest))
    assert np.concatenate([np.zeros(0, int), *runs]).tolist() == wanted.tolist()
    for run in runs:
        assert (np.diff(run) == 1).all()
        assert frame[run[-1]] - frame[run[0]] < longest


@given(
    needs=st.dictionaries(st.integers(0, 60), st.floats(0.01, 0.6), min_size=1, max_size=8),
    reach=st.integers(1, 20),
)
def test_it_is_slow_and_never_too_little(needs, reach):
    frame = np.array(sorted(needs))
    room = np.array([needs[f] for f in frame])
    when, smooth = smooth_room(frame, room, reach)
    laid = Shift(frame=when, away=smooth).over(slice(int(when[0]) - 1, int(when[-1]) + 2))
    assert (laid[frame - when[0] + 1] >= room - 1e-12).all()
    # From nothing to the widest takes as long as giving way does.
    assert np.abs(np.diff(laid)).max() <= room.max() * 2 / reach + 1e-12
    assert laid[0] == laid[-1] == 0.0
    assert laid.max() <= room.max() + 1e-12


def test_poses_that_stay_keep_their_bytes():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(4, 7)).astype(np.float32)
    root[1] = np.nan
    moved = shift_root(root, np.array([0.0, 0.0, 0.25, 0.0]), CENTRE)
    assert moved.tobytes() != root.tobytes()
    assert np.delete(moved, 2, 0).tobytes() == np.delete(root, 2, 0).tobytes()
    assert np.array_equal(moved[2, :4], root[2, :4])
    # Along the floor: the height is what it was.
    assert moved[2, 6] == root[2, 6]
    assert np.linalg.norm(moved[2, 4:] - root[2, 4:]) == pytest.approx(0.25, abs=1e-6)
