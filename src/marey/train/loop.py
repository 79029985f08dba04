"""The training loop of HANet: the same bits for the same seed, also after a kill.

Every step draws its batch from the seed and its own number and reseeds torch for dropout, so a step
depends on the state before it and nothing else. The state is written whole every `save_every`
steps; whatever ends the process, the same call goes on from there.
"""

import hashlib
import json
import time as clock
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from marey.core.progress import Progress, silent
from marey.models.hanet import (
    HANet,
    HANetConfig,
    LossOptions,
    Schedule,
    hanet_loss,
    sampled_frames,
)
from marey.train.checkpoint import load_state, load_weights, save_state
from marey.train.metrics_log import MetricsLog

STATE = "state.safetensors"
PEAK_SHARE = 0.02


@runtime_checkable
class Pairs(Protocol):
    """Draws batches of noisy and true windows; NaN in the truth counts nowhere."""

    def draw(self, seed: int, step: int) -> tuple[Float[Tensor, "B L C"], Float[Tensor, "B L C"]]:
        """Return the batch of a step."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """How a HANet is trained."""

    network: HANetConfig
    schedule: Schedule
    loss: LossOptions = field(default_factory=LossOptions)
    velocity: float = 0.0
    """Weight of the mean absolute error of the result's change per frame, beside the paper's loss.
    Acceleration errors fall with it and fast motion keeps its speed."""
    fast: float = 0.0
    """How much more the velocity term counts per unit and second of true speed of a joint: a fast
    moment is rare, and a network that flattens it would hardly lose by it."""
    on_points: bool = False
    """Whether velocity, fast and peak are of the points that `train`'s `place` makes of channels:
    what moves fast is a hand, not one joint's rotation."""
    position: float = 0.0
    """Weight of these points' mean absolute error, m."""
    peak: float = 0.0
    """Weight of the share of speed that the fastest `PEAK_SHARE` of a batch lose along their true
    direction. Mean errors hardly notice it: to flatten a fast moment is the safest guess."""
    peak_of: Literal["all", "joint"] = "all"
    """Whether what one joint loses another may win, or every joint counts by itself."""
    start_from_input: bool = False
    """Whether the output layers start at zero, so that training begins with the interpolated input
    and not with noise of the network's own; the released code draws them as all others."""
    seed: int = 4321
    """The published one."""
    weight_decay: float = 1e-2
    log_every: int = 50
    validate_every: int = 250
    save_every: int = 200


Place = Callable[[Float[Tensor, "B L C"]], Float[Tensor, "B L K 3"]]
Validate = Callable[[HANet], dict[str, float]]


