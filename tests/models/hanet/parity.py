"""Fixtures of the released code: formula weights, inputs, outputs (see the README beside them)."""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Fixture:
    """One file of the fixtures."""

    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.arrays[name])

    def state(self) -> dict[str, Tensor]:
        """Return the weights under the names of the released code."""
        return {
            name: formula_weight(self.meta["weight_tag"], name, tuple(shape))
            for name, shape in self.meta["parameters"].items()
        }


def read_fixture(folder: Path, name: str) -> Fixture:
    with np.load(folder / "parity" / f"{name}.npz") as archive:
        arrays = {key: archive[key] for key in archive.files}
    return Fixture(arrays=arrays, meta=json.loads(str(arrays.pop("meta"))))


def formula_weight(tag: str, name: str, shape: tuple[int, ...]) -> Tensor:
    """Return the weights every fixture is made with."""
    rng = np.random.default_rng(zlib.crc32(f"{tag}/{name}".encode()))
    x = rng.standard_normal(shape).astype(np.float32)
    if len(shape) > 1:
        return torch.from_numpy(x * np.float32(0.5 / np.sqrt(np.prod(shape[1:]))))
    norm = "norm" in name and name.endswith("weight")
    return torch.from_numpy(x * np.float32(0.1) + np.float32(norm))
