"""HANet written straight down, all tokens, time first, with torch's own attention modules.

It does the arithmetic of the released code (but for the position embedding, which that makes anew
every time) and carries its parameter names, so it is the oracle of
the network, the baseline of its speed, and a maker of checkpoints in the published layout. It knows
none of the settings the released code does not have.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from marey.models.hanet import HANetConfig


class PlainHANet(nn.Module):
    def __init__(self, config: HANetConfig):
        super().__init__()
        self.config = config
        self.transformer = PlainTransformer(config)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.transformer(x.float())


class PlainTransformer(nn.Module):
    def __init__(self, config: HANetConfig):
        super().__init__()
        self.config = config
        width, channels = config.width, config.channels
        widths = [width * 2**level for level in range(config.levels)]
        self.decoder_embed = nn.Conv1d(channels, width, 5, padding=2)
        self.encoder_embed = nn.Linear(4 * channels, width)
        self.motion_embed = nn.Linear(width + 3 * channels, width)
        for name in ("prev_v_embed", "next_v_embed", "acc_embed"):
            setattr(self, name, nn.Conv1d(channels, channels, 1, groups=channels))
        self.encoder = nn.ModuleList(PlainEncoder(config, level) for level in range(config.levels))
        self.projection = nn.ModuleList(nn.Linear(wide, 2 * wide) for wide in widths)
        self.offset_refine = nn.ModuleList(nn.Conv1d(wide, width, 1) for wide in widths)
        if config.pre_norm:
            self.encoder_norm = nn.ModuleList(nn.LayerNorm(wide) for wide in widths)
        self.decoder = PlainDecoder(config)
        self.decoder_joints_embed = nn.Linear(width, channels)
        self.encoder_joints_embed = nn.Linear(width, channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        config, frames = self.config, x.shape[1]
        hidden = torch.arange(frames) % config.interval != 0
        seen = (~hidden).float()[None, :, None]
        current = x * seen
        previous = torch.cat([x[:, :1], x[:, :-1]], 1) * seen
        following = torch.cat([x[:, 1:], x[:, -1:]], 1) * seen
        flow = (previous + current + following) / 3
        padding = hidden.expand(len(x), frames)

        token = self.encoder_embed(torch.cat([flow, current, previous, following], -1))
        token = token.transpose(0, 1)
        found = []
        for level, layer in enumerate(self.encoder):
            token = layer(token, padding)
            found.append(self.offset_refine[level](token.permute(1, 2, 0)).permute(2, 0, 1))
            token = self.projection[level](token)
        memory = torch.stack(found).mean(0)
        refined = self.encoder_joints_embed(memory).transpose(0, 1) + current

        v_prev = self.prev_v_embed((current - previous).mT)
        v_next = self.next_v_embed((following - current).mT)
        acceleration = self.acc_embed((v_next - v_prev) ** 2)
        motion = torch.cat([v_prev, v_next, acceleration], 1).permute(2, 0, 1)
        memory = self.motion_embed(torch.cat([memory, motion], -1))

        between = functional.interpolate(
            refined[:, :: config.interval].mT, size=frames, mode="linear", align_corners=True
        )
        query = self.decoder_embed(between).permute(2, 0, 1)
        if config.mask == "additive_int":
            padding = padding.float()
        decoded = self.decoder(query, memory, padding).transpose(0, 1)
        return self.decoder_joints_embed(decoded) + between.mT, refined


class PlainEncoder(nn.Module):
    def __init__(self, config: HANetConfig, level: int):
        super().__init__()
        width = config.width * 2**level
        self.layers = nn.ModuleList([PlainEncoderLayer(config, width, level)])

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        return self.layers[0](x, padding)


class PlainEncoderLayer(nn.Module):
    def __init__(self, config: HANetConfig, width: int, level: int):
        super().__init__()
        self.pre_norm = config.pre_norm
        self.self_attn = nn.MultiheadAttention(width, config.heads, config.dropout)
        self.linear1 = nn.Linear(width, config.inner_width * 2**level)
        self.linear2 = nn.Linear(config.inner_width * 2**level, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        if self.pre_norm:
            x = x + self.attend(self.norm1(x), padding)
            return x + self.feed(self.norm2(x))
        x = self.norm1(x + self.attend(x, padding))
        return self.norm2(x + self.feed(x))

    def attend(self, x: Tensor, padding: Tensor) -> Tensor:
        q = x + sine(*x.shape[::2])[:, None]
        itself = torch.eye(len(x), dtype=torch.bool)
        return self.self_attn(q, q, x, attn_mask=itself, key_padding_mask=padding)[0]

    def feed(self, x: Tensor) -> Tensor:
        return self.linear2(functional.leaky_relu(self.linear1(x)))


class PlainDecoder(nn.Module):
    def __init__(self, config: HANetConfig):
        super().__init__()
        self.layers = nn.ModuleList(PlainDecoderLayer(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, memory: Tensor, padding: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, memory, padding)
        return self.norm(x)


class PlainDecoderLayer(nn.Module):
    def __init__(self, config: HANetConfig):
        super().__init__()
        width = config.width
        self.pre_norm = config.pre_norm
        self.self_attn = nn.MultiheadAttention(width, config.heads, config.dropout)
        self.multihead_attn = nn.MultiheadAttention(width, config.heads, config.dropout)
        self.linear1 = nn.Linear(width, config.decoder_inner_width)
        self.linear2 = nn.Linear(config.decoder_inner_width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(self, x: Tensor, memory: Tensor, padding: Tensor) -> Tensor:
        if self.pre_norm:
            x = x + self.attend(self.norm1(x))
            x = x + self.recall(self.norm2(x), memory, padding)
            return x + self.feed(self.norm3(x))
        x = self.norm1(x + self.attend(x))
        x = self.norm2(x + self.recall(x, memory, padding))
        return self.norm3(x + self.feed(x))

    def attend(self, x: Tensor) -> Tensor:
        q = x + sine(*x.shape[::2])[:, None]
        return self.self_attn(q, q, x)[0]

    def recall(self, x: Tensor, memory: Tensor, padding: Tensor) -> Tensor:
        position = sine(*x.shape[::2])[:, None]
        return self.multihead_attn(
            x + position, memory + position, memory, key_padding_mask=padding
        )[0]

    def feed(self, x: Tensor) -> Tensor:
        return self.linear2(functional.leaky_relu(self.linear1(x)))


@lru_cache
def sine(frames: int, width: int) -> Tensor:
    """Return the position embedding entry by entry's definition."""
    turn = torch.arange(frames) / (frames - 1 + 1e-6) * 2 * math.pi
    embedding = torch.zeros(frames, width)
    for channel in range(width):
        angle = turn / 10000 ** (2 * (channel // 2) / (width // 2))
        embedding[:, channel] = angle.cos() if channel % 2 else angle.sin()
    return embedding
