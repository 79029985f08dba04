"""Lenses and images of COLMAP's models, whether they come as text or as numbers."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

MAX_IMAGES = 1_000_000
MODELS = {
    "SIMPLE_PINHOLE": (0, 3),
    "PINHOLE": (1, 4),
    "SIMPLE_RADIAL": (2, 4),
    "RADIAL": (3, 5),
    "OPENCV": (4, 8),
    "OPENCV_FISHEYE": (5, 8),
    "FULL_OPENCV": (6, 12),
}
"""COLMAP's number and how many parameters each model has."""


@dataclass(frozen=True, slots=True)
class ColmapLens:
    model: str
    size: tuple[int, int]
    parameters: Float[np.ndarray, "P"]


@dataclass(frozen=True, slots=True)
class ColmapImage:
    """One image of a model."""

    name: str
    lens: int
    pose: Float[np.ndarray, "7"]


def count_parameters(model: str) -> int:
    if model not in MODELS:
        raise ValueError(f"its lens model is {model[:40]}, and known are {', '.join(MODELS)}")
    return MODELS[model][1]
