"""How far learned corrections are trusted: jitter of known size, on motion and without."""

import numpy as np
import pytest

from marey.capture._trust import POINTS, JitterRange, find_trust, measure_jitter

SEEN = JitterRange(clean=0.001, trained=0.005)


def swing(frames: int = 300) -> np.ndarray:
    """Return a wrist's circle of 0.6 m at one turn per second, seen 30 times per second."""
    angle = 2 * np.pi * np.arange(frames) / 30
    return 0.6 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1)[:, None]


@pytest.mark.parametrize("spread", [0.002, 0.008])
def test_white_noise_is_measured_at_its_size_on_moving_joints(spread):
    noise = spread * np.random.default_rng(0).normal(size=(300, 10, 3))
    assert measure_jitter(noise) == pytest.approx(spread, rel=0.05)
    # A fourth difference of the circle has a length of 0.6 (2 pi / 30)^4 over sqrt(70).
    assert measure_jitter(swing() + noise) == pytest.approx(spread, rel=0.05)
    assert measure_jitter(swing()) < 0.6 * (2 * np.pi / 30) ** 4 / 70**0.5 / 0.6745


def test_slow_errors_are_no_jitter():
    drift = 0.03 * np.sin(2 * np.pi * 0.5 * np.arange(300) / 30)[:, None, None]
    assert measure_jitter(drift * np.ones((1, 5, 3))) < 0.0001


def test_a_few_wild_frames_and_gaps_hardly_count():
    noise = 0.004 * np.random.default_rng(1).normal(size=(300, 10, 3))
    holey = noise.copy()
    holey[50:60] += 3.0
    holey[100:140, 2] = np.nan
    assert measure_jitter(holey) == pytest.approx(measure_jitter(noise), rel=0.1)


def test_trust_rises_from_clean_motion_to_the_noise_of_the_training():
    noise = np.random.default_rng(2).normal(size=(400, 20, 3))
    assert find_trust([0.0005 * noise], SEEN) == 0.0
    assert find_trust([0.003 * noise], SEEN) == pytest.approx(0.5, abs=0.05)
    assert find_trust([0.02 * noise], SEEN) == 1.0
    # Parts without anybody say nothing.
    parts = [np.full((50, 20, 3), np.nan), 0.003 * noise, np.full((3, 20, 3), 1.0)]
    assert find_trust(parts, SEEN) == pytest.approx(0.5, abs=0.05)


def test_motion_too_short_to_tell_gets_all():
    assert find_trust([np.zeros((4, 3, 3))], POINTS) == 1.0
    assert find_trust([], POINTS) == 1.0
