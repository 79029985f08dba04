"""Sine embedding of the frames of a window."""

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor


@lru_cache(maxsize=64)
def sine_positions(num_frames: int, width: int) -> Float[Tensor, "L D"]:
    """Return the embedding of frames 0 to L - 1, float32, on the CPU; not to be written to.

    The window spans one turn; channels 2 k and 2 k + 1 are sine and cosine at the frequency
    10000^(-2 k / (D / 2)).
    """
    turn = 2 * math.pi * torch.arange(num_frames) / (num_frames - 1 + 1e-6)
    half = torch.arange(width // 2)
    angle = turn[:, None] / 10000.0 ** (2 * half / (width // 2))
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
