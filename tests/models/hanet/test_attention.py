"""Two ways of attention, and two linear maps that become one."""

import pytest
import torch
from torch import nn

from marey.models.hanet.attention import Attention, mix_fused, mix_narrow
from marey.models.hanet.layers import EncoderLayer


@pytest.mark.parametrize("heads", [1, 2, 6])
@pytest.mark.parametrize("masked", [True, False])
def test_narrow_and_fused_are_the_same(heads: int, masked: bool) -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 7, 12), torch.randn(3, 5, 12), torch.randn(3, 5, 12)
    bias = torch.randn(7, 5).masked_fill(torch.rand(7, 5) < 0.3, -torch.inf) if masked else None
    fused = mix_fused(q, k, v, bias, heads=heads)
    torch.testing.assert_close(mix_narrow(q, k, v, bias, heads=heads), fused)


def test_equal_keys_give_the_mean_of_the_values() -> None:
    values = torch.randn(1, 4, 6)
    mixed = mix_narrow(torch.randn(1, 3, 6), torch.ones(1, 4, 6), values, None, heads=2)
    torch.testing.assert_close(mixed, values.mean(1, keepdim=True).expand(1, 3, 6))


def test_dropout_keeps_the_mean() -> None:
    torch.manual_seed(0)
    ones = torch.ones(1, 50, 4)
    mixed = mix_narrow(ones, ones, ones, None, heads=2, dropout=0.4)
    # 100 sums of 50 draws each, over the two heads.
    assert mixed.mean().item() == pytest.approx(1.0, abs=0.05)
    assert mixed.std() > 0.01


@pytest.mark.parametrize("width", [8, 256])
def test_equals_torch_multihead_attention(width: int) -> None:
    """Narrow heads and wide ones, which take different ways."""
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(width, 2, batch_first=True)
    ours = Attention(width, heads=2, dropout=0.0)
    nn.init.normal_(theirs.in_proj_bias)
    ours.load_state_dict(theirs.state_dict())
    query, value = torch.randn(2, 9, width), torch.randn(2, 9, width)
    expected = theirs(query, query[:, ::4], value[:, ::4])[0]
    torch.testing.assert_close(ours(query, value, every=4), expected, atol=1e-5, rtol=0)
    expected = theirs(query, query, value)[0]
    torch.testing.assert_close(ours(query, value), expected, atol=1e-5, rtol=0)
    expected = theirs(query, query[:, :3], value[:, :3])[0]
    found = ours.recall(query, query[:, :3], value[:, :3])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("windows", [1, 8])
def test_a_following_linear_map_taken_in(pre_norm: bool, windows: int) -> None:
    """Few tokens go the plain way, many through the product of the two maps."""
    torch.manual_seed(0)
    layer = EncoderLayer(16, heads=2, inner=24, dropout=0.0, pre_norm=pre_norm).eval()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.3)
    last, x = nn.Linear(16, 4), torch.randn(windows, 5, 16)
    position = torch.randn(5, 16)
    expected = last(layer(x, position, None))
    found = layer.forward_into(last, x, position, None)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
