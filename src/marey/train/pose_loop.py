"""Training SegPose2D: the same bits for the same seed, also after a kill (see `marey.train.loop`).

AdamW with a learning rate that falls from the head to the patches, block by block (layer decay),
no weight decay for biases, norms and positions, gradients clipped, a linear warm-up and steps down
at given epochs. The loss is the mean squared error of the heat maps of labelled points.
"""

import json
import time as clock
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.models.segpose import SegPose, SegPoseConfig
from marey.train.checkpoint import load_state, save_state
from marey.train.metrics_log import MetricsLog
from marey.train.pose_crops import CropBatch, PoseCrops

STATE = "state.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseTraining:
    """How a SegPose2D is trained; the defaults are the published numbers.

    Raises:
        InputError: If there are no steps.
    """

    network: SegPoseConfig
    steps_per_epoch: int
    epochs: int = 250
    rate: float = 5e-4
    layer_decay: float = 0.8
    weight_decay: float = 0.1
    clip: float = 1.0
    warmup_steps: int = 500
    warmup_from: float = 0.001
    """Share of the rate with which the warm-up begins."""
    milestones: tuple[int, ...] = (170, 200, 230)
    """Epochs at which the rate falls to a tenth."""
    seed: int = 0
    device: str = "cpu"
    log_every: int = 50
    save_every: int = 500

    def __post_init__(self) -> None:
        if self.steps_per_epoch < 1 or self.epochs < 1:
            raise InputError("a training needs at least one epoch of one step")

    def rate_at(self, step: int) -> float:
        """Return the learning rate of the head in a step, counted from 0."""
        warm = 1.0
        if step < self.warmup_steps:
            warm = self.warmup_from + (1 - self.warmup_from) * step / self.warmup_steps
        passed = sum(step // self.steps_per_epoch >= epoch for epoch in self.milestones)
        return self.rate * warm * 0.1**passed


def train_pose(
    options: PoseTraining,
    crops: PoseCrops,
    folder: Path,
    *,
    data: str,
    begin: SegPose | None = None,
    progress: Progress = silent,
    validate: Callable[[SegPose], dict[str, float]] | None = None,
) -> SegPose:
    """Train, or go on with a training, and return the network in evaluation mode.

    Args:
        options: How.
        crops: What to learn from.
        folder: Where state and `metrics.jsonl` are kept; made if it does not exist.
        data: Says which data these are; a training is only continued with the same.
        begin: The network to begin with, such as plain ViTPose with a silent mask branch.
        progress: Called after every step as stage `train`.
        validate: Measures the network at the end of every epoch; its figures are logged.

    Raises:
        InputError: If the folder holds another training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    network = SegPose(options.network)
    if begin is not None:
        network.load_state_dict(begin.state_dict())
    network.to(options.device)
    optimizer = make_optimizer(network, options)
    identity = describe_pose_training(options, data)
    state, done = folder / STATE, 0
    if state.exists():
        done = load_state(state, network, optimizer, identity=identity)
    log, started = MetricsLog(folder, step=done, tensorboard=False), clock.perf_counter()
    total, recent = options.epochs * options.steps_per_epoch, []
    for step in range(done, total):
        torch.manual_seed(options.seed + 7919 * (step + 1))
        recent.append(_step(options, network, optimizer, crops.draw(options.seed, step), step))
        count = step + 1
        progress("train", count, total)
        if count % options.log_every == 0 or count == total:
            seconds = (clock.perf_counter() - started) / (count - done)
            figures = {"loss": sum(recent) / len(recent), "rate": options.rate_at(step)}
            log.write(count, figures | {"seconds_left": seconds * (total - count)})
            recent.clear()
        if validate is not None and count % options.steps_per_epoch == 0:
            log.write(count, validate(network.eval()))
        if count % options.save_every == 0 or count == total:
            save_state(state, network, optimizer, step=count, identity=identity)
    return network.cpu().eval()


def describe_pose_training(options: PoseTraining, data: str) -> str:
    """Return what a training is as one line of JSON."""
    settings = asdict(options)
    for name in ("log_every", "save_every", "device"):
        del settings[name]
    return json.dumps({"data": data, **settings}, sort_keys=True)


def make_optimizer(network: SegPose, options: PoseTraining) -> torch.optim.AdamW:
    """Return AdamW with a group of parameters for each layer, with and without weight decay.

    Each group's `share` is what the rate is multiplied by.
    """
    groups: dict[tuple[int, bool], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        bare = parameter.ndim <= 1 or "pos_embed" in name
        groups.setdefault((find_layer(name, network.config), bare), []).append(parameter)
    last = network.config.depth + 1
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "share": options.layer_decay ** (last - layer),
                "weight_decay": 0.0 if bare else options.weight_decay,
            }
            for (layer, bare), parameters in groups.items()
        ],
        lr=options.rate,
        betas=(0.9, 0.999),
    )


def find_layer(name: str, config: SegPoseConfig) -> int:
    """Return the layer of a parameter: 0 for patches and positions, then the blocks, the head last.

    A mask block counts as the main block after which it is added.
    """
    parts = name.split(".")
    if parts[0] != "backbone" or parts[1] == "last_norm":
        return config.depth + 1
    if parts[1] == "blocks":
        return 1 + int(parts[2])
    if parts[1] == "blocks_seg":
        return 1 + config.first_mask_block + int(parts[2])
    return 0


def heatmap_loss(found: Float[Tensor, "B K h w"], batch: CropBatch) -> Float[Tensor, ""]:
    """Return the mean squared error over cells, points and crops; points without label count 0."""
    return ((found - batch.heatmaps).square() * batch.weight[..., None, None]).mean()


def _step(
    options: PoseTraining,
    network: SegPose,
    optimizer: torch.optim.Optimizer,
    batch: CropBatch,
    step: int,
) -> float:
    network.train()
    for group in optimizer.param_groups:
        group["lr"] = options.rate_at(step) * group["share"]
    moved = _move(batch, options.device)
    loss = heatmap_loss(network(moved.picture, moved.mask), moved)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), options.clip)
    optimizer.step()
    return float(loss.detach())


def _move(batch: CropBatch, device: str) -> CropBatch:
    return CropBatch(
        picture=batch.picture.to(device),
        mask=None if batch.mask is None else batch.mask.to(device),
        heatmaps=batch.heatmaps.to(device),
        weight=batch.weight.to(device),
    )
