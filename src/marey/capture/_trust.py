"""How far a network's learned corrections are trusted, from the jitter of what it is shown.

Beside its choice of filters a network says what a body would rather do, having learned from errors
of some size on one definition of joints. Where the input is cleaner than anything it learned from,
say from several cameras, such corrections are mostly the difference between two definitions of a
joint. They are faded out between the least jitter of the training and that of clean motion.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_ORDER = 4
_SQUARES = 70.0
"""Of the weights 1, 4, 6, 4, 1 of a fourth difference, summed."""
_MEDIAN_TO_SPREAD = 1 / 0.6745


@dataclass(frozen=True, slots=True, kw_only=True)
class JitterRange:
    """What a training saw, as `measure_jitter` measures it at 30 frames per second."""

    clean: float
    """Of motion without any error."""
    trained: float
    """Of the least errors of the training."""


POINTS = JitterRange(clean=0.0012, trained=0.0045)
"""Of held-out clips at half the fitted noise, m; the points' network first learned from no less."""
ROTATIONS = JitterRange(clean=0.0028, trained=0.0056)
"""The same of columns of rotations in the world, from a tenth of the fitted noise on."""


def measure_jitter(values: Float[np.ndarray, "T *joint"]) -> float:
    """Return the spread of the white part of the errors of values; NaN if they are too few.

    Fourth differences leave little of motion but fast moments, which the median leaves out.
    """
    change = np.abs(np.diff(values, n=_ORDER, axis=0))
    change = change[np.isfinite(change)]
    if not len(change):
        return float("nan")
    return _MEDIAN_TO_SPREAD * float(np.median(change)) / _SQUARES**0.5


def find_trust(parts: Iterable[Float[np.ndarray, "_ *joint"]], seen: JitterRange) -> float:
    """Return the share of learned corrections to apply, 0 to 1, from parts of one motion.

    Motion too short to tell gets all of them.
    """
    jitters = [jitter for jitter in map(measure_jitter, parts) if np.isfinite(jitter)]
    if not jitters:
        return 1.0
    excess = (float(np.median(jitters)) - seen.clean) / (seen.trained - seen.clean)
    return float(np.clip(excess, 0.0, 1.0))
