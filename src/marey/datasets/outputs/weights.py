"""Files of `torch.save` as numpy arrays, loaded as weights only, within limits."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from marey.core.errors import FormatError
from marey.io.torch_file import read_torch

MAX_BYTES = 2 << 30
MAX_DEPTH = 20
MAX_VALUES = 1_000_000


def read_weights(path: Path) -> Any:
    """Return the containers, numbers and tensors in a file of torch; tensors as arrays.

    Nothing that the file says is run (`io.torch_file`), and tensors larger than their own storage
    are refused.

    Raises:
        FormatError: If it is no such file, damaged, or holds anything but weights.
    """
    return _Plain(path).convert(read_torch(path, max_bytes=MAX_BYTES), 0)


class _Plain:
    """Turns what torch loaded into plain data."""

    def __init__(self, path: Path):
        self._path, self._count = path, 0

    def convert(self, value: Any, depth: int) -> Any:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_VALUES:
            raise FormatError(f"{self._path} is nested too deeply or holds too many values")
        if isinstance(value, Tensor):
            return self._to_array(value)
        if isinstance(value, dict):
            return {key: self.convert(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.convert(inner, depth + 1) for inner in value]
        return value

    def _to_array(self, tensor: Tensor) -> Any:
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.is_quantized:
            raise FormatError(f"{self._path} holds a tensor that is not plain numbers")
        # Steps of zero let a tensor of a few bytes claim any size.
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise FormatError(f"{self._path} holds a tensor larger than its own storage")
        tensor = tensor.detach()
        return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
