"""Small networks and inputs for the tests."""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from marey.models.hanet import HANet, HANetConfig, Untold, import_state
from tests.models.hanet.plain import PlainHANet

SMALL = HANetConfig(
    representation="3d", num_joints=3, interval=3, window=13, width=8, levels=2, decoder_layers=2
)


def small_config(**settings: Any) -> HANetConfig:
    return dataclasses.replace(SMALL, **settings)


def small_network(seed: int = 0, **settings: Any) -> HANet:
    """Return a random network in evaluation mode."""
    torch.manual_seed(seed)
    return HANet(small_config(**settings)).eval()


def plain_pair(config: HANetConfig, seed: int = 0) -> tuple[PlainHANet, HANet]:
    """Return the plain network and ours with the same random weights, biases and norms as well."""
    torch.manual_seed(seed)
    plain = PlainHANet(config).eval()
    with torch.no_grad():
        for parameter in plain.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.2 * torch.randn(parameter.shape))
    ours = import_state(
        plain.state_dict(),
        Untold(
            representation=config.representation,
            heads=config.heads,
            interval=config.interval,
            window=config.window,
            mask=config.mask,
        ),
    )
    return plain, ours


def random_windows(config: HANetConfig, batch: int = 2, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, config.window, config.channels, generator=generator)
