"""Arrays that may be too long for memory: in memory while short, else in files mapped into it.

A person followed for hours has gigabytes of keypoints and poses. What is computed from them is
computed in chunks of frames, and in between the pages that were touched are given back, so that the
memory in use depends on the chunk and not on the video.
"""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

CHUNK = 512
"""Frames worked on at once where nothing else says how many."""

LONGEST_IN_MEMORY = 2048
"""Longest first axis of an array that is kept in memory."""


def chunks(length: int, size: int = CHUNK) -> Iterator[slice]:
    """Yield slices that cover a length in order."""
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))


class Scratch:
    """Makes working arrays over the frames of a video.

    Args:
        folder: Where long arrays lie; None keeps every array in memory. It is made when first
            needed, and whoever gave it removes it.
    """

    def __init__(self, folder: Path | None = None):
        self._folder = folder
        self._maps: list[mmap.mmap] = []

    def part(self, name: str) -> "Scratch":
        """Return a scratch whose arrays lie in a folder of their own and are released apart."""
        return Scratch(None if self._folder is None else self._folder / name)

    def empty(
        self, name: str, shape: tuple[int, ...], dtype: np.dtype | type = np.float32
    ) -> Shaped[np.ndarray, "..."]:
        """Return an array to be filled; zeros if it is new.

        Args:
            name: Distinct name within this scratch.
            shape: Frames first.
            dtype: Of its elements.

        Raises:
            OSError: If the disk has no room for it.
        """
        if self._folder is None or shape[0] <= LONGEST_IN_MEMORY:
            return np.zeros(shape, dtype)
        self._folder.mkdir(parents=True, exist_ok=True)
        num_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        with (self._folder / name).open("w+b") as file:
            reserve(file.fileno(), num_bytes)
            mapped = mmap.mmap(file.fileno(), num_bytes)
        self._maps.append(mapped)
        return np.frombuffer(mapped, dtype).reshape(shape)

    def release(self) -> None:
        """Give back the memory of mapped arrays; their content stays in the files."""
        for mapped in self._maps:
            _drop(mapped)


def forget_pages(array: np.ndarray | None) -> None:
    """Give back the memory of an array that is mapped from a file; others stay as they are."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    # Arrays made by `Scratch` see their map through a view of its bytes.
    if isinstance(base, memoryview):
        base = base.obj
    if isinstance(base, mmap.mmap):
        _drop(base)


def reserve(descriptor: int, num_bytes: int) -> None:
    """Give a file its size and its place on the disk.

    Writing to a map of a file without place ends the process when the disk is full; here it is an
    error that can be explained.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, num_bytes)
        return
    block = bytes(2**20)
    for start in range(0, num_bytes, len(block)):
        os.write(descriptor, block[: num_bytes - start])


def _drop(mapped: mmap.mmap) -> None:
    # Pages of a shared map live on in the file; where the system cannot be told, it decides itself.
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
