"""How high the floor is under each person, where several cameras say where everyone is.

A calibration's floor may be off by centimetres and tilted, and who is seen badly is placed badly.
So the floor is as low as a person's own feet come; who never comes near the lowest is held to that
one.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

FLOOR_SHARE = 2.0
"""Percentile of the feet's heights that is the floor."""
FLOORS_APART_M = 0.4
"""Of two people's floors at most: who stays above is carried or hangs."""


def find_low(heights: Float[np.ndarray, "*any"]) -> float:
    """Return how low feet come, m; NaN if they are never known.

    Args:
        heights: Of the points of both feet in all frames, m; NaN where unknown.
    """
    known = heights[np.isfinite(heights)]
    return float(np.percentile(known, FLOOR_SHARE)) if len(known) else math.nan


def choose_floors(lows: Sequence[float]) -> list[float]:
    """Return the height of the floor under each person, m; NaN if nobody's is known.

    Args:
        lows: How low the feet of each come, m; NaN for those who have no feet.
    """
    if np.isnan(np.array(lows, float)).all():
        return [math.nan] * len(lows)
    lowest = float(np.nanmin(lows))
    return [low if low - lowest < FLOORS_APART_M else lowest for low in lows]