def train(  # noqa: PLR0913
    options: TrainOptions,
    pairs: Pairs,
    folder: Path,
    *,
    data: str,
    validate: Validate | None = None,
    progress: Progress = silent,
    tensorboard: bool = False,
    place: Place | None = None,
    begin: Path | None = None,
    until: int | None = None,
) -> HANet:
    """Train, or go on with a training, and return the network in evaluation mode.

    Args:
        options: What and how.
        pairs: What to learn from.
        folder: Where state and `metrics.jsonl` are kept; made if it does not exist.
        data: Says which data these are; a training is only continued with the same.
        validate: Measures the network now and then; its figures are logged.
        progress: Called after every step as stage `train`; listeners derive the time left.
        tensorboard: Whether to write figures for TensorBoard too.
        place: Makes points of channels, for `on_points`.
        begin: State of another training whose weights this one begins with.
        until: Stop after this many steps of the schedule.

    Raises:
        InputError: If the folder holds another training.
        MissingExtraError: If TensorBoard is wanted and absent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    network = HANet(options.network)
    if options.start_from_input:
        _zero_outputs(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=1.0, weight_decay=options.weight_decay, amsgrad=True, fused=True
    )
    if begin is not None:
        data += " begins with " + hashlib.sha256(begin.read_bytes()).hexdigest()
        load_weights(begin, network)
    identity = describe_training(options, data)
    state, done = folder / STATE, 0
    if state.exists():
        done = load_state(state, network, optimizer, identity=identity)
    log = MetricsLog(folder, step=done, tensorboard=tensorboard)
    started, total = clock.perf_counter(), options.schedule.total_steps
    total = total if until is None else min(until, total)
    recent: list[float] = []
    for step in range(done, total):
        recent.append(_step(options, network, optimizer, pairs, step, place))
        count = step + 1
        progress("train", count, total)
        if count % options.log_every == 0 or count == total:
            seconds = (clock.perf_counter() - started) / (count - done)
            figures = {"loss": sum(recent) / len(recent), "rate": options.schedule.rate(step)}
            log.write(count, figures | {"seconds_left": seconds * (total - count)})
            recent.clear()
        if validate is not None and (count % options.validate_every == 0 or count == total):
            log.write(count, validate(network.eval()))
        if count % options.save_every == 0 or count == total:
            save_state(state, network, optimizer, step=count, identity=identity)
    return network.eval()


def describe_training(options: TrainOptions, data: str) -> str:
    """Return what a training is as one line of JSON; how often it logs is no part of it."""
    settings: dict[str, Any] = asdict(options)
    for name in ("log_every", "validate_every", "save_every"):
        del settings[name]
    return json.dumps({"data": data, **settings}, sort_keys=True)


def _zero_outputs(network: HANet) -> None:
    layers = [network.encoder_joints_embed]
    if network.config.decoder == "attention":
        layers.append(network.decoder_joints_embed)
    for layer in layers:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)


def _step(
    options: TrainOptions,
    network: HANet,
    optimizer: torch.optim.Optimizer,
    pairs: Pairs,
    step: int,
    place: Place | None,
) -> float:
    noisy, clean = pairs.draw(options.seed, step)
    torch.manual_seed(options.seed + 7919 * (step + 1))
    network.train()
    for group in optimizer.param_groups:
        group["lr"] = options.schedule.rate(step)
    final, refined = network(noisy)
    loss = total_loss(options, final, refined, clean, place)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def total_loss(
    options: TrainOptions,
    final: Float[Tensor, "B L C"],
    refined: Float[Tensor, "B L C"],
    clean: Float[Tensor, "B L C"],
    place: Place | None = None,
) -> Float[Tensor, ""]:
    """Return the paper's loss and, if wanted, that of velocities."""
    sampled = sampled_frames(final.shape[1], options.network.interval, final.device)[None]
    loss = hanet_loss(
        final,
        refined,
        clean,
        sampled=sampled,
        options=options.loss,
        joint_channels=options.network.joint_channels,
    ).total
    if not options.velocity and not options.peak and not options.position:
        return loss
    channels = options.network.joint_channels
    if options.on_points and place is not None:
        final, clean = place(final).flatten(2), place(clean).flatten(2)
        channels = 3
        loss = loss + options.position * (final - clean).nan_to_num().abs().mean()
    steps = clean.diff(dim=1)
    error = (final.diff(dim=1) - steps).nan_to_num().abs()
    if options.fast:
        joints = steps.nan_to_num().unflatten(-1, (-1, channels))
        speed = joints.norm(dim=-1, keepdim=True) * (options.network.fps or 1.0)
        error = (error.unflatten(-1, joints.shape[-2:]) * (1 + options.fast * speed)).flatten(-2)
    # As the paper's terms, a mean over windows, frames and channels.
    loss = loss + options.velocity * error.mean()
    if not options.peak:
        return loss
    each = options.peak_of == "joint"
    return loss + options.peak * _lost_speed(final, clean, channels, each=each)


def _lost_speed(
    final: Float[Tensor, "B L C"],
    clean: Float[Tensor, "B L C"],
    joint_channels: int,
    *,
    each: bool,
) -> Float[Tensor, ""]:
    """Return the share of speed lost (or won, likewise) at the fastest moments of the batch."""
    ours, theirs = (
        x.diff(dim=1).nan_to_num().unflatten(-1, (-1, joint_channels)) for x in (final, clean)
    )
    num_joints = ours.shape[-2]
    ours, theirs = ours.flatten(0, 2), theirs.flatten(0, 2)
    speed = theirs.norm(dim=-1)
    fastest = speed.topk(max(round(PEAK_SHARE * len(speed)), 1)).indices
    ours, theirs, speed = ours[fastest], theirs[fastest], speed[fastest]
    lost = speed - (ours * theirs).sum(-1) / speed.clamp_min(1e-9)
    if each:
        lost = lost.new_zeros(num_joints).index_add(0, fastest % num_joints, lost)
    else:
        lost = lost.sum()
    return lost.abs().sum() / speed.sum().clamp_min(1e-9)
