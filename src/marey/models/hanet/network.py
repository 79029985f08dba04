"""HANet: the kinematic-aware hierarchical attention network (Jin et al., WACV 2023).

Of a window of noisy poses every N-th frame is sampled. The encoder refines the sampled frames on
`levels` levels, each twice as wide as the one before; the decoder fills in all frames from the
interpolation of what the encoder found, looking at it and at how the sampled frames move.

What the encoder makes of hidden frames never reaches the result when masks are boolean: nothing
looks at them. They are then not computed, which is all of the speed-up; `every_frame` computes them
as the released code does. With `additive_int` masks the decoder does look, and they always are.

Shape letters: B windows, L frames, S sampled frames, T tokens (S or L), C channels, H width.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from marey.core.errors import ShapeError
from marey.models.hanet.config import HANetConfig, check_config, check_window
from marey.models.hanet.filter_bank import START, FilterBank
from marey.models.hanet.kinematics import (
    Motion,
    Seen,
    flow_features,
    hide,
    look,
    mask_joints,
    sampled_frames,
)
from marey.models.hanet.layers import DecoderLayer, EncoderLayer
from marey.models.hanet.positions import sine_positions


class HANet(nn.Module):
    """Refines windows of poses.

    Parameters carry the names of the published checkpoints without their prefix. A new network is
    drawn from torch's generator: what has two axes or more by Xavier's uniform rule.
    """

    def __init__(self, config: HANetConfig):
        """Build the network with random weights.

        Raises:
            InputError: If settings are out of range or contradict one another.
        """
        super().__init__()
        check_config(config)
        self.config = config
        widths = [config.width << level for level in range(config.levels)]
        width, channels = config.width, config.channels

        self.encoder_embed = nn.Linear(config.encoder_terms * channels, width)
        self.encoder = nn.ModuleList(
            EncoderLayer(
                wide,
                heads=config.heads,
                inner=config.inner_width << level,
                dropout=config.dropout,
                pre_norm=config.pre_norm,
            )
            for level, wide in enumerate(widths)
        )
        self.projection = nn.ModuleList(nn.Linear(wide, 2 * wide) for wide in widths[:-1])
        self.encoder_norm = nn.ModuleList(
            nn.LayerNorm(wide) for wide in (widths if config.encoder_norm else [])
        )
        self.offset_refine = nn.ModuleList(nn.Linear(wide, width) for wide in widths)
        self.encoder_joints_embed = nn.Linear(width, channels)

        attends = config.decoder == "attention"
        self.motion = Motion(config) if attends else None
        if attends:
            self.motion_embed = nn.Linear(width + config.motion_terms * channels, width)
            self.decoder_embed = nn.Conv1d(channels, width, kernel_size=5, padding=2)
            self.decoder = nn.ModuleList(
                DecoderLayer(
                    width,
                    heads=config.heads,
                    inner=config.decoder_inner_width,
                    dropout=config.dropout,
                    pre_norm=config.pre_norm,
                )
                for _ in range(config.decoder_layers)
            )
            self.decoder_norm = nn.LayerNorm(width)
            self.decoder_joints_embed = nn.Linear(width, channels)
        self.bank = None
        if config.filter_bank:
            self.bank = FilterBank(width, config.num_joints, config.joint_channels)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)
        if self.bank is not None:
            self.bank.reset()

    def forward(
        self, x: Float[Tensor, "B L C"], *, every_frame: bool = False, trust: float = 1.0
    ) -> tuple[Float[Tensor, "B L C"], Float[Tensor, "B L C"]]:
        """Refine windows.

        Args:
            x: Poses without gaps; L is a multiple of the interval plus one, best the window the
                network was trained on. Cast to the type of the weights.
            every_frame: Whether the encoder also refines hidden frames, of which it saw nothing.
            trust: Factor of what is added to the start; with a filter bank 0 leaves its choices.

        Returns:
            The refined poses, and the encoder's refinement of the sampled frames, from which the
            former start (the loss wants it). On hidden frames the latter is interpolated between
            the sampled ones, or, with `every_frame`, what the released code returns there.

        Raises:
            ShapeError: If `x` has not the network's channels.
            InputError: If a window of L frames does not begin and end with a sampled frame.
        """
        config = self.config
        if x.ndim != 3 or x.shape[-1] != config.channels:
            raise ShapeError(
                f"expected windows of shape (batch, frames, {config.channels}), that is "
                f"{config.num_joints} joints as {config.representation}; got {tuple(x.shape)}"
            )
        check_window(x.shape[1], config.interval)
        # Poses stay float32 where the weights are bfloat16: it has 3 mm at a metre.
        exact = torch.promote_types(self.encoder_embed.weight.dtype, torch.float32)
        seen = look(x.to(exact), config.interval)
        if self.training and config.joint_masking:
            seen = mask_joints(
                seen, probability=config.joint_masking, joint_channels=config.joint_channels
            )
        step = config.interval
        if every_frame or config.mask == "additive_int":
            seen, step = hide(seen, config.interval), 1
        found = self._encode(seen, x.shape[1], step=step)
        filtered = None if self.bank is None else self.bank.filter(x.to(exact))
        base = seen.current if filtered is None else filtered[START][:, ::step]
        refined = _scale(self.encoder_joints_embed(found), trust) + base
        between = interpolate(refined[:, :: config.interval // step], config.interval)
        final = between
        if config.detail or filtered is not None:
            path = x.to(between.dtype) if filtered is None else filtered[START]
            final = final + (path - interpolate(path[:, :: config.interval], config.interval))
        if config.decoder == "attention":
            token = self._decode(final, found, seen, filtered, step=step)
            final = final + _scale(self.decoder_joints_embed(token), trust)
            if self.bank is not None and filtered is not None:
                final = final + (self.bank.mix(filtered, token) - filtered[START])
        return final, (refined if every_frame else between)

    def _encode(self, seen: Seen, num_frames: int, *, step: int) -> Float[Tensor, "B T H"]:
        """Return the mean over the levels; tokens stand for every `step`-th frame."""
        config = self.config
        features = flow_features(seen, flow=config.flow)
        token = self.encoder_embed(features.to(self.encoder_embed.weight.dtype))
        bias = None
        if not config.attend_self:
            bias = _not_self(num_frames, step, config.interval).to(token)
        every, found = config.interval // step, []
        for level, layer in enumerate(self.encoder):
            position = _positions(num_frames, token)[::step]
            offset = self.offset_refine[level]
            assert isinstance(layer, EncoderLayer) and isinstance(offset, nn.Linear)
            if level + 1 == len(self.encoder) and not config.encoder_norm:
                found.append(layer.forward_into(offset, token, position, bias, every=every))
                break
            token = layer(token, position, bias, every=every)
            if config.encoder_norm:
                token = self.encoder_norm[level](token)
            found.append(offset(token))
            if level + 1 < len(self.encoder):
                token = self.projection[level](token)
        return torch.stack(found).mean(0)

    def _decode(
        self,
        between: Float[Tensor, "B L C"],
        found: Float[Tensor, "B T H"],
        seen: Seen,
        filtered: Float[Tensor, "M B L C"] | None,
        *,
        step: int,
    ) -> Float[Tensor, "B L H"]:
        """Return the decoder's tokens, which say what to add to its start."""
        assert self.motion is not None
        dtype, interval = found.dtype, self.config.interval
        memory = self.motion_embed(torch.cat([found, self.motion(seen).to(dtype)], -1))
        bias = None
        if self.config.mask == "additive_int":
            hidden = ~sampled_frames(between.shape[1], interval, memory.device)
            bias = hidden.to(dtype)[None]
        elif step != interval:
            memory, step = memory[:, ::interval], interval
        token = self.decoder_embed(between.to(dtype).mT).mT
        if self.bank is not None and filtered is not None:
            token = token + self.bank.rest(filtered[0], filtered[START])
        position = _positions(between.shape[1], token)
        key = memory + position[::step]
        for layer in self.decoder:
            token = layer(token, position, memory, key, bias)
        return self.decoder_norm(token)


def interpolate(x: Float[Tensor, "B S C"], interval: int) -> Float[Tensor, "B L C"]:
    """Interpolate linearly between sampled frames, which stay exactly what they are."""
    weight = torch.arange(interval, dtype=x.dtype, device=x.device)[:, None] / interval
    between = torch.lerp(x[:, :-1, None], x[:, 1:, None], weight)
    return torch.cat([between.flatten(1, 2), x[:, -1:]], 1)


def _scale(x: Float[Tensor, "B T C"], factor: float) -> Float[Tensor, "B T C"]:
    return x if factor == 1 else factor * x


def _positions(num_frames: int, like: Float[Tensor, "B T D"]) -> Float[Tensor, "L D"]:
    return sine_positions(num_frames, like.shape[-1]).to(like)


def _not_self(num_frames: int, step: int, interval: int) -> Float[Tensor, "T S"]:
    """Return minus infinity where a token would look at its own frame, 0 elsewhere."""
    token = torch.arange(0, num_frames, step)
    sampled = torch.arange(0, num_frames, interval)
    return torch.where(token[:, None] == sampled, -torch.inf, 0.0)
