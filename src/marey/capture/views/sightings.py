"""What the tracker has found of one person, row by row: the latest in memory, older ones in a file.

The tracker changes its mind about the last few rows only (a frame that is being completed, rows
taken back from the wrong body), so those stay in memory and the others need not. A row that lies
in the file can still be read and changed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import Float

_RECENT = 256
"""Rows kept in memory; twice as many are gathered before they are written."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """The landmarks of one frame, in float32, without the estimator's state."""

    position: Float[np.ndarray, "K 2"]
    confidence: Float[np.ndarray, "K"]
    sigma: Float[np.ndarray, "K"]
    world: Float[np.ndarray, "K 3"]
    box: Float[np.ndarray, "4"]
    score: float


@dataclass(frozen=True, slots=True)
class SightingBlock:
    """The same for consecutive frames; NaN, and 0 in confidence and score, where there is none."""

    position: Float[np.ndarray, "L K 2"]
    confidence: Float[np.ndarray, "L K"]
    sigma: Float[np.ndarray, "L K"]
    world: Float[np.ndarray, "L K 3"]
    box: Float[np.ndarray, "L 4"]
    score: Float[np.ndarray, "L"]


class Sightings(Sequence[Sighting | None]):
    """A list of sightings of one person, None where the person is not seen.

    Args:
        path: Where older rows go; None keeps all in memory.
        rows: The first rows.
    """

    def __init__(self, path: Path | None = None, rows: Iterable[Sighting | None] = ()):
        self.num_seen = 0
        """Rows that hold a sighting."""
        self._path, self._stored = path, 0
        self._recent: list[Sighting | None] = []
        self._num_keypoints = 0
        for row in rows:
            self.append(row)

    def __len__(self) -> int:
        return self._stored + len(self._recent)

    @overload
    def __getitem__(self, index: int) -> Sighting | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sighting | None]: ...
    def __getitem__(self, index: int | slice) -> Sighting | list[Sighting | None] | None:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        if row >= self._stored:
            return self._recent[row - self._stored]
        return _unpack(self._read(row, row + 1)[0])

    def __setitem__(self, index: int, value: Sighting | None) -> None:
        row = range(len(self))[index]
        self.num_seen += (value is not None) - (self[row] is not None)
        self._learn(value)
        if row >= self._stored:
            self._recent[row - self._stored] = value
        else:
            self._write(row, [value])

    def append(self, value: Sighting | None) -> None:
        """Add a row."""
        self._learn(value)
        self.num_seen += value is not None
        self._recent.append(value)
        if self._path is not None and len(self._recent) >= 2 * _RECENT:
            self._store(self._settled() - _RECENT)

    def trim(self) -> None:
        """Remove empty rows from the end."""
        while self._recent and self._recent[-1] is None:
            self._recent.pop()
        while not self._recent and self._stored and self[-1] is None:
            self._stored -= 1

    def flush(self) -> None:
        """Write all rows to the file, if there is one."""
        # Before the first sighting the width of a row is not known, and there is nothing to keep.
        if self._path is not None and self._num_keypoints:
            self._store(len(self._recent))

    def discard(self) -> None:
        """Remove the file."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def block(self, start: int, stop: int) -> SightingBlock:
        """Return some rows as arrays."""
        edge = min(max(self._stored, start), stop)
        recent = self._recent[edge - self._stored : stop - self._stored]
        rows = np.concatenate([self._read(start, edge), _pack(recent, self._num_keypoints)])
        position, confidence, sigma, world, box, score = _split(rows)
        seen = np.isfinite(score)
        return SightingBlock(
            position=position.reshape(len(rows), self._num_keypoints, 2),
            confidence=np.where(seen[:, None], confidence, np.float32(0)),
            sigma=sigma,
            world=world.reshape(len(rows), self._num_keypoints, 3),
            box=box,
            score=np.where(seen, score, np.float32(0)),
        )

    def _learn(self, value: Sighting | None) -> None:
        if value is not None:
            self._num_keypoints = len(value.confidence)

    def _settled(self) -> int:
        """Rows in memory up to the last sighting: empty ones behind it may be trimmed yet."""
        last = len(self._recent)
        while last and self._recent[last - 1] is None:
            last -= 1
        return last

    def _store(self, count: int) -> None:
        if count > 0:
            self._write(self._stored, self._recent[:count])
            self._stored += count
            del self._recent[:count]

    def _write(self, row: int, values: Sequence[Sighting | None]) -> None:
        assert self._path is not None
        rows = _pack(values, self._num_keypoints)
        with self._path.open("r+b" if self._path.exists() else "w+b") as file:
            file.seek(row * rows[0].nbytes)
            file.write(rows.tobytes())

    def _read(self, start: int, stop: int) -> Float[np.ndarray, "R W"]:
        width = _width(self._num_keypoints)
        if stop <= start or self._path is None:
            return np.empty((0, width), np.float32)
        size = (stop - start) * width
        rows = np.fromfile(self._path, np.float32, size, offset=4 * start * width)
        return rows.reshape(-1, width)


def _width(num_keypoints: int) -> int:
    return 7 * num_keypoints + 5


def _pack(values: Sequence[Sighting | None], num_keypoints: int) -> Float[np.ndarray, "R W"]:
    # A row without a sighting is NaN throughout; a sighting always has a score.
    rows = np.full((len(values), _width(num_keypoints)), np.nan, np.float32)
    for row, value in zip(rows, values, strict=True):
        if value is not None:
            parts = (value.position, value.confidence, value.sigma, value.world, value.box)
            np.concatenate([*(part.ravel() for part in parts), [value.score]], out=row)
    return rows


def _split(rows: Float[np.ndarray, "*R W"]) -> tuple[np.ndarray, ...]:
    count = (rows.shape[-1] - 5) // 7
    edges = np.cumsum([2 * count, count, count, 3 * count, 4])
    *parts, score = np.split(rows, edges, axis=-1)
    return (*parts, score[..., 0])


def _unpack(row: Float[np.ndarray, "W"]) -> Sighting | None:
    position, confidence, sigma, world, box, score = _split(row)
    if not np.isfinite(score):
        return None
    return Sighting(
        position.reshape(-1, 2), confidence, sigma, world.reshape(-1, 3), box, float(score)
    )
