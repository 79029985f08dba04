"""What the network sees of a window: sampled frames, their neighbours, and how these move.

Shape letters: B windows, L frames, S sampled frames, T tokens, C channels.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from marey.models.hanet.config import HANetConfig


@dataclass(frozen=True, slots=True)
class Seen:
    """Tokens and the frames next to them; all zero where a frame is hidden."""

    current: Float[Tensor, "B T C"]
    previous: Float[Tensor, "B T C"]
    next: Float[Tensor, "B T C"]


def sampled_frames(
    num_frames: int, interval: int, device: torch.device | None = None
) -> Bool[Tensor, "L"]:
    """Return which frames of a window are sampled: every `interval`-th from the first on."""
    return torch.arange(num_frames, device=device) % interval == 0


def look(x: Float[Tensor, "B L C"], interval: int) -> Seen:
    """Return the sampled frames of windows; the first and the last are their own neighbours."""
    num_frames = x.shape[1]
    frame = torch.arange(0, num_frames, interval, device=x.device)
    return Seen(
        current=x[:, ::interval],
        previous=x[:, (frame - 1).clamp_min(0)],
        next=x[:, (frame + 1).clamp_max(num_frames - 1)],
    )


def hide(seen: Seen, interval: int) -> Seen:
    """Put sampled frames back where they were, zeros between."""
    return Seen(*(_spread(x, interval) for x in (seen.current, seen.previous, seen.next)))


def _spread(x: Float[Tensor, "B S C"], interval: int) -> Float[Tensor, "B L C"]:
    spread = x.new_zeros(x.shape[0], (x.shape[1] - 1) * interval + 1, x.shape[2])
    spread[:, ::interval] = x
    return spread


def mask_joints(seen: Seen, *, probability: float, joint_channels: int) -> Seen:
    """Set joints of random sampled frames, with their neighbours, to zero.

    As M-HANet does in training, so that the network learns to tell a joint from the other joints
    and frames (Jin et al., Neural Networks 2024). Each joint of each sampled frame is drawn alone.
    """
    batch, frames, channels = seen.current.shape
    shape = (batch, frames, channels // joint_channels, 1)
    keep = (torch.rand(shape, device=seen.current.device) >= probability).to(seen.current.dtype)
    keep = keep.expand(*shape[:3], joint_channels).flatten(2)
    return Seen(seen.current * keep, seen.previous * keep, seen.next * keep)


def flow_features(seen: Seen, *, flow: bool) -> Float[Tensor, "B T W"]:
    """Return what the encoder embeds: flow (the mean of the three), frame, previous, next."""
    if not flow:
        return seen.current
    mean = (seen.previous + seen.current + seen.next) / 3
    return torch.cat([mean, seen.current, seen.previous, seen.next], -1)


class Motion(nn.Module):
    """Velocity on either side of a frame and squared change of velocity, weighted per channel."""

    def __init__(self, config: HANetConfig):
        super().__init__()
        self.velocity, self.acceleration = config.velocity, config.acceleration
        moves = config.weight_bias and bool(config.motion_terms)
        self.prev_v_embed = Scale(config.channels) if moves else nn.Identity()
        self.next_v_embed = Scale(config.channels) if moves else nn.Identity()
        accelerates = moves and config.acceleration
        self.acc_embed = Scale(config.channels) if accelerates else nn.Identity()

    def forward(self, seen: Seen) -> Float[Tensor, "B T W"]:
        """Return velocities and acceleration side by side; no channels if both are off."""
        before = self.prev_v_embed(seen.current - seen.previous)
        after = self.next_v_embed(seen.next - seen.current)
        terms = [before, after] if self.velocity else []
        if self.acceleration:
            terms.append(self.acc_embed((after - before) ** 2))
        return torch.cat(terms, -1) if terms else seen.current[..., :0]


class Scale(nn.Module):
    """A weight and a bias per channel: a depth-wise convolution of size one."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """Scale and shift every channel."""
        return x * self.weight[:, 0, 0] + self.bias
