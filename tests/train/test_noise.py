"""The detector's errors: each kind has the size, direction and correlation it is said to have."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from marey.core import load_skeleton
from marey.train.drawing import Drawing, Spans
from marey.train.noise import PERFECT, bridge, corrupt_points, load_noise

NAMES = load_skeleton("coco-wholebody-133").keypoints[:23]
RATE = 30.0


def corrupt(clean, noise, *, level=1.0, depth=1.0, seed=0):
    return corrupt_points(
        clean,
        NAMES,
        noise,
        rate=RATE,
        level=torch.full((len(clean),), level),
        depth_factor=torch.full((len(clean),), depth),
        generator=torch.Generator().manual_seed(seed),
    )


def still(batch=200, frames=31):
    place = torch.arange(23.0)[:, None] * torch.tensor([0.1, 0.02, 0.05])
    return place.expand(batch, frames, 23, 3).clone()


def test_a_perfect_detector_changes_nothing():
    assert torch.equal(corrupt(still(4), PERFECT), still(4))


def test_jitter_has_its_spread_and_is_larger_along_the_view():
    noise = replace(PERFECT, jitter={"wrist": 0.01})
    error = corrupt(still(), noise, depth=2.5) - still()
    spread = error.std((0, 1))
    wrist = NAMES.index("left_wrist")
    assert torch.allclose(spread[wrist], torch.tensor([0.01, 0.025, 0.01]), rtol=0.05)
    assert spread[NAMES.index("nose")].abs().max() == 0


def test_drift_is_correlated_as_its_time_says():
    noise = replace(PERFECT, drift={"knee": 0.02}, drift_time=0.25)
    error = (corrupt(still(2000), noise) - still(2000))[:, :, NAMES.index("right_knee")]
    variance = (error**2).mean()
    lag = 6
    found = (error[:, lag:] * error[:, :-lag]).mean() / variance
    assert float(variance) == pytest.approx(0.02**2, rel=0.05)
    assert float(found) == pytest.approx(np.exp(-lag / RATE / 0.25), abs=0.05)


def test_level_scales_errors():
    noise = replace(PERFECT, drift={"knee": 0.02})
    once, twice = (corrupt(still(8), noise, level=level) - still(8) for level in (1.0, 2.0))
    assert torch.allclose(2 * once, twice, atol=1e-6)


def test_exchanged_sides_hold_the_other_sides_points():
    noise = replace(PERFECT, swap=Spans(rate=1e9, time=1e9))
    clean = still(2)
    noisy = corrupt(clean, noise)
    for name, other in (("left_wrist", "right_wrist"), ("right_heel", "left_heel")):
        assert torch.equal(noisy[:, :, NAMES.index(name)], clean[:, :, NAMES.index(other)])
    assert torch.equal(noisy[:, :, 0], clean[:, :, 0])


def test_spans_have_their_share_of_time_and_length():
    draw = Drawing(4000, 60, 1 / RATE, torch.Generator().manual_seed(1))
    state = draw.spans(1, Spans(rate=0.5, time=0.4))[..., 0]
    assert float(state.float().mean()) == pytest.approx(0.5 * 0.4 / (1 + 0.5 * 0.4), abs=0.02)
    ends = (state[:, :-1] & ~state[:, 1:]).sum()
    length = state[:, :-1].sum() / ends / RATE
    assert float(length) == pytest.approx(0.4, rel=0.1)


def test_gaps_are_bridged_by_straight_lines_and_held_at_the_ends():
    values = torch.arange(7.0)[None, :, None, None].expand(1, 7, 1, 3) ** 2
    missing = torch.tensor([1, 0, 0, 1, 1, 0, 1], dtype=torch.bool)[None, :, None]
    found = bridge(values, missing)[0, :, 0, 0]
    assert torch.allclose(found, torch.tensor([1.0, 1, 4, 11, 18, 25, 25]))


def test_a_point_never_seen_keeps_its_values():
    values = torch.rand(1, 5, 2, 3)
    missing = torch.zeros(1, 5, 2, dtype=torch.bool)
    missing[:, :, 1] = True
    assert torch.equal(bridge(values, missing), values)


def test_the_fitted_model_is_that_of_a_body_seen_by_one_camera():
    noise = load_noise()
    assert 1 < noise.depth_factor < 5
    # A detector that is good to a few centimetres, and rarely wrong for long.
    for part in ("wrist", "ankle", "hip", "head"):
        assert 0.002 < noise.drift[part] < 0.05
    assert all(kind.rate * kind.time < 0.1 for kind in (noise.swap, noise.burst, noise.hidden))


def test_equal_seeds_give_equal_errors():
    clean = still(3)
    assert torch.equal(corrupt(clean, load_noise(), seed=5), corrupt(clean, load_noise(), seed=5))
    assert not torch.equal(
        corrupt(clean, load_noise(), seed=5), corrupt(clean, load_noise(), seed=6)
    )
