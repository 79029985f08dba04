"""Another frame rate and back, by cubic splines through the frames."""

import math

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline


def to_rate(position: Float[np.ndarray, "T K D"], rate: float) -> Float[np.ndarray, "t K D"]:
    """Return the motion at frames `rate` old frames apart; the last ones hold the last pose."""
    num_frames = math.ceil((len(position) - 1) / rate) + 1
    return _at(position, np.minimum(np.arange(num_frames) * rate, len(position) - 1))


def from_rate(
    position: Float[np.ndarray, "t K D"], rate: float, num_frames: int
) -> Float[np.ndarray, "T K D"]:
    """Undo `to_rate`: the motion at the old frames."""
    return _at(position, np.minimum(np.arange(num_frames) / rate, len(position) - 1))


def _at(
    position: Float[np.ndarray, "T K D"], frame: Float[np.ndarray, "t"]
) -> Float[np.ndarray, "t K D"]:
    if len(position) == 1:
        return np.repeat(position, len(frame), axis=0)
    spline = CubicSpline(np.arange(len(position)), position, axis=0)
    return spline(frame).astype(position.dtype)
