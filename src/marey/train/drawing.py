"""Random processes for batches of windows: white noise, slow noise, and states that come and go.

Shape letters: B windows, L frames, K points, M limbs.
"""

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Something that happens to a limb now and then."""

    rate: float
    """Beginnings per limb and second."""
    time: float
    """Mean length, s."""
    size: float = 0.0
    """Spread of the limb's error across the view meanwhile, m."""


class Drawing:
    """Draws for B windows of L frames."""

    def __init__(self, batch: int, frames: int, step: float, generator: Generator):
        self.batch, self.frames, self.step = batch, frames, step
        self.generator = generator

    def white(self, points: int) -> Float[Tensor, "B L K 3"]:
        """Draw unit white noise."""
        return torch.randn(self.batch, self.frames, points, 3, generator=self.generator)

    def slow(self, points: int, time: float) -> Float[Tensor, "B L K 3"]:
        """Draw unit Ornstein-Uhlenbeck noise: the root of its covariance times white noise."""
        root = _ou_root(self.frames, self.step / time)
        white = torch.randn(self.frames, self.batch * points * 3, generator=self.generator)
        return (root @ white).unflatten(1, (self.batch, points, 3)).movedim(0, 1)

    def spans(self, limbs: int, kind: Spans) -> Bool[Tensor, "B L M"]:
        """Draw when a limb is in a state: a process of two states with exponential times."""
        uniform = torch.rand(self.frames, self.batch, limbs, generator=self.generator)
        begin, end = kind.rate * self.step, min(self.step / kind.time, 1.0)
        state = uniform[0] < begin / (begin + end)
        states = [state]
        for row in uniform[1:]:
            state = torch.where(state, row >= end, row < begin)
            states.append(state)
        return torch.stack(states, 1)


@cache
def _ou_root(frames: int, step: float) -> Float[Tensor, "L L"]:
    time = torch.arange(frames, dtype=torch.float64)
    covariance = torch.exp(-(time[:, None] - time).abs() * step)
    return torch.linalg.cholesky(covariance).float()
