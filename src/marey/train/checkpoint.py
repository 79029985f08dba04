"""The whole state of a training on disk: two files a kill can never leave half-written.

Weights and the optimiser's moments are one safetensors file; its metadata hold the step and what
the training is, so that another training is not continued by mistake. All randomness is drawn from
seed and step, so nothing else needs to be kept for a resumed run to end with the same bits.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from marey.core.errors import FormatError, InputError
from marey.core.files import atomic_path

_FORMAT = "marey-training-1"


def save_state(
    path: Path, network: nn.Module, optimizer: Optimizer, *, step: int, identity: str
) -> None:
    """Write the state after `step` steps, whole or not at all."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    state = optimizer.state_dict()["state"]
    for number, moments in state.items():
        for name, value in moments.items():
            tensors[f"optimizer.{number}.{name}"] = torch.as_tensor(value)
    metadata = {"format": _FORMAT, "step": json.dumps(step), "identity": identity}
    with atomic_path(path) as temporary:
        save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, metadata)


def load_state(path: Path, network: nn.Module, optimizer: Optimizer, *, identity: str) -> int:
    """Put network and optimiser where `save_state` left them.

    Args:
        path: The file.
        network: As it was made for the training.
        optimizer: Likewise, fresh.
        identity: What this training is.

    Returns:
        How many steps are done.

    Raises:
        FormatError: If the file is damaged.
        InputError: If it belongs to another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise FormatError(
            f"the state {path} is damaged ({error}); delete it to train from the beginning"
        ) from error
    if metadata.get("format") != _FORMAT:
        raise FormatError(f"{path} is no state of a training of marey")
    if metadata.get("identity") != identity:
        raise InputError(
            f"{path.parent} holds another training (other settings or data); choose another "
            "folder, or delete it"
        )
    _load_optimizer(optimizer, tensors)
    network.load_state_dict(_below("network.", tensors))
    return int(json.loads(metadata["step"]))


def load_weights(path: Path, network: nn.Module) -> None:
    """Put the weights of another training's state into a network.

    Raises:
        FormatError: If the file is damaged or of another network.
    """
    try:
        network.load_state_dict(_below("network.", load_file(path)))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise FormatError(f"the state {path} does not fit this network ({error})") from error


def _load_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    moments: dict[int, dict[str, Any]] = {}
    for name, tensor in _below("optimizer.", tensors).items():
        number, moment = name.split(".")
        moments.setdefault(int(number), {})[moment] = tensor
    state = optimizer.state_dict()
    optimizer.load_state_dict({"state": moments, "param_groups": state["param_groups"]})


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
