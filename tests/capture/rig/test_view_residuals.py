"""Compiled distances from epipolar lines are those of plain numpy."""

import numpy as np
import pytest

from marey.capture.rig.pair_lag import find_costs
from marey.capture.rig.view_residuals import find_off_lines, find_off_lines_plainly


def test_compiled_and_plain_agree():
    rng = np.random.default_rng(0)
    E = rng.standard_normal((3, 3))
    one, other = rng.standard_normal((40, 5, 2)), rng.standard_normal((31, 5, 2))
    one[3, 2], other[7] = np.nan, np.nan
    time, own = np.arange(40) / 30, np.sort(rng.uniform(0, 1.3, 31))
    # Lags with no overlap at all, with some, and such that moments fall on frames.
    lags = np.array([-9.0, -0.4, 0.0, own[4] - time[9], 0.31, 2.0])
    plain = find_off_lines_plainly(E, one, time, other, own, lags)
    np.testing.assert_allclose(find_off_lines(E, one, time, other, own, lags), plain, rtol=1e-9)
    assert np.isnan(plain[0]).all() and np.isfinite(plain[2]).any()


def test_costs_cut_outliers_and_need_overlap():
    rng = np.random.default_rng(1)
    table = rng.standard_normal((3, 60, 4))
    table[1, 30] = 1000.0
    table[2, 20:] = np.nan
    costs = find_costs(table)
    size = np.abs(table[1])
    expected = np.sqrt(np.square(np.minimum(size, 4 * np.median(size))).mean())
    assert costs[1] == pytest.approx(expected)
    assert costs[0] < costs[1] < 2 * costs[0]
    # A third of the points in common is too little.
    assert np.isinf(costs[2])
    assert np.isinf(find_costs(np.full((2, 5, 3), np.nan))).all()
