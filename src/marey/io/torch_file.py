"""Files of `torch.save`: tensors and plain containers, loaded without running what is in them.

The one place where such files are opened. `weights_only=True` refuses every callable but torch's
own and those named by the caller.
"""

import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from marey.core.errors import FormatError, InputError

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80\x02"
"""How torch files begin, since version 1.6 and before."""

_FAULTS = (
    *(zipfile.BadZipFile, UnpicklingError, RuntimeError, ValueError, TypeError, KeyError),
    *(IndexError, AttributeError, EOFError, OSError, MemoryError, OverflowError, AssertionError),
    *(NotImplementedError, RecursionError, ImportError),
)
"""What damaged archives make torch and the standard library raise."""


def read_torch(
    path: Path, *, max_bytes: int | None = None, harmless: Sequence[Any] = (), mapped: bool = False
) -> Any:
    """Return what is in a torch file, on the CPU.

    Args:
        path: The file.
        max_bytes: Largest content; None for any.
        harmless: What the file may name besides torch's own, as `torch.serialization.safe_globals`
            takes it.
        mapped: Whether tensors stay in the file until they are used, so that what nobody uses is
            never read; the file must not change meanwhile.

    Raises:
        InputError: If there is no such file.
        FormatError: If it is no torch file, damaged, too large, or holds anything but plain data.
    """
    if not path.is_file():
        fault = "is no file" if path.exists() else "does not exist"
        raise InputError(f"{path} {fault}; give a file that torch wrote")
    with path.open("rb") as file:
        head = file.read(len(_ZIP))
    zipped = head == _ZIP
    if not zipped and not head.startswith(_PICKLE):
        raise FormatError(f"{path} is no torch file; give one that torch.save wrote")
    try:
        size = _unpacked_size(path) if zipped else path.stat().st_size
        if max_bytes is not None and size > max_bytes:
            raise FormatError(f"{path} holds more than {max_bytes} bytes; cut it into parts")
        with warnings.catch_warnings(), torch.serialization.safe_globals(list(harmless)):
            warnings.simplefilter("ignore")  # of what damaged files make torch guess
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped and zipped)
    except FormatError:
        raise
    except _FAULTS as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise FormatError(
            f"{path} is no torch file of plain weights, or damaged ({reason[0][:200]})"
        ) from error


def _unpacked_size(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    # torch packs nothing, and few packed bytes could stand for very many.
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise FormatError(f"{path} is a compressed archive, which torch never writes; unpack it")
    return sum(member.file_size for member in members)
