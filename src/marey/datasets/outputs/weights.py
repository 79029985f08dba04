"""Files of `torch.save` as numpy arrays, loaded as weights only, within limits."""

import warnings
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from marey.core.errors import FormatError

MAX_BYTES = 2 << 30
MAX_DEPTH = 20
MAX_VALUES = 1_000_000

_FAULTS = (
    *(zipfile.BadZipFile, UnpicklingError, RuntimeError, ValueError, TypeError, KeyError),
    *(IndexError, AttributeError, EOFError, OSError, MemoryError, OverflowError, AssertionError),
    *(NotImplementedError, RecursionError, ImportError),
)
"""What damaged archives make torch and the standard library raise."""


def read_weights(path: Path) -> Any:
    """Return the containers, numbers and tensors in a file of torch; tensors as arrays.

    `torch.load(weights_only=True)` runs nothing that the file says. Archives that unpack to more
    than they hold, and tensors larger than their own storage, are refused.

    Raises:
        FormatError: If it is no such file, damaged, or holds anything but weights.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        if sum(member.file_size for member in members) > MAX_BYTES:
            raise FormatError(f"{path} unpacks to more than {MAX_BYTES} bytes; cut it into parts")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise FormatError(f"{path} is packed, which torch never does; save it again")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what damaged files make torch guess
            value = torch.load(path, map_location="cpu", weights_only=True)
        return _Plain(path).convert(value, 0)
    except FormatError:
        raise
    except _FAULTS as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise FormatError(
            f"{path} is not a sound file of torch that holds tensors only ({reason[0][:200]})"
        ) from error


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
