"""Another frame rate and back."""

import numpy as np
import pytest

from marey.models.hanet.resample import from_rate, to_rate


@pytest.mark.parametrize("rate", [0.5, 25 / 30, 2.0, 50 / 30])
def test_a_slow_motion_survives(rate: float) -> None:
    time = np.arange(61)
    motion = np.stack([np.sin(time / 10), time / 60], 1)[:, None]
    there = to_rate(motion, rate)
    assert len(there) >= 60 / rate + 1
    np.testing.assert_allclose(there[:20, 0, 0], np.sin(np.arange(20) * rate / 10), atol=1e-3)
    np.testing.assert_allclose(from_rate(there, rate, 61)[:-2], motion[:-2], atol=5e-3)


def test_one_frame_stays_one_frame() -> None:
    one = np.ones((1, 2, 3))
    np.testing.assert_array_equal(from_rate(to_rate(one, 2.0), 2.0, 1), one)
