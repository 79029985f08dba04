"""The training loss: errors per channel, mutual learning, and the hardest channels once more.

The defaults are those of the released code: mean absolute errors, all divided by the size of the
whole window; encoder and decoder pull at each other on sampled frames, with gradients to both
("online mutual learning"); half of the channels, those with the largest loss, count twice ("online
hard keypoint mining").

Shape letters: B windows, L frames, C channels.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOptions:
    """How the terms are weighted."""

    final: float = 5.0
    """Of the decoder's error on all frames (the paper's lambda; 1, 2 or 5 by configuration)."""
    encoder: float = 1.0
    """Of the encoder's error on sampled frames."""
    mutual: float = 1.0
    """Of the difference between the two on sampled frames; 0: no mutual learning."""
    hard: float = 1.0
    """Of the mean loss of the hardest channels or joints; 0: no hard mining."""
    hard_of: Literal["channel", "joint"] = "channel"
    """What is hard: channels, as in the released code, or joints, as the name says."""
    teacher: Literal["none", "final", "encoder"] = "none"
    """Which side of mutual learning gets no gradient; none in the released code."""
    power: Literal[1, 2] = 1
    """Absolute or squared errors."""
    divide_by: Literal["window", "counted"] = "window"
    """Every sum is divided by B L C, or by the number of values in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The loss and what it is made of, each part with its weight."""

    total: Float[Tensor, ""]
    final: Float[Tensor, ""]
    encoder: Float[Tensor, ""]
    mutual: Float[Tensor, ""]
    hard: Float[Tensor, ""]


def hanet_loss(
    final: Float[Tensor, "B L C"],
    refined: Float[Tensor, "B L C"],
    target: Float[Tensor, "B L C"],
    *,
    sampled: Bool[Tensor, "*#B L"],
    options: LossOptions | None = None,
    joint_channels: int = 1,
) -> Loss:
    """Compare both outputs of a HANet with the truth.

    Args:
        final: The network's result.
        refined: The encoder's refinement; hidden frames do not count.
        target: The truth; NaN where it is unknown (sparse annotation), which counts nowhere.
        sampled: Which frames are sampled (`sampled_frames`).
        options: Weights; those of the released code if None.
        joint_channels: Channels per joint, for hard mining of joints.
    """
    options = options or LossOptions()
    known = target.isfinite()
    target = torch.where(known, target, torch.zeros_like(target))
    visible = sampled.expand(final.shape[:2])[..., None].expand_as(known)
    at = known & visible

    decoded = options.final * _error(final - target, known, options)
    encoded = options.encoder * _error(refined - target, at, options)
    a = final.detach() if options.teacher == "final" else final
    b = refined.detach() if options.teacher == "encoder" else refined
    mutual = options.mutual * _error(a - b, visible, options)

    loss = decoded + encoded + mutual
    if options.hard_of == "joint":
        loss = loss.unflatten(0, (-1, joint_channels)).sum(-1)
    hard = options.hard * _hardest(loss, channels=options.hard_of == "channel")
    return Loss(
        total=loss.sum() + hard,
        final=decoded.sum(),
        encoder=encoded.sum(),
        mutual=mutual.sum(),
        hard=hard,
    )


def _error(
    difference: Float[Tensor, "B L C"], counts: Bool[Tensor, "B L C"], options: LossOptions
) -> Float[Tensor, "C"]:
    """Return each channel's share of the mean error."""
    size = difference.abs() if options.power == 1 else difference.square()
    total = torch.where(counts, size, torch.zeros_like(size)).sum((0, 1))
    if options.divide_by == "window":
        return total / difference.numel()
    return total / (counts.sum((0, 1)).clamp_min(1) * difference.shape[-1])


def _hardest(loss: Float[Tensor, "C"], *, channels: bool) -> Float[Tensor, ""]:
    """Return the mean of the larger half; the released code rounds to pairs of channels."""
    half = 2 * (len(loss) // 4) if channels else len(loss) // 2
    return loss.topk(max(half, 1)).values.mean()
