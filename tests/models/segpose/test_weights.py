"""Reading weights: sizes from shapes, plain ViTPose with and without a mask branch, bad files."""

from dataclasses import replace

import pytest
import torch

from marey.core.errors import FormatError, InputError
from marey.models.segpose import SegPose, SegPoseEstimator, load_segpose
from marey.models.segpose.weights import save_segpose
from tests.models.segpose.test_network import TINY, make_input, make_network

SMALL = replace(TINY, width=48, heads=4, depth=12, mask_depth=8, first_mask_block=3)


def write(path, state, **more):
    torch.save({"state_dict": state, "meta": {"epoch": 140}, **more}, path)
    return path


def test_what_was_saved_is_loaded(tmp_path):
    network = make_network(SMALL)
    save_segpose(network, tmp_path / "weights.pth")
    loaded = load_segpose(tmp_path / "weights.pth")
    assert replace(loaded.config, drop_path=SMALL.drop_path) == SMALL
    picture, mask = make_input(SMALL)
    with torch.inference_mode():
        assert torch.equal(loaded(picture, mask), network(picture, mask))


def test_published_layout_with_wrapping_and_foreign_class_token(tmp_path):
    network = make_network(replace(SMALL, width=64, heads=1))
    state = {f"module.{key}": value for key, value in network.state_dict().items()}
    state["module.backbone.cls_token"] = torch.zeros(1, 1, 64)
    loaded = load_segpose(write(tmp_path / "a.pth", state))
    # 64 channels are nobody's published size: one head for every 64.
    assert loaded.config.heads == 1
    assert loaded.config.size == (48, 64)
    assert not loaded.training


def test_plain_vitpose_runs_and_may_get_a_mask_branch(tmp_path):
    plain = make_network(replace(SMALL, width=64, heads=1, mask_depth=0))
    path = write(tmp_path / "vitpose.pth", plain.state_dict())
    picture, mask = make_input(SMALL)
    as_is, silent = load_segpose(path), load_segpose(path, masks=True)
    assert as_is.config.mask_depth == 0 and silent.config.mask_depth == 8
    with torch.inference_mode():
        truth = plain(picture)
        assert torch.equal(as_is(picture, mask), truth)
        assert torch.equal(silent(picture, mask), truth)


def test_weights_in_half_precision_run_in_single(tmp_path):
    network = make_network(replace(SMALL, width=64, heads=1, mask_depth=0))
    half = {key: value.half() for key, value in network.state_dict().items()}
    loaded = load_segpose(write(tmp_path / "half.pth", half), masks=True)
    picture, mask = make_input(SMALL)
    assert all(parameter.dtype == torch.float32 for parameter in loaded.parameters())
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(loaded(picture, mask), network(picture), atol=0.05, rtol=0.05)


def test_a_mask_branch_may_be_left_out(tmp_path):
    network = make_network(replace(SMALL, width=64, heads=1))
    path = write(tmp_path / "a.pth", network.state_dict())
    picture, mask = make_input(SMALL)
    with torch.inference_mode():
        assert torch.equal(load_segpose(path, masks=False)(picture, mask), network(picture))


def test_bad_files_are_refused_in_a_sentence(tmp_path):
    state = make_network(replace(SMALL, width=64, heads=1)).state_dict()
    with pytest.raises(InputError):
        load_segpose(tmp_path / "absent.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(FormatError, match="no torch file"):
        load_segpose(tmp_path / "text.pth")
    cases = {
        "holds no weights by name": [1, 2],
        "no weights named": {"layer.weight": torch.zeros(2)},
        "experts": {**state, "backbone.blocks.0.mlp.experts.0.weight": torch.zeros(1)},
        "lacks": {k: v for k, v in state.items() if k != "backbone.pos_embed"},
        "lacks backbone.blocks.3.norm1.bias": {
            k: v for k, v in state.items() if k != "backbone.blocks.3.norm1.bias"
        },
        "not numbered": {**state, "backbone.blocks.99999999.norm1.bias": torch.zeros(64)},
        "channels": {**state, "backbone.pos_embed": torch.zeros(1).expand(1, 13, 2**40)},
        "too many": {**state, "backbone.adapter.weight": torch.zeros(1)},
        "positions": {**state, "backbone.pos_embed": torch.zeros(1, 15, 64)},
        "patches of": {**state, "backbone.patch_embed.proj.weight": torch.zeros(64, 3, 14, 14)},
        "has the shape": {**state, "backbone.blocks.2.attn.proj.weight": torch.zeros(64, 63)},
        "not finite": {**state, "backbone.last_norm.bias": torch.full((64,), torch.nan)},
    }
    for reason, content in cases.items():
        torch.save(content, tmp_path / "bad.pth")
        with pytest.raises(FormatError, match=reason):
            load_segpose(tmp_path / "bad.pth")


def test_the_estimator_wants_cocos_keypoints(tmp_path):
    with pytest.raises(FormatError, match="17"):
        SegPoseEstimator(SegPose(replace(TINY, num_keypoints=21)))
