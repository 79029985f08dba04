"""Where poses will be in the next frame, and how one pose lies over another.

Harmony4D's motion model (supplement, "Post-Contact Processing"): a Kalman filter over the last ten
poses whose state does not move but may be pushed (Rauch, Tung and Striebel's smoother gives the
window's first state). As its authors use it, the prediction is the current pose and what the model
adds is how uncertain that is. Beside it stands constant velocity; `motion_learned` has a network.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from marey.geometry.alignment import fit_similarity

WINDOW = 10
_LINE, _FEWEST, _FADE, _KEPT = 5, 2, 0.4, 0.7


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


@runtime_checkable
class PosePredictor(Protocol):
    """Says where everyone's points will be in the frame that follows."""

    def __call__(
        self, past: Float[np.ndarray, "N W K 3"], step: float
    ) -> Float[np.ndarray, "N K 3"]:
        """Return the next points, m; NaN where nothing is known.

        Args:
            past: The last frames, at most `WINDOW` of them unless the predictor says otherwise, m;
                NaN where a point was missing.
            step: Seconds from frame to frame.
        """
        ...


def hold_position(past: Float[np.ndarray, "N W K 3"], step: float) -> Float[np.ndarray, "N K 3"]:
    """Predict that points stay, as Harmony4D's Kalman filter does (`predict_pose`)."""
    return np.stack([_last_known(person) for person in past])


def hold_velocity(past: Float[np.ndarray, "N W K 3"], step: float) -> Float[np.ndarray, "N K 3"]:
    """Predict that points go on at 0.7 of the velocity of the line through the last five.

    Weighted least squares; a frame counts 0.4 of the one after it. Limbs slow down and points are
    noisy: in full, velocity predicts worse. A point with one known frame stays where it is.
    """
    window = past[:, -_LINE:].astype(np.float64)
    count = window.shape[1]
    when = np.arange(count, dtype=np.float64) - count
    known = np.asarray(np.isfinite(window).all(-1))
    weight = np.where(known, _FADE ** -(when[:, None] + 1), 0.0)
    seen = np.where(known[..., None], window, 0.0)
    total = weight.sum(1)
    middle = (weight * when[:, None]).sum(1) / np.maximum(total, 1e-12)
    mean = (weight[..., None] * seen).sum(1) / np.maximum(total, 1e-12)[..., None]
    apart = when[:, None] - middle[:, None]
    spread = (weight * apart**2).sum(1)
    slope = (weight[..., None] * apart[..., None] * seen).sum(1)
    slope = slope / np.maximum(spread, 1e-12)[..., None]
    line = mean - middle[..., None] * slope
    rest = hold_position(past, step)
    moved = rest + _KEPT * (line - rest)
    return np.where((known.sum(1) >= _FEWEST)[..., None], moved, rest)


def _last_known(person: Float[np.ndarray, "W K 3"]) -> Float[np.ndarray, "K 3"]:
    result = np.full(person.shape[1:], np.nan)
    for pose in person:
        known = np.asarray(np.isfinite(pose).all(-1))
        result[known] = pose[known]
    return result
