"""The settings of a HANet, and which of them belong together."""

from dataclasses import dataclass
from typing import Literal, get_args

from marey.core.errors import InputError

Representation = Literal["2d", "3d", "6d", "axis-angle", "values"]
"""What the channels of one joint are: image x and y over the image's width and height; metres from
the root; the first two columns of a rotation matrix, interleaved; a rotation vector in rad; or one
value without a meaning."""
MaskMode = Literal["bool", "additive_int"]
"""What the decoder does with frames the encoder may not see. `bool` hides them, as the paper says.
`additive_int` adds 1 to their logits and hides none: the released code under torch 1.9 to 1.11,
with which the published checkpoints were most probably trained."""

JOINT_CHANNELS: dict[Representation, int] = {
    "2d": 2,
    "3d": 3,
    "6d": 6,
    "axis-angle": 3,
    "values": 1,
}
MAX_WIDTH, MAX_LEVELS, MAX_WINDOW, MAX_JOINTS = 4096, 10, 4096, 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class HANetConfig:
    """What a HANet is; with the weights it is all that is needed to run one."""

    representation: Representation
    num_joints: int
    joints: tuple[str, ...] = ()
    """Names of the joints in order; empty where they are unknown."""
    fps: float | None = None
    """Frames per second of the motion it was trained on; None if unknown."""

    interval: int = 5
    """N: every N-th frame is sampled, the others are hidden from the encoder."""
    window: int = 101
    """L: frames of a window, a multiple of the interval plus one."""

    width: int = 128
    """H: channels of a token at the first level; each level doubles them."""
    levels: int = 5
    """Levels of the encoder."""
    decoder_layers: int = 5
    heads: int = 4
    feedforward: int | None = None
    """Inner width of the first level's feed-forward network, doubled by each level; 4 H if None."""
    decoder_feedforward: int | None = None
    """The same of the decoder; as `feedforward` if None."""
    pre_norm: bool = True
    """Layer norms before attention and feed-forward (3D configurations) or after (others)."""
    dropout: float = 0.1

    mask: MaskMode = "bool"
    flow: bool = True
    """Show the encoder the neighbours of sampled frames and the mean of the three."""
    velocity: bool = True
    """Give the decoder the velocity on either side of a sampled frame."""
    acceleration: bool = True
    """Give the decoder the squared change of that velocity."""
    weight_bias: bool = True
    """Learn a weight and a bias per channel of velocity and acceleration."""
    attend_self: bool = False
    """Let encoder tokens attend to themselves; they do not in the paper's network."""
    encoder_norm: bool = False
    """Apply the layer norm that pre-norm models carry behind each level and never apply."""
    decoder: Literal["attention", "interpolation"] = "attention"
    """`interpolation` ends with the sampled frames' refinement, interpolated (an ablation)."""
    detail: bool = False
    """Let the decoder start from what the input itself does between sampled frames, added to the
    interpolation, and not from straight lines (not in the paper): fast motion there survives."""
    filter_bank: bool = False
    """Start from a Gaussian of the input, and let the decoder choose between that, other Gaussians,
    a median and the input itself for every joint and frame (`filter_bank`; not in the paper)."""
    joint_masking: float = 0.0
    """Probability with which a joint of a sampled frame is hidden in training (M-HANet)."""

    @property
    def joint_channels(self) -> int:
        """Channels per joint."""
        return JOINT_CHANNELS[self.representation]

    @property
    def channels(self) -> int:
        """C: channels per frame."""
        return self.num_joints * self.joint_channels

    @property
    def inner_width(self) -> int:
        """F: width inside the first level's feed-forward network."""
        return 4 * self.width if self.feedforward is None else self.feedforward

    @property
    def decoder_inner_width(self) -> int:
        """Width inside the decoder's feed-forward networks."""
        given = self.decoder_feedforward
        return self.inner_width if given is None else given

    @property
    def encoder_terms(self) -> int:
        """How often C goes into an encoder token."""
        return 4 if self.flow else 1

    @property
    def motion_terms(self) -> int:
        """How often C goes into the decoder's memory beside the encoder's output."""
        return 2 * self.velocity + self.acceleration


def check_config(config: HANetConfig) -> None:
    """Refuse settings no network can be built from.

    Raises:
        InputError: If a setting is out of its range, or does not fit another one.
    """
    for name, highest in (
        ("num_joints", MAX_JOINTS),
        ("interval", MAX_WINDOW),
        ("window", MAX_WINDOW),
        ("width", MAX_WIDTH),
        ("levels", MAX_LEVELS),
        ("decoder_layers", MAX_LEVELS),
        ("heads", MAX_WIDTH),
        ("inner_width", 4 * MAX_WIDTH),
        ("decoder_inner_width", 4 * MAX_WIDTH),
    ):
        value = getattr(config, name)
        _require(1 <= value <= highest, f"{name} must be 1 to {highest}, but is {value}")
    if config.representation not in get_args(Representation):
        known = ", ".join(get_args(Representation))
        raise InputError(f"representation must be one of {known}; got {config.representation!r}")
    if config.mask not in get_args(MaskMode):
        raise InputError(f"mask must be `bool` or `additive_int`; got {config.mask!r}")
    _require(
        config.decoder in ("attention", "interpolation"),
        f"decoder must be `attention` or `interpolation`; got {config.decoder!r}",
    )
    _require(
        config.width % config.heads == 0,
        f"the width ({config.width}) must be a multiple of the heads ({config.heads})",
    )
    _require(config.width % 2 == 0, f"the width must be even, but is {config.width}")
    _require(0 <= config.dropout < 1, f"dropout must be 0 to 1, but is {config.dropout}")
    _require(
        0 <= config.joint_masking < 1,
        f"joint_masking must be 0 to 1, but is {config.joint_masking}",
    )
    _require(
        not ((config.detail or config.filter_bank) and config.joint_masking),
        "joint_masking hides nothing from a network with `detail` or `filter_bank`, which sees "
        "every frame; switch one of them off",
    )
    _require(
        not config.joints or len(config.joints) == config.num_joints,
        f"{len(config.joints)} joint names were given for {config.num_joints} joints",
    )
    _require(
        config.fps is None or 0 < config.fps < 1e6, f"fps must be positive, but is {config.fps}"
    )
    check_window(config.window, config.interval)


def check_window(window: int, interval: int) -> None:
    """Refuse a number of frames that does not begin and end with a sampled one.

    Raises:
        InputError: Unless `window` is a multiple of `interval` plus one, and more than one.
    """
    if window <= 1 or (window - 1) % interval:
        below = max((window - 1) // interval, 1) * interval + 1
        raise InputError(
            f"a window must be a multiple of the interval ({interval}) plus one and hold at least "
            f"two sampled frames, but has {window} frames; use {below}"
        )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InputError(message)
