"""The network against a plain one, and what follows from how it is made."""

import dataclasses

import pytest
import torch

from marey.core.errors import InputError, ShapeError
from marey.models.hanet import HANet, HANetConfig, check_config
from tests.models.hanet.small import SMALL, plain_pair, random_windows, small_config, small_network

# The plain network sums in another order; its outputs are of size 1 to 5.
TOLERANCE = 2e-5

CONFIGS = [
    SMALL,
    small_config(pre_norm=False),
    small_config(representation="2d", num_joints=15, interval=5, window=11, pre_norm=False),
    small_config(representation="6d", num_joints=4, interval=10, window=101, pre_norm=False),
    small_config(representation="axis-angle", num_joints=24, interval=2, window=5),
    small_config(representation="values", num_joints=7, width=20, heads=5, levels=3),
    small_config(levels=1, decoder_layers=3, feedforward=12, decoder_feedforward=10),
    small_config(levels=4, interval=1, window=6, heads=1),
    small_config(interval=12, window=13, heads=8),
]


@pytest.mark.parametrize("mask", ["bool", "additive_int"])
@pytest.mark.parametrize("config", CONFIGS)
def test_equals_the_plain_network(config: HANetConfig, mask: str) -> None:
    plain, ours = plain_pair(dataclasses.replace(config, mask=mask))
    assert ours.config == dataclasses.replace(
        config,
        mask=mask,
        feedforward=config.inner_width,
        decoder_feedforward=config.decoder_inner_width,
    )
    x = random_windows(config, batch=5)
    with torch.inference_mode():
        expected_final, expected_refined = plain(x)
        final, sampled = ours(x)
        slow_final, refined = ours(x, every_frame=True)
    for found in (final, slow_final):
        torch.testing.assert_close(found, expected_final, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(refined, expected_refined, atol=TOLERANCE, rtol=0)
    step = config.interval
    torch.testing.assert_close(
        sampled[:, ::step], expected_refined[:, ::step], atol=TOLERANCE, rtol=0
    )


@pytest.mark.parametrize("pre_norm", [True, False])
def test_gradients_equal_those_of_the_plain_network(pre_norm: bool) -> None:
    config = small_config(pre_norm=pre_norm)
    plain, ours = plain_pair(config)
    x = random_windows(config)
    for network in (plain, ours):
        final, refined = network(x)
        (final.square().sum() + refined[:, :: config.interval].abs().sum()).backward()
    theirs = dict(plain.transformer.named_parameters())
    pairs = [
        ("encoder_embed.weight", "encoder_embed.weight"),
        ("encoder.1.layers.0.linear2.weight", "encoder.1.linear2.weight"),
        ("decoder.layers.0.self_attn.in_proj_weight", "decoder.0.self_attn.in_proj_weight"),
        ("acc_embed.weight", "motion.acc_embed.weight"),
        ("decoder.norm.bias", "decoder_norm.bias"),
    ]
    for their_name, our_name in pairs:
        expected, found = theirs[their_name].grad, ours.get_parameter(our_name).grad
        assert expected is not None and expected.abs().max() > 0
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_any_number_of_windows_and_any_length_that_fits() -> None:
    network = small_network()
    for frames in (4, 7, 40):
        x = torch.randn(1, frames, 9)
        assert network(x)[0].shape == x.shape


@pytest.mark.parametrize("mask", ["bool", "additive_int"])
def test_frames_away_from_sampled_ones_are_not_looked_at(mask: str) -> None:
    """Of seven frames between two sampled ones the outer two are neighbours, the others hidden."""
    network = small_network(interval=8, window=17, mask=mask)
    x = random_windows(network.config)
    changed = x.clone()
    changed[:, 2:7] += 100
    changed[:, 10:15] = torch.nan
    torch.testing.assert_close(network(changed), network(x), atol=0, rtol=0)
    changed = x.clone()
    changed[:, 1] += 1
    assert not torch.equal(network(changed)[0], network(x)[0])


def test_windows_do_not_influence_one_another() -> None:
    network = small_network()
    x = random_windows(network.config, batch=4)
    together = network(x)[0]
    alone = torch.cat([network(window[None])[0] for window in x])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_refined_frames_between_sampled_ones_are_interpolated() -> None:
    network = small_network()
    refined = network(random_windows(network.config))[1]
    middle = refined[:, 3] + (refined[:, 6] - refined[:, 3]) / 3
    torch.testing.assert_close(refined[:, 4], middle)


def test_weights_of_zero_leave_the_interpolated_input() -> None:
    """The outputs are what is added to sampled frames and to their interpolation."""
    network = small_network()
    with torch.no_grad():
        for layer in (network.encoder_joints_embed, network.decoder_joints_embed):
            layer.weight.zero_()
            layer.bias.zero_()
    line = torch.arange(13.0)[None, :, None].expand(1, 13, 9) * 0.1
    final, refined = network(line)
    torch.testing.assert_close(final, line)
    torch.testing.assert_close(refined, line)


def test_interpolation_instead_of_the_decoder() -> None:
    network = small_network(decoder="interpolation")
    final, refined = network(random_windows(network.config))
    torch.testing.assert_close(final, refined, atol=0, rtol=0)
    assert not any(name.startswith("decoder") for name in network.state_dict())


def test_with_detail_weights_of_zero_leave_the_input_itself() -> None:
    network = small_network(detail=True)
    x = random_windows(SMALL)
    assert not torch.allclose(network(x)[0], small_network()(x)[0], atol=1e-3)
    with torch.no_grad():
        for layer in (network.encoder_joints_embed, network.decoder_joints_embed):
            layer.weight.zero_()
            layer.bias.zero_()
    torch.testing.assert_close(network(x)[0], x, atol=1e-6, rtol=0)


def test_components_switched_off_are_those_with_weights_of_zero() -> None:
    """Switching a term off must equal a network that has it and gives it no weight."""
    x = random_windows(SMALL)
    whole = small_network()
    for settings, name, kept in [
        ({"flow": False}, "encoder_embed.weight", range(9, 18)),
        ({"velocity": False}, "motion_embed.weight", [*range(8), *range(26, 35)]),
        ({"acceleration": False}, "motion_embed.weight", range(26)),
        ({"velocity": False, "acceleration": False}, "motion_embed.weight", range(8)),
    ]:
        part = small_network(**settings)
        weights = whole.state_dict()
        narrow = {key: weights[key].clone() for key in part.state_dict()}
        narrow[name] = weights[name][:, list(kept)].clone()
        part.load_state_dict(narrow)
        masked = small_network()
        masked.load_state_dict(weights)
        off = [column for column in range(weights[name].shape[1]) if column not in kept]
        with torch.no_grad():
            masked.get_parameter(name)[:, off] = 0
        torch.testing.assert_close(part(x)[0], masked(x)[0], atol=1e-5, rtol=0)
        assert not torch.allclose(part(x)[0], whole(x)[0], atol=1e-3)


def test_without_weight_and_bias_motion_is_plain_velocity() -> None:
    network, plain = small_network(), small_network(weight_bias=False)
    with torch.no_grad():
        for name in ("prev_v_embed", "next_v_embed", "acc_embed"):
            network.get_parameter(f"motion.{name}.weight").fill_(1)
            network.get_parameter(f"motion.{name}.bias").fill_(0)
    plain.load_state_dict(
        {k: v for k, v in network.state_dict().items() if not k.startswith("motion.")}
    )
    x = random_windows(SMALL)
    torch.testing.assert_close(plain(x)[0], network(x)[0])


def test_attending_to_itself_and_the_unused_norms_change_the_result() -> None:
    x, whole = random_windows(SMALL), small_network()
    for settings in ({"attend_self": True}, {"encoder_norm": True}):
        other = small_network(**settings)
        other.load_state_dict(whole.state_dict(), strict=False)
        assert not torch.allclose(other(x)[0], whole(x)[0], atol=1e-3)
        # Both ways of computing agree here too.
        torch.testing.assert_close(other(x)[0], other(x, every_frame=True)[0], atol=1e-5, rtol=0)


def test_only_sampled_tokens_are_computed_in_training_too() -> None:
    network = small_network().train()
    lengths = []

    def note(module: object, inputs: object, output: torch.Tensor) -> None:
        lengths.append(output.shape[1])

    for layer in network.encoder:
        layer.linear1.register_forward_hook(note)
    network(random_windows(SMALL))
    assert lengths == [5, 5]  # frames 0, 3, 6, 9, 12


def test_dropout_is_for_training() -> None:
    network = small_network(dropout=0.3)
    x = random_windows(SMALL)
    assert torch.equal(network(x)[0], network(x)[0])
    network.train()
    assert not torch.allclose(network(x)[0], network(x)[0], atol=1e-3)


def test_joint_masking_hides_whole_joints_in_training_only() -> None:
    network = small_network(joint_masking=0.5, dropout=0.0, decoder="interpolation")
    with torch.no_grad():
        network.encoder_joints_embed.weight.zero_()
        network.encoder_joints_embed.bias.zero_()
    x = torch.ones(200, 13, 9)
    assert torch.equal(network(x)[1], x)
    torch.manual_seed(0)
    masked = network.train()(x)[1][:, ::3].unflatten(-1, (3, 3))
    assert torch.equal(masked.amin(-1), masked.amax(-1))
    assert masked.unique().tolist() == [0, 1]
    # 3000 draws: the share is within 4 standard deviations.
    assert masked[..., 0].mean().item() == pytest.approx(0.5, abs=0.037)


def test_double_precision_gradients() -> None:
    torch.manual_seed(0)
    config = small_config(num_joints=1, window=4, width=4, heads=2, levels=1, decoder_layers=1)
    network = HANet(config).eval().double()
    x = torch.randn(1, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(network, (x,))


def test_bfloat16_weights_leave_poses_exact() -> None:
    """Far from the root bfloat16 knows 16 mm; what is carried over must not be rounded to it."""
    network = small_network()
    x = random_windows(SMALL) + 4.0
    exact = network(x)[0]
    half = network.bfloat16()(x)[0]
    assert half.dtype == torch.float32
    # The rest is the noise of 8 bits in what the network adds, whose size here is about 1.
    assert (half - exact).abs().max() < 0.1
    with torch.no_grad():
        for layer in (network.encoder_joints_embed, network.decoder_joints_embed):
            layer.weight.zero_()
            layer.bias.zero_()
    torch.testing.assert_close(network(x)[0][:, ::3], x[:, ::3], atol=1e-6, rtol=0)


def test_constant_input_and_one_joint_give_numbers() -> None:
    for settings in ({}, {"num_joints": 1}, {"num_joints": 1, "representation": "values"}):
        network = small_network(**settings)
        assert network(torch.zeros(1, 13, network.config.channels))[0].isfinite().all()


def test_same_seed_same_network() -> None:
    first, second = small_network(seed=3), small_network(seed=3)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_published_sizes() -> None:
    """Parameters of the published configurations, without the tenth they carry and do not use."""
    with torch.device("meta"):
        for config, published in [
            (HANetConfig(representation="3d", num_joints=14, width=32), 5.0e6),
            (HANetConfig(representation="6d", num_joints=24, width=128, pre_norm=False), 80.4e6),
        ]:
            wide = config.width << (config.levels - 1)
            unused = wide * 2 * wide + 2 * wide
            used = sum(parameter.numel() for parameter in HANet(config).parameters())
            assert used + unused == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window": 12}, "multiple of the interval"),
        ({"window": 1}, "at least two sampled frames"),
        ({"heads": 3}, "multiple of the heads"),
        ({"width": 9, "heads": 1}, "even"),
        ({"num_joints": 0}, "num_joints must be 1"),
        ({"levels": 40}, "levels must be 1 to"),
        ({"dropout": 1.0}, "dropout"),
        ({"joint_masking": -0.1}, "joint_masking"),
        ({"joint_masking": 0.1, "detail": True}, "switch one of them off"),
        ({"joints": ("head",)}, "1 joint names were given for 3"),
        ({"fps": 0.0}, "fps"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_config(small_config(**settings))


def test_windows_of_another_kind_are_refused() -> None:
    network = small_network()
    with pytest.raises(ShapeError, match="3 joints as 3d; got"):
        network(torch.zeros(1, 13, 8))
    with pytest.raises(InputError, match=r"has 12 frames; use 10"):
        network(torch.zeros(1, 12, 9))
    with pytest.raises(InputError, match="two sampled frames"):
        network(torch.zeros(1, 1, 9))
