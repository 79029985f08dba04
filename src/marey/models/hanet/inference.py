"""From the parameters of a published checkpoint to a configuration and our names.

Everything about the network can be read off the shapes but the number of heads, the interval and
what the channels mean; the caller says those or accepts the guess.

Not taken over: the last projection between levels and the layer norms behind the levels of pre-norm
models. The released network carries both and uses neither; `encoder_norm` keeps the latter.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from marey.core.errors import FormatError, InputError
from marey.models.hanet.config import (
    JOINT_CHANNELS,
    MAX_LEVELS,
    HANetConfig,
    MaskMode,
    Representation,
    check_config,
)

_PREFIXES = ("module.", "transformer.")
_RENAMED = (
    (r"^encoder\.(\d+)\.layers\.0\.", r"encoder.\1."),
    (r"^decoder\.layers\.(\d+)\.", r"decoder.\1."),
    (r"^decoder\.norm\.", "decoder_norm."),
    (r"^(prev_v_embed|next_v_embed|acc_embed)\.", r"motion.\1."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """What the shapes in a checkpoint do not tell."""

    representation: Representation | None = None
    """What the channels are. Guessed from their number if None: 144 are 24 rotations in 6D, 72
    rotation vectors, otherwise metres for pre-norm models and image points for the others."""
    heads: int = 4
    """Attention heads, 4 in all published configurations."""
    interval: int = 5
    """N."""
    window: int | None = None
    """L; 20 intervals and one frame if None, as published but for JHMDB (11)."""
    mask: MaskMode = "bool"
    """Which masks the network was trained with; `additive_int` gives what the released code
    computed with it."""
    encoder_norm: bool = False
    """Whether to apply the layer norms the released network carries and does not apply."""


def rename_parameters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the parameters of a published checkpoint under our names, in our shapes."""
    renamed = {}
    for name, tensor in state.items():
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)  # noqa: PLW2901
        for old, new in _RENAMED:
            name = re.sub(old, new, name)  # noqa: PLW2901
        # A convolution of size one is a linear map.
        pointwise = name.startswith("offset_refine.") and tensor.ndim == 3
        renamed[name] = tensor[..., 0] if pointwise else tensor
    return renamed


def infer_config(state: Mapping[str, Tensor], untold: Untold) -> HANetConfig:
    """Read the configuration off renamed parameters.

    Args:
        state: What `rename_parameters` returned.
        untold: What shapes do not tell.

    Raises:
        FormatError: If the parameters are not those of a HANet.
        InputError: If what the caller says does not go with them.
    """
    width, channels = _sizes(state, "encoder_joints_embed.weight", 2)[::-1]
    levels = _count(state, "encoder")
    pre_norm = any(name.startswith("encoder_norm.") for name in state)
    decodes = "decoder_embed.weight" in state
    terms = _sizes(state, "encoder_embed.weight", 2)[1] / channels
    if not levels or terms not in (1, 4):
        raise FormatError(
            "the parameters are not those of a HANet: expected encoder levels and tokens of one "
            f"or four times {channels} channels, got {levels} levels and {terms:g} times"
        )
    motion = _sizes(state, "motion_embed.weight", 2)[1] - width if decodes else 3 * channels
    if motion not in (0, channels, 2 * channels, 3 * channels):
        raise FormatError(
            "the parameters are not those of a HANet: the decoder's memory has "
            f"{motion + width} channels, which is not {width} and up to three times {channels}"
        )
    representation = untold.representation or _guess(channels, pre_norm=pre_norm)
    if channels % JOINT_CHANNELS[representation]:
        raise InputError(
            f"the checkpoint has {channels} channels, which are no whole number of joints as "
            f"{representation}; give another representation"
        )
    inner = _sizes(state, "encoder.0.linear1.weight", 2)[0]
    config = HANetConfig(
        representation=representation,
        num_joints=channels // JOINT_CHANNELS[representation],
        interval=untold.interval,
        window=20 * untold.interval + 1 if untold.window is None else untold.window,
        width=width,
        levels=levels,
        decoder_layers=_count(state, "decoder") if decodes else 1,
        heads=untold.heads,
        feedforward=inner,
        decoder_feedforward=_sizes(state, "decoder.0.linear1.weight", 2)[0] if decodes else inner,
        pre_norm=pre_norm,
        mask=untold.mask,
        flow=terms == 4,
        velocity=motion >= 2 * channels,
        acceleration=motion in (channels, 3 * channels),
        weight_bias="motion.prev_v_embed.weight" in state or not (motion and decodes),
        encoder_norm=untold.encoder_norm and pre_norm,
        decoder="attention" if decodes else "interpolation",
    )
    check_config(config)
    return config


def drop_unused(state: Mapping[str, Tensor], config: HANetConfig) -> dict[str, Tensor]:
    """Return the parameters without those the network does not use."""
    unused = [f"projection.{config.levels - 1}."]
    if not config.encoder_norm:
        unused.append("encoder_norm.")
    return {name: tensor for name, tensor in state.items() if not name.startswith(tuple(unused))}


def _guess(channels: int, *, pre_norm: bool) -> Representation:
    if channels in (144, 72):
        return "6d" if channels == 144 else "axis-angle"
    preferred: tuple[Representation, ...] = ("3d", "2d") if pre_norm else ("2d", "3d")
    for name in preferred:
        if channels % JOINT_CHANNELS[name] == 0:
            return name
    return "values"


def _sizes(state: Mapping[str, Tensor], name: str, axes: int) -> tuple[int, ...]:
    if name not in state or state[name].ndim != axes or not state[name].numel():
        found = "is missing" if name not in state else f"has shape {tuple(state[name].shape)}"
        raise FormatError(f"the parameters are not those of a HANet: `{name}` {found}")
    return tuple(state[name].shape)


def _count(state: Mapping[str, Tensor], module: str) -> int:
    matches = (re.match(rf"^{module}\.(\d+)\.linear1\.weight$", name) for name in state)
    numbers = {int(match[1]) for match in matches if match}
    if numbers != set(range(len(numbers))) or len(numbers) > MAX_LEVELS:
        raise FormatError(
            f"the parameters are not those of a HANet: the layers of `{module}` must be numbered "
            f"from 0 without gaps, at most {MAX_LEVELS}"
        )
    return len(numbers)
