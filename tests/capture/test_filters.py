"""Classical filters: what they must keep, what they must take away, and gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.capture.filters import FilterOptions, filter_values
from marey.core.errors import InputError

NAMES = ("gaussian", "savgol", "one-euro")


def sine(rate: float, hertz: float = 0.5, seconds: float = 4.0) -> np.ndarray:
    time = np.arange(0, seconds, 1 / rate)
    return np.sin(2 * np.pi * hertz * time)[:, None]


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_stays(name):
    values = np.full((40, 3), 1.7)
    assert np.allclose(filter_values(values, name, rate=30.0), 1.7)


@pytest.mark.parametrize("name", NAMES)
def test_white_noise_shrinks(name):
    noise = np.random.default_rng(0).normal(0, 0.01, (600, 1))
    assert filter_values(noise, name, rate=30.0)[60:].std() < 0.75 * 0.01


def test_savgol_keeps_a_parabola_exactly():
    time = np.arange(50)[:, None] / 30
    values = 3 * time**2 - time + 2
    assert np.allclose(filter_values(values, "savgol", rate=30.0), values)


def test_gaussian_response_is_the_analytic_one():
    # A Gaussian of spread s passes a wave of f Hz by exp(-2 (pi f s)^2).
    options = FilterOptions(gaussian_s=0.05)
    inner = slice(60, -60)
    values = sine(120.0, hertz=2.0)
    passed = filter_values(values, "gaussian", rate=120.0, options=options)[inner] / values[inner]
    away = np.abs(values[inner]) > 0.5
    assert np.allclose(passed[away], np.exp(-2 * (np.pi * 2.0 * 0.05) ** 2), atol=2e-3)


def test_one_euro_is_causal_and_late():
    values = sine(30.0)
    future = values.copy()
    future[60:] = 9.0
    now, other = (filter_values(x, "one-euro", rate=30.0) for x in (values, future))
    assert np.array_equal(now[:60], other[:60])
    rising = slice(1, 10)
    assert np.all(now[rising] < values[rising])


@pytest.mark.parametrize("name", ("gaussian", "savgol"))
def test_lengths_are_seconds(name):
    slow, fast = (filter_values(sine(rate), name, rate=rate)[:, 0] for rate in (30.0, 120.0))
    assert np.allclose(slow[15:-15], fast[::4][15:-15], atol=5e-3)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_gaps_stay_and_nothing_leaks_across(name, data):
    frames = data.draw(st.integers(1, 40))
    missing = np.array(data.draw(st.lists(st.booleans(), min_size=frames, max_size=frames)))
    values = np.random.default_rng(frames).normal(size=(frames, 2))
    values[missing, 0] = np.nan
    result = filter_values(values, name, rate=30.0)
    assert np.array_equal(np.isnan(result), np.isnan(values))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ~missing, [0]])))
    for first, stop in edges.reshape(-1, 2):
        alone = filter_values(values[first:stop, :1], name, rate=30.0)
        assert np.allclose(result[first:stop, :1], alone)


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(InputError, match="positive"):
        filter_values(np.zeros((3, 1)), "savgol", rate=0.0)
