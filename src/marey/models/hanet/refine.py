"""A whole sequence through a HANet: gaps, windows in batches, merging.

Nothing is silently made up: the result says which frames were bridged, which are lost (and NaN),
and whether windows had to be padded or the frame rate changed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float

from marey.core.errors import InputError, ShapeError
from marey.models.hanet.config import HANetConfig
from marey.models.hanet.gaps import fill_gaps, find_stretches
from marey.models.hanet.network import HANet
from marey.models.hanet.representations import enter, leave
from marey.models.hanet.resample import from_rate, to_rate
from marey.models.hanet.windows import Tail, merge_windows, window_starts

_RATE_TOLERANCE = 0.02
"""Relative difference of frame rates that is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineOptions:
    """How a sequence goes through a network."""

    step: int | None = None
    """Frames from one window to the next; half a window if None, in whole intervals."""
    batch: int = 16
    """Windows at once; beyond some 32 the cores' caches are too small and it becomes slower."""
    tail: Tail = "aligned"
    pad: Literal["repeat", "zeros"] = "repeat"
    """What a sequence shorter than a window is continued with: its last frame, or, as in the
    released evaluation, zeros."""
    max_gap: int = 15
    """Frames of the longest gap that is bridged: half a second at 30 frames per second."""
    trust: float = 1.0
    """Share, 0 to 1, of the corrections that a network with a filter bank adds to its choice of
    filters; less for input with less noise than it learned from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """A refined sequence and what has to be known about it."""

    position: Float[np.ndarray, "T K D"]
    """NaN where a joint is lost."""
    bridged: Bool[np.ndarray, "T K"]
    """The input had a short gap here, which was interpolated before refining."""
    lost: Bool[np.ndarray, "T K"]
    """The input had a long gap here, or had not begun or had ended, or no window came here."""
    padded: Bool[np.ndarray, "T"]
    """The stretch around this frame is shorter than a window and was continued for the network."""
    network_fps: float | None
    """The frame rate the sequence was brought to and back from; None if it kept its own."""


def refine_sequence(
    network: HANet,
    sequence: Float[np.ndarray, "T *joint"],
    *,
    fps: float | None = None,
    options: RefineOptions | None = None,
) -> Refined:
    """Refine one person's motion.

    Args:
        network: The network; put it into evaluation mode (`load_hanet` does).
        sequence: Frames, joints, and the channels of the network's representation (T K D); a joint
            with NaN is missing.
        fps: Frame rate of the sequence. If it and the network's are known and differ by more than
            2 %, the motion is resampled for the network and back.
        options: Defaults if None.

    Raises:
        ShapeError: If the joints or their channels are not the network's.
        InputError: If nothing is there to refine, a value is infinite, an option is out of range,
            or the network is in training mode.
    """
    options = options or RefineOptions()
    config = network.config
    _check(network, sequence, fps, options)
    rate = None
    if fps and config.fps and abs(fps / config.fps - 1) > _RATE_TOLERANCE:
        rate = fps / config.fps
    joints = np.all(np.isfinite(sequence), axis=-1)
    position = np.full(sequence.shape, np.nan, np.float32)
    bridged = np.zeros(joints.shape, bool)
    padded = np.zeros(len(sequence), bool)
    for stretch in find_stretches(np.any(joints, axis=1), max_gap=options.max_gap):
        filled = fill_gaps(sequence[stretch].astype(np.float32), max_gap=options.max_gap)
        whole = enter(filled.position, config.representation)
        at_rate = whole if rate is None else to_rate(whole, rate)
        refined = _refine_whole(network, at_rate, options)
        if rate is not None:
            refined = from_rate(refined, rate, len(whole))
        refined = leave(refined, config.representation)
        position[stretch] = np.where(filled.lost[..., None], np.nan, refined)
        bridged[stretch] = filled.bridged
        padded[stretch] = len(at_rate) < config.window
    return Refined(
        position=position.astype(sequence.dtype),
        bridged=bridged,
        lost=np.any(np.isnan(position), axis=-1),
        padded=padded,
        network_fps=None if rate is None else config.fps,
    )


def _refine_whole(
    network: HANet, sequence: Float[np.ndarray, "T K D"], options: RefineOptions
) -> Float[np.ndarray, "T K D"]:
    """Refine a stretch without gaps."""
    config, num_frames = network.config, len(sequence)
    x = sequence.reshape(num_frames, -1)
    missing = max(config.window - num_frames, 0)
    x = np.pad(x, ((0, missing), (0, 0)), mode="edge" if options.pad == "repeat" else "constant")
    step = options.step or _half_window(config)
    starts = window_starts(len(x), config.window, step=step, tail=options.tail)
    device = network.encoder_embed.weight.device
    windows = np.lib.stride_tricks.sliding_window_view(x, config.window, 0)
    parts = []
    with torch.inference_mode():
        for first in range(0, len(starts), options.batch):
            # Copied batch by batch: all windows together can be many times the sequence.
            part = windows[starts[first : first + options.batch]].swapaxes(1, 2)
            seen = torch.from_numpy(np.ascontiguousarray(part)).to(device)
            final, _ = network(seen, trust=options.trust)
            parts.append(final.float().cpu().numpy())
    merged = merge_windows(np.concatenate(parts), starts, len(x))
    return merged[:num_frames].reshape(sequence.shape)


def _half_window(config: HANetConfig) -> int:
    intervals = (config.window - 1) // config.interval
    return max(intervals // 2, 1) * config.interval


def _check(network: HANet, sequence: np.ndarray, fps: float | None, options: RefineOptions) -> None:
    config = network.config
    if network.training:
        raise InputError("the network is in training mode, with dropout; call `.eval()` first")
    check_joints(config, sequence.shape[1:], sequence.ndim == 3)
    if np.isinf(sequence).any():
        raise InputError("the sequence has infinite values; mark what is missing as NaN")
    if not np.all(np.isfinite(sequence), axis=-1).any():
        raise InputError("the sequence has no frame with a joint; there is nothing to refine")
    if fps is not None and not 0 < fps < 1e6:
        raise InputError(f"the frame rate must be positive, but is {fps}")
    for name in ("step", "batch"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise InputError(f"`{name}` must be at least 1, but is {value}")
    if options.max_gap < 0:
        raise InputError(f"`max_gap` must not be negative, but is {options.max_gap}")
    if not 0 <= options.trust <= 1:
        raise InputError(f"`trust` must be 0 to 1, but is {options.trust}")
    if options.trust < 1 and not config.filter_bank:
        raise InputError("`trust` is of networks with a filter bank; this one has none")


def check_joints(config: HANetConfig, shape: tuple[int, ...], right_axes: bool = True) -> None:
    """Refuse poses that are not the network's.

    Raises:
        ShapeError: If the joints or their channels differ.
    """
    if not right_axes or shape != (config.num_joints, config.joint_channels):
        raise ShapeError(
            f"the network refines {config.num_joints} joints of {config.joint_channels} values "
            f"({config.representation}); got poses of shape {shape}; convert the skeleton by "
            "name first, or take the network made for it"
        )
