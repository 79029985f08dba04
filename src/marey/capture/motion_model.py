"""Where a pose will be in the next frame, and how one pose lies over another.

Harmony4D's motion model (supplement, "Post-Contact Processing"): a Kalman filter over the last ten
poses whose state does not move but may be pushed (Rauch, Tung and Striebel's smoother gives the
window's first state). As its authors use it, the prediction is the current pose and what the model
adds is how uncertain that is.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from marey.geometry.alignment import fit_similarity

WINDOW = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionModel:
    """A random walk: every coordinate on its own, all with the same variances, in m^2."""

    step_variance: float = 1.0
    observation_variance: float = 1.0
    first_variance: float = 1.0
    """Of the state before anything is seen, whose mean is the origin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosePrediction:
    """A pose to be expected."""

    position: Float[np.ndarray, "K 3"]
    variance: float
    """Of every coordinate, m^2."""

    def covariance(self) -> Float[np.ndarray, "D D"]:
        """Return the covariance of all coordinates of the flattened pose."""
        return self.variance * np.eye(self.position.size)


def predict_pose(
    window: Float[np.ndarray, "W K 3"],
    current: Float[np.ndarray, "K 3"],
    model: MotionModel | None = None,
) -> PosePrediction:
    """Predict the pose after the current one.

    The model is trained on the window by smoothing it and starts anew with the variance of the
    window's first state; one step without an observation follows from the current pose.

    Args:
        window: The last poses, m.
        current: The pose to go on from, m.
        model: Variances.
    """
    model = model or MotionModel()
    _, variance = smooth_window(window, model)
    return PosePrediction(
        position=current.copy(), variance=float(variance[0]) + model.step_variance
    )


def smooth_window(
    window: Float[np.ndarray, "W K 3"], model: MotionModel
) -> tuple[Float[np.ndarray, "W K 3"], Float[np.ndarray, "W"]]:
    """Smooth poses by the model; return their means and the variance of a coordinate."""
    filtered, variance = np.empty_like(window), np.empty(len(window))
    mean, spread = np.zeros_like(window[0]), model.first_variance
    for frame, seen in enumerate(window):
        gain = spread / (spread + model.observation_variance)
        mean = mean + gain * (seen - mean)
        variance[frame] = (1 - gain) * spread
        filtered[frame] = mean
        spread = variance[frame] + model.step_variance
    for frame in range(len(window) - 2, -1, -1):
        ahead = variance[frame] + model.step_variance
        gain = variance[frame] / ahead
        filtered[frame] += gain * (filtered[frame + 1] - filtered[frame])
        variance[frame] += gain**2 * (variance[frame + 1] - ahead)
    return filtered, variance


def align_rigidly(
    source: Float[np.ndarray, "K 3"], target: Float[np.ndarray, "K 3"]
) -> Float[np.ndarray, "4 4"]:
    """Return the rigid transform that brings points nearest to their counterparts (Kabsch).

    Args:
        source: Points, m; NaN where missing.
        target: Their counterparts, m.
    """
    fitted = fit_similarity(source, target, with_scale=False)
    transform = np.eye(4)
    transform[:3, :3] = fitted.R_target_source
    transform[:3, 3] = fitted.t_target_source
    return transform
