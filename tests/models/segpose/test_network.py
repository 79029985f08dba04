"""The network against plain loops, against plain ViTPose, and against the published names."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from marey.core.errors import InputError
from marey.models.segpose import SegPose, SegPoseConfig
from marey.models.segpose.config import named_config
from marey.models.segpose.layers import Block
from tests.models.segpose.reference import run_reference

TINY = SegPoseConfig(
    width=24, depth=5, heads=3, mask_depth=2, first_mask_block=1, size=(48, 64), deconv_width=8
)


def make_network(config: SegPoseConfig = TINY, seed: int = 0) -> SegPose:
    """Return a network whose every parameter is random, the mask branch's too."""
    torch.manual_seed(seed)
    network = SegPose(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.2)
    return network.eval()


def make_input(config: SegPoseConfig = TINY) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    width, height = config.size
    picture = torch.randn(2, 3, height, width, generator=generator)
    return picture, torch.rand(2, 1, height, width, generator=generator)


def test_published_shapes_and_names():
    """The large network: 193 positions, 24 and 8 blocks, heat maps of 64 x 48; on no device."""
    with torch.device("meta"):
        network = SegPose()
        heatmaps = network(torch.zeros(1, 3, 256, 192), torch.zeros(1, 1, 256, 192))
    assert heatmaps.shape == (1, 17, 64, 48)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert shapes["backbone.pos_embed"] == shapes["backbone.pos_embed_seg"] == (1, 193, 1024)
    assert shapes["backbone.patch_embed.proj.weight"] == (1024, 3, 16, 16)
    assert shapes["backbone.patch_embed_seg.proj.weight"] == (1024, 1, 16, 16)
    assert shapes["backbone.blocks.23.attn.qkv.weight"] == (3072, 1024)
    assert shapes["backbone.blocks_seg.7.mlp.fc1.weight"] == (4096, 1024)
    assert "backbone.blocks_seg.8.norm1.weight" not in shapes
    assert shapes["keypoint_head.deconv_layers.0.weight"] == (1024, 256, 4, 4)
    assert shapes["keypoint_head.deconv_layers.3.weight"] == (256, 256, 4, 4)
    assert shapes["keypoint_head.deconv_layers.4.running_mean"] == (256,)
    assert shapes["keypoint_head.final_layer.weight"] == (17, 256, 1, 1)
    assert "keypoint_head.deconv_layers.0.bias" not in shapes
    assert network.config.drop_path == 0.5


@pytest.mark.parametrize("masked", [True, False])
def test_features_are_those_of_plain_loops(masked):
    """Patches, order of tokens, positions, where the mask's tokens enter: all at once."""
    network = make_network()
    picture, mask = make_input()
    with torch.inference_mode():
        features = network.backbone(picture, mask if masked else None)
    weights = {key: value.double().numpy() for key, value in network.state_dict().items()}
    expected = run_reference(
        weights,
        picture[1].double().numpy(),
        mask[1].double().numpy() if masked else None,
        heads=3,
        first=1,
        rows=4,
        columns=3,
    )
    assert features.shape == (2, 24, 4, 3)
    np.testing.assert_allclose(features[1].numpy(), expected, atol=2e-4)


def test_a_silent_mask_branch_is_plain_vitpose():
    torch.manual_seed(0)
    masked = SegPose(TINY).eval()
    plain = SegPose(replace(TINY, mask_depth=0)).eval()
    missing = plain.load_state_dict(masked.state_dict(), strict=False)
    assert all("_seg" in key for key in missing.unexpected_keys) and not missing.missing_keys
    picture, mask = make_input()
    with torch.inference_mode():
        truth = plain(picture)
        assert torch.equal(masked(picture, mask), truth)
        assert torch.equal(masked(picture), truth)
        assert torch.equal(plain(picture, mask), truth)
    assert truth.abs().max() > 0


def test_masks_speak_once_trained():
    network = make_network()
    picture, mask = make_input()
    with torch.inference_mode():
        one, other = network(picture, mask), network(picture, 1 - mask)
        assert (one - other).abs().max() > 1e-3
        # A coarser mask is stretched to the picture's size.
        coarse = torch.full((2, 1, 8, 6), 0.5)
        assert torch.allclose(network(picture, coarse), network(picture, mask * 0 + 0.5))


def test_a_silent_branch_can_learn():
    network = SegPose(replace(TINY, drop_path=0.0))
    picture, mask = make_input()
    network(picture, mask).square().sum().backward()
    gradient = network.backbone.patch_embed_seg.proj.weight.grad
    assert gradient is not None and gradient.abs().max() > 0


def test_drop_path_keeps_the_mean_and_sleeps_outside_of_training():
    torch.manual_seed(0)
    block = Block(8, 2, drop_path=0.5)
    tokens = torch.randn(1, 3, 8)
    with torch.inference_mode():
        block.eval()
        full = block(tokens) - tokens
        block.train()
        branch = torch.ones(20000, 1, 8)
        assert block._drop(branch).mean().item() == pytest.approx(1, abs=0.03)
        assert set(block._drop(branch).unique().tolist()) == {0.0, 2.0}
    assert full.abs().max() > 0


def test_sizes_by_name_and_sizes_that_cannot_be():
    assert named_config("base").width == 768
    with pytest.raises(InputError, match="small, base, large, huge"):
        named_config("giant")
    for wrong in ({"heads": 7}, {"mask_depth": 22}, {"size": (190, 256)}):
        with pytest.raises(InputError):
            SegPoseConfig(**wrong)
