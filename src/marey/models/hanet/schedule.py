"""The learning rate: a linear warm-up, then half a cosine, stepped every iteration."""

import math
from dataclasses import dataclass

from marey.core.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A learning rate for every iteration; the published one with the published numbers.

    Raises:
        InputError: If the warm-up is not shorter than the whole, or either is negative.
    """

    warmup_steps: int
    """Iterations of the warm-up; 5 epochs in the paper."""
    total_steps: int
    """All iterations; 70 epochs in the paper."""
    base: float = 1e-3
    start: float = 1e-6
    end: float = 1e-5

    def __post_init__(self) -> None:
        if not 0 <= self.warmup_steps < self.total_steps:
            raise InputError(
                f"a schedule of {self.total_steps} steps cannot warm up for {self.warmup_steps}; "
                "the warm-up must be shorter"
            )

    def rate(self, step: int) -> float:
        """Return the learning rate of an iteration, counted from 0; `end` after the last."""
        if step < self.warmup_steps:
            if self.warmup_steps == 1:
                return self.base
            return self.start + (self.base - self.start) * step / (self.warmup_steps - 1)
        done = min(step - self.warmup_steps, self.total_steps - self.warmup_steps)
        turn = math.pi * done / (self.total_steps - self.warmup_steps)
        return self.end + (self.base - self.end) * (1 + math.cos(turn)) / 2
