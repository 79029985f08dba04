"""Published HANet checkpoints: read without running what is in them, fitted by their shapes.

A checkpoint is a torch file holding a dictionary with `state_dict`; a bare state dictionary does as
well. Names may carry `module.` (wrapped for several GPUs) and `transformer.`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from marey.core.errors import FormatError
from marey.io.torch_file import read_torch
from marey.models.hanet.config import HANetConfig
from marey.models.hanet.inference import Untold, drop_unused, infer_config, rename_parameters
from marey.models.hanet.network import HANet

# Checkpoints keep the best metric as a numpy number, which torch does not read by itself.
# Its maker moved between versions of numpy; files name either place.
_SCALAR = np.float64(0).__reduce__()[0]
_HARMLESS: list[Any] = [
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
]


def load_checkpoint(path: str | Path, untold: Untold | None = None) -> HANet:
    """Load a published checkpoint, in evaluation mode.

    Args:
        path: The file, for example `EP62_PCK@0.05_91.9_checkpoint.pth.tar`.
        untold: What the file does not tell; the published settings if None.

    Raises:
        FormatError: If the file is no checkpoint of a HANet.
        InputError: If what the caller says does not go with it.
    """
    # Mapped, the optimiser's state, three times the weights, is never read.
    content = read_torch(Path(path), harmless=_HARMLESS, mapped=True)
    return import_state(_find_state(content, Path(path)), untold)


def import_state(state: Mapping[str, Tensor], untold: Untold | None = None) -> HANet:
    """Make a network of a published state dictionary; see `load_checkpoint`."""
    renamed = rename_parameters(state)
    config = infer_config(renamed, untold or Untold())
    return build(config, drop_unused(renamed, config))


def build(config: HANetConfig, state: Mapping[str, Tensor]) -> HANet:
    """Make a network with given weights (our names), in evaluation mode.

    Raises:
        FormatError: If the weights are not those of such a network.
    """
    # On the meta device no memory is taken and no random numbers are drawn.
    with torch.device("meta"):
        network = HANet(config)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    _check_names(set(expected), set(state))
    for name, shape in expected.items():
        tensor = state[name]
        if tuple(tensor.shape) != shape or not tensor.is_floating_point():
            raise FormatError(
                f"the parameter `{name}` is {tensor.dtype} {tuple(tensor.shape)}, expected "
                f"numbers {shape}; the weights belong to a network of other settings"
            )
        if not bool(tensor.isfinite().all()):
            raise FormatError(f"the parameter `{name}` has values that are no numbers")
    # Cloned, since the file may be mapped and change or vanish.
    weights = {name: state[name].detach().float().clone() for name in expected}
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(True).eval()


def _check_names(expected: set[str], found: set[str]) -> None:
    missing, foreign = sorted(expected - found), sorted(found - expected)
    if missing or foreign:
        what = f"lacks `{missing[0]}`" if missing else f"has the unknown `{foreign[0]}`"
        raise FormatError(
            f"the weights are not those of a HANet of these settings: it {what} "
            f"({len(missing)} missing, {len(foreign)} unknown)"
        )


def _find_state(content: Any, path: Path) -> Mapping[str, Tensor]:
    inner = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(inner, dict) or not inner:
        raise FormatError(f"{path} holds no `state_dict`; give the checkpoint of a training")
    for name, tensor in inner.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise FormatError(f"{path} holds `{name}`, which is no parameter of a network")
        if not tensor.is_contiguous():
            raise FormatError(f"{path} holds `{name}` with fewer numbers than its shape says")
    return inner
