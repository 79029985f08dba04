"""Where windows lie and how they come together."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marey.core.errors import InputError
from marey.models.hanet import merge_windows, window_starts
from tests.models.hanet.parity import read_fixture


def test_a_last_window_ends_with_the_sequence() -> None:
    assert window_starts(27, 11, step=5).tolist() == [0, 5, 10, 15, 16]
    assert window_starts(27, 11, step=5, tail="dropped").tolist() == [0, 5, 10, 15]
    assert window_starts(26, 11, step=5).tolist() == [0, 5, 10, 15]
    assert window_starts(11, 11, step=50).tolist() == [0]


@given(
    window=st.integers(1, 20), extra=st.integers(0, 60), step=st.integers(1, 20), seed=st.integers()
)
def test_every_frame_is_covered_and_whole_windows_give_the_sequence_back(
    window: int, extra: int, step: int, seed: int
) -> None:
    step = min(step, window)
    frames = window + extra
    starts = window_starts(frames, window, step=step)
    assert (np.diff(starts) > 0).all()
    sequence = np.random.default_rng(abs(seed)).normal(size=(frames, 2))
    windows = np.stack([sequence[start : start + window] for start in starts])
    np.testing.assert_allclose(merge_windows(windows, starts, frames), sequence, atol=1e-12)


def test_merging_is_the_mean() -> None:
    windows = np.array([0.0, 3.0, 9.0])[:, None, None].repeat(2, 1)
    merged = merge_windows(windows, np.array([0, 1, 2]), 5)
    np.testing.assert_array_equal(merged[:, 0], [0, 1.5, 6, 9, np.nan])


@pytest.mark.parametrize("step", [1, 5])
def test_merging_is_that_of_the_released_code(shared: Path, step: int) -> None:
    fixture = read_fixture(shared, "hanet_metrics")
    windows, expected = fixture.arrays["in/windows"], fixture.arrays[f"out/merged_step{step}"]
    starts = np.arange(len(windows)) * step
    merged = merge_windows(windows, starts, len(expected))
    np.testing.assert_allclose(merged, expected, atol=1e-6)


def test_too_short_or_no_step() -> None:
    with pytest.raises(InputError, match="10 frames holds no window of 11"):
        window_starts(10, 11, step=5)
    with pytest.raises(InputError, match="at least 1, but is 0"):
        window_starts(20, 11, step=0)
