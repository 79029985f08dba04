"""Weights of SegPose2D and of plain ViTPose, from the files in which they are published.

A torch file with a `state_dict` (or the dictionary itself) whose keys begin with `backbone.` and
`keypoint_head.`. Sizes are read off the tensors; the number of heads, which they do not show, is
the family's, unless the file says it (`segpose: {heads: ...}`, as training here writes it).
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from marey.core.errors import FormatError
from marey.core.files import atomic_path
from marey.io.torch_file import read_torch
from marey.models.segpose.config import HEADS, PATCH, SegPoseConfig
from marey.models.segpose.network import SegPose

MAX_BYTES = 2**33
_MASK_PARTS = ("backbone.patch_embed_seg.", "backbone.pos_embed_seg", "backbone.blocks_seg.")
_UNUSED = ("backbone.cls_token", "backbone.last_norm_seg.")
_ASPECT = (4, 3)
"""Rows and columns of patches in every network of the family, times a whole number."""
_WIDEST, _DEEPEST, _LARGEST = 4096, 100, 16
"""Channels, blocks and that whole number, at most."""


def load_segpose(path: str | Path, *, masks: bool | None = None) -> SegPose:
    """Load a network, ready to be run.

    Args:
        path: The torch file.
        masks: True adds a mask branch that says nothing yet to plain ViTPose, to be trained; False
            leaves one out; None keeps to the file.

    Raises:
        InputError: If there is no such file.
        FormatError: If it holds no such network.
    """
    path = Path(path)
    content = read_torch(path, max_bytes=MAX_BYTES)
    tensors = _find_tensors(content, path)
    config = _infer_config(tensors, content, path)
    has_masks = config.mask_depth > 0
    if masks is False or (masks and not has_masks):
        tensors = {key: one for key, one in tensors.items() if not key.startswith(_MASK_PARTS)}
    wanted = has_masks if masks is None else masks
    config = _with_mask(config, SegPoseConfig().mask_depth if wanted and not has_masks else None)
    if not wanted:
        config = _with_mask(config, 0)
    # Without memory of its own, which the file's tensors bring: 400 million numbers are not drawn.
    with torch.device("meta"):
        network = SegPose(config)
    _fill(network, tensors, path, silent_mask=wanted and not has_masks)
    return network.eval()


def save_segpose(network: SegPose, path: str | Path) -> None:
    """Write a network's weights as `load_segpose` reads them."""
    facts = {"heads": network.config.heads, "first_mask_block": network.config.first_mask_block}
    with atomic_path(Path(path)) as temporary:
        torch.save({"state_dict": network.state_dict(), "segpose": facts}, temporary)


def _find_tensors(content: Any, path: Path) -> dict[str, Tensor]:
    inner = content
    for key in ("state_dict", "model"):
        if isinstance(inner, dict) and isinstance(inner.get(key), dict):
            inner = inner[key]
    if not isinstance(inner, Mapping):
        raise FormatError(f"{path} holds no weights by name; give a checkpoint of SegPose2D")
    tensors = {
        str(key).removeprefix("module."): value
        for key, value in inner.items()
        if isinstance(value, Tensor)
    }
    if not any(key.startswith("backbone.blocks.") for key in tensors):
        shown = ", ".join(list(tensors)[:3]) or "none"
        raise FormatError(
            f"{path} has no weights named 'backbone.blocks...' (but {shown}); give a checkpoint of "
            "SegPose2D or ViTPose as their authors published it"
        )
    if any(".experts." in key for key in tensors):
        raise FormatError(
            f"{path} is a ViTPose+ with several experts; give a checkpoint of one data set"
        )
    return tensors


