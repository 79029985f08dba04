"""Measures without truth: what they must say of polynomials, rigid limbs and known mistakes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marey.evaluate.quality import (
    Distribution,
    derive,
    envelope,
    find_exchanged,
    joined_runs,
    limb_lengths,
    standing_speeds,
)

UNEVEN = np.cumsum([0.0, 0.04, 0.05, 0.01, 0.08, 0.04, 0.1, 0.03])


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.5, 0.95]))
def test_quantiles_of_a_stream_are_those_of_the_whole(seed, share):
    values = np.random.default_rng(seed).lognormal(0, 2, (500, 2))
    distribution = Distribution(2)
    for part in np.array_split(values, 7):
        distribution.add(part)
    # Bins are 0.2 % wide; the neighbours of the exact quantile bound what its definition may be.
    ordered = np.sort(values, axis=0)
    place = int(share * 500)
    low, high = ordered[max(place - 2, 0)] * 0.997, ordered[place + 1] * 1.003
    found = distribution.quantile(share)
    assert (low <= found).all() and (found <= high).all()
    assert (distribution.count == 500).all()


def test_a_distribution_leaves_out_what_is_missing():
    distribution = Distribution(3)
    distribution.add(np.array([[1.0, np.nan, 0.0], [3.0, np.nan, 0.0], [np.inf, np.nan, 5e9]]))
    assert distribution.count.tolist() == [2, 0, 3]
    assert distribution.quantile(0.5)[0] == pytest.approx(1.0, rel=0.002)
    assert np.isnan(distribution.quantile(0.5)[1])
    assert distribution.quantile(0.5)[2] == 0
    assert distribution.quantile(1.0)[2] == pytest.approx(1e6, rel=0.01)  # the last bin


def test_columns_can_be_shared_and_pooled():
    distribution = Distribution(2)
    distribution.add(np.array([[1.0, 2.0, 4.0]]), np.array([0, 1, 1]))
    assert distribution.count.tolist() == [1, 2]
    assert distribution.pooled(1.0) == pytest.approx(4.0, rel=0.002)
    assert distribution.pooled(1.0, np.array([0])) == pytest.approx(1.0, rel=0.002)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_polynomials_are_exact_on_an_uneven_clock(order):
    # The derivative of this order of t^order is order! everywhere, whatever the clock.
    position = np.stack([UNEVEN**order, 3 * UNEVEN**order, np.zeros_like(UNEVEN)], -1)[:, None]
    found = derive(position, UNEVEN, order=order)
    factorial = [1, 1, 2, 6][order]
    np.testing.assert_allclose(found, np.tile([1.0, 3.0, 0.0], (8 - order, 1, 1)) * factorial,
                               atol=1e-7)  # fmt: skip


def test_derivatives_on_an_even_clock_are_repeated_differences():
    values = np.random.default_rng(0).standard_normal((20, 4))
    found = derive(values, np.arange(20) / 50, order=3)
    np.testing.assert_allclose(found, np.diff(values, n=3, axis=0) * 50**3, rtol=1e-9)


def test_derivatives_of_too_few_frames_are_empty():
    assert derive(np.zeros((2, 3)), np.arange(2.0), order=3).shape == (0, 3)
    assert derive(np.zeros((0, 3)), np.arange(0.0), order=1).shape == (0, 3)


def test_limb_lengths():
    position = np.zeros((2, 3, 3))
    position[:, 1] = [3, 4, 0]
    position[1, 2] = np.nan
    lengths = limb_lengths(position, np.array([[0, 1], [1, 2]]))
    np.testing.assert_allclose(lengths, [[5, 5], [5, np.nan]])


def test_only_points_that_touch_in_both_frames_slide():
    position = np.zeros((4, 2, 3))
    position[:, :, 0] = np.arange(4)[:, None] * 0.02
    contact = np.array([[True, False], [True, True], [False, True], [True, True]])
    speeds = standing_speeds(position, contact, np.arange(4) * 0.1)
    np.testing.assert_allclose(speeds, [[0.2, np.nan], [np.nan, 0.2], [np.nan, 0.2]])


LEGS = np.array([[[100.0, 200.0], [140.0, 200.0]], [[95.0, 260.0], [150.0, 260.0]]])
"""Knees and ankles, (left, right), px."""


def test_exchanged_legs_are_found_and_others_are_not():
    expected = np.tile(LEGS, (4, 1, 1, 1))
    observed = expected + 3.0
    observed[1] = observed[1, :, ::-1]
    observed[2, 0] = observed[2, 0, ::-1]  # the knees alone: the ankles speak against it
    observed[3, 0, 1] = np.nan
    found = find_exchanged(observed, expected, scale=np.full(4, 300.0))
    assert found.tolist() == [False, True, False, False]


def test_legs_side_by_side_are_not_doubted():
    """Where exchanging changes little, which is left does not matter."""
    close = LEGS.copy()
    close[:, 1] = close[:, 0] + [5.0, 0.0]
    observed = np.array([close[:, ::-1]])
    assert not find_exchanged(observed, np.array([close]), scale=np.array([300.0]))[0]
    assert find_exchanged(observed, np.array([close]), scale=np.array([30.0]))[0]
    assert not find_exchanged(observed, np.array([close]), scale=np.array([np.nan]))[0]


def test_runs_are_joined_and_short_ones_dropped():
    mask = np.array([1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 1], bool)
    assert joined_runs(mask, join=1, shortest=2) == (slice(0, 4), slice(10, 12))
    assert joined_runs(np.zeros(0, bool)) == ()


@given(
    arrays(np.float64, st.integers(0, 90), elements=st.floats(-100, 100) | st.just(np.nan)),
    st.integers(1, 20),
)
def test_an_envelope_keeps_every_extreme(values, num_columns):
    borders, bands = envelope(values, num_columns)
    assert len(bands) <= max(num_columns, 1) and borders[0] == 0 and borders[-1] == len(values)
    for (low, middle, high), start, stop in zip(bands, borders[:-1], borders[1:], strict=True):
        part = values[start:stop][np.isfinite(values[start:stop])]
        if len(part):
            assert (low, high) == (part.min(), part.max()) and low <= middle <= high
        else:
            assert np.isnan([low, middle, high]).all()
