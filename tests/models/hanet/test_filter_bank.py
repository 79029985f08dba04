"""The filters a network may choose from: SciPy's, and a choice that is a mixture of them."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d, median_filter

from marey.models.hanet.filter_bank import MEDIAN, SPREADS, START, FilterBank

JOINTS, CHANNELS, FRAMES, WIDTH = 3, 2, 21, 8


def make_bank() -> FilterBank:
    torch.manual_seed(0)
    bank = FilterBank(WIDTH, JOINTS, CHANNELS)
    bank.reset()
    return bank


def make_input() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, FRAMES, JOINTS * CHANNELS)).astype(np.float32)


def test_filters_are_those_of_scipy():
    x = make_input()
    same, *gaussians, median = make_bank().filter(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(same, x)
    for filtered, spread in zip(gaussians, SPREADS, strict=True):
        expected = gaussian_filter1d(x, spread, axis=1, mode="nearest")
        np.testing.assert_allclose(filtered, expected, atol=1e-6)
    np.testing.assert_array_equal(median, median_filter(x, (1, MEDIAN, 1), mode="nearest"))


def test_an_untrained_choice_is_nearly_one_filter_and_a_trained_one_goes_joint_by_joint():
    module, x = make_bank(), torch.from_numpy(make_input())
    bank, token = module.filter(x), torch.randn(2, FRAMES, WIDTH)
    with torch.no_grad():
        start = module.mix(bank, token)
        share = torch.softmax(torch.tensor([0.0, 0, 3, 0, 0]), 0)
        torch.testing.assert_close(start, torch.einsum("mblc,m->blc", bank, share))
        assert share.argmax() == START
        # One joint prefers the input itself, whatever the token says.
        module.gate.bias[0] = 50.0
        mixed = module.mix(bank, token)
    torch.testing.assert_close(mixed[..., :CHANNELS], x[..., :CHANNELS])
    torch.testing.assert_close(mixed[..., CHANNELS:], start[..., CHANNELS:])


def test_tokens_see_how_far_a_joint_is_from_its_smooth_path():
    module, x = make_bank(), torch.from_numpy(make_input())
    with torch.no_grad():
        near = module.rest(x, x)
        far = module.rest(x + 1.0, x)
    bias = module.residual_embed.bias
    torch.testing.assert_close(near, bias.expand_as(near))
    assert (far - near).abs().max() > 0.1