def _infer_config(tensors: dict[str, Tensor], content: Any, path: Path) -> SegPoseConfig:
    facts = content.get("segpose") if isinstance(content, dict) else None
    facts = facts if isinstance(facts, dict) else {}
    try:
        positions, width = tensors["backbone.pos_embed"].shape[1:]
        deconv = tensors["keypoint_head.deconv_layers.0.weight"].shape[1]
        keypoints = tensors["keypoint_head.final_layer.weight"].shape[0]
        patch = tensors["backbone.patch_embed.proj.weight"].shape[2:]
    except (KeyError, ValueError) as error:
        raise FormatError(
            f"{path} lacks {error}, or it has another shape; SegPose2D and ViTPose with the "
            "classic head have it"
        ) from error
    if tuple(patch) != (PATCH, PATCH):
        raise FormatError(f"{path} has patches of {tuple(patch)} px; expected {PATCH}")
    if max(width, deconv, keypoints) > _WIDEST:
        raise FormatError(f"{path} has more than {_WIDEST} channels; no published network has")
    unit = math.isqrt((positions - 1) // (_ASPECT[0] * _ASPECT[1]))
    if positions - 1 != unit**2 * _ASPECT[0] * _ASPECT[1] or not 1 <= unit <= _LARGEST:
        raise FormatError(
            f"{path} has {positions} positions; expected 1 + 12 n^2, for pictures of 3 to 4"
        )
    heads = facts.get("heads")
    if type(heads) is not int or heads < 1 or width % heads:
        heads = HEADS.get(width, max(width // 64, 1))
    first = facts.get("first_mask_block")
    return SegPoseConfig(
        width=width,
        depth=_count(tensors, "backbone.blocks."),
        heads=heads,
        mask_depth=_count(tensors, "backbone.blocks_seg."),
        first_mask_block=first if type(first) is int else SegPoseConfig().first_mask_block,
        size=(_ASPECT[1] * unit * PATCH, _ASPECT[0] * unit * PATCH),
        deconv_width=deconv,
        num_keypoints=keypoints,
    )


def _count(tensors: dict[str, Tensor], prefix: str) -> int:
    numbers = {
        int(number)
        for key in tensors
        if key.startswith(prefix) and (number := key.removeprefix(prefix).split(".")[0]).isdecimal()
    }
    if len(numbers) > _DEEPEST or numbers != set(range(len(numbers))):
        raise FormatError(f"the weights '{prefix}...' are not numbered from 0 on")
    return len(numbers)


def _with_mask(config: SegPoseConfig, depth: int | None) -> SegPoseConfig:
    return config if depth is None else replace(config, mask_depth=depth)


def _fill(network: SegPose, tensors: dict[str, Tensor], path: Path, *, silent_mask: bool) -> None:
    expected = network.state_dict()
    needed = {
        key
        for key in expected
        if not key.endswith("num_batches_tracked")
        and not (silent_mask and key.startswith(_MASK_PARTS))
    }
    given = {key: value for key, value in tensors.items() if not key.startswith(_UNUSED)}
    missing, foreign = sorted(needed - given.keys()), sorted(given.keys() - expected.keys())
    if missing or foreign:
        parts = [f"lacks {missing[0]}"] if missing else []
        parts += [f"has {foreign[0]} too many"] if foreign else []
        raise FormatError(
            f"{path} {' and '.join(parts)} ({len(missing)} lacking, {len(foreign)} unknown); give "
            "a checkpoint of SegPose2D or of ViTPose with the classic head"
        )
    for key, value in given.items():
        if value.shape != expected[key].shape:
            raise FormatError(
                f"{path}: {key} has the shape {tuple(value.shape)}; expected "
                f"{tuple(expected[key].shape)}"
            )
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise FormatError(f"{path}: {key} holds numbers that are not finite; it is damaged")
    complete = {
        key: given[key].to(value.dtype).contiguous() if key in given else _begin(key, value.shape)
        for key, value in expected.items()
    }
    network.load_state_dict(complete, assign=True)
    network.requires_grad_(True)


def _begin(key: str, shape: torch.Size) -> Tensor:
    """Return what a tensor that the file lacks begins with: a mask branch that adds nothing."""
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if ".norm" in key and key.endswith("weight"):
        return torch.ones(shape)
    if key.endswith(("qkv.weight", "fc1.weight")):
        return torch.nn.init.trunc_normal_(torch.empty(shape), std=0.02)
    return torch.zeros(shape)
