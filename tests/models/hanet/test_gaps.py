"""Gaps before they reach the network."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marey.models.hanet.gaps import fill_gaps, find_stretches


def line(num_frames: int) -> np.ndarray:
    """Return two joints on straight lines."""
    time = np.arange(num_frames, dtype=np.float64)
    return np.stack([[time, -time], [2 * time, 0 * time]]).transpose(2, 0, 1)


def test_a_straight_line_is_bridged_exactly() -> None:
    position = line(10)
    holey = position.copy()
    holey[3:6, 0] = np.nan
    holey[7, 1, 1] = np.nan
    filled = fill_gaps(holey, max_gap=3)
    np.testing.assert_allclose(filled.position, position)
    assert not filled.lost.any()
    np.testing.assert_array_equal(np.argwhere(filled.bridged), [[3, 0], [4, 0], [5, 0], [7, 1]])


def test_longer_gaps_and_ends_are_lost() -> None:
    holey = line(10)
    holey[3:6, 0] = np.nan
    holey[:2, 1] = np.nan
    holey[9, 1] = np.nan
    filled = fill_gaps(holey, max_gap=2)
    assert np.isfinite(filled.position).all()
    assert not filled.bridged.any()
    lost = [[0, 1], [1, 1], [3, 0], [4, 0], [5, 0], [9, 1]]
    np.testing.assert_array_equal(np.argwhere(filled.lost), lost)
    np.testing.assert_array_equal(filled.position[0, 1], holey[2, 1])


def test_a_joint_never_seen_stays_at_the_root() -> None:
    holey = line(4)
    holey[:, 1] = np.nan
    filled = fill_gaps(holey, max_gap=100)
    assert filled.lost[:, 1].all() and not filled.position[:, 1].any()


@given(arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 3))), st.integers(0, 5))
def test_every_missing_joint_is_either_bridged_or_lost(seen: np.ndarray, max_gap: int) -> None:
    holey = np.where(seen[..., None], 1.0, np.nan)
    filled = fill_gaps(holey, max_gap=max_gap)
    assert (filled.bridged ^ filled.lost == ~seen).all()
    assert not (filled.bridged & filled.lost).any()


@given(arrays(bool, st.integers(1, 40)), st.integers(0, 5))
def test_stretches_hold_every_sighting_and_no_long_gap(seen: np.ndarray, max_gap: int) -> None:
    inside = np.zeros(len(seen), bool)
    for stretch in find_stretches(seen, max_gap=max_gap):
        part = seen[stretch]
        assert part[0] and part[-1] and not inside[stretch].any()
        assert "0" * (max_gap + 1) not in "".join("01"[int(x)] for x in part)
        inside[stretch] = True
    assert inside[seen].all()
    # What lies between stretches is a long gap, else they would be one.
    outside = "".join("10"[int(x)] for x in inside).strip("1")
    assert all(len(gap) > max_gap for gap in outside.strip("0").split("0") if gap)
