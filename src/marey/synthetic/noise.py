"""How a keypoint detector errs: jitter, slow bias, bursts, exchanged sides, hidden limbs.

Errors in the image are measured in COCO's keypoint sigmas: a keypoint's spread is
`level * oks_sigma * scale`, where `scale` is the root of the person's box area. Level 1 is how far
human annotators disagree; a good network stands at a quarter to a half of that. In a burst, or
where a limb is hidden, the whole limb wanders off together.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.core import Skeleton

LIMBS = {
    "arm": ("elbow", "wrist", "hand", "thumb", "index", "middle", "ring", "pinky"),
    "leg": ("knee", "ankle", "heel", "big_toe", "small_toe"),
}
"""Beginnings of the names, after the side, of the keypoints that err together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorNoise:
    """Strength of each kind of error; all rates are per limb and second."""

    level: float = 0.3
    """Spread of the ordinary error in keypoint sigmas."""
    bias_share: float = 0.5
    """Share of the ordinary error's variance that varies slowly."""
    bias_time: float = 0.4
    """Correlation time of the slow part, s."""
    burst_rate: float = 0.1
    burst_size: float = 0.15
    """Spread of the common error of a limb in a burst, as a share of the root of the box area."""
    burst_time: float = 0.15
    """Mean length of a burst, s."""
    swap_rate: float = 0.03
    """How often left and right of a pair of limbs are exchanged."""
    swap_time: float = 0.2
    hidden_rate: float = 0.1
    """How often a limb is hidden: low confidence and a large error, or nothing at all."""
    hidden_time: float = 0.4
    missing_share: float = 0.5
    """Share of hidden spans that leave no keypoint at all."""
    sigma_m: float = 0.03
    """Spread of each root-relative landmark per axis, m (twice as much along the depth)."""
    scale_spread: float = 0.06
    """Relative spread of the size of a person's landmarks."""


PERFECT = DetectorNoise(
    level=0.0, burst_rate=0.0, swap_rate=0.0, hidden_rate=0.0, sigma_m=0.0, scale_spread=0.0
)
"""A detector that never errs."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What a detector reports of one person in one view."""

    position: Float[np.ndarray, "T K 2"]
    confidence: Float[np.ndarray, "T K"]


def observe(
    truth: Float[np.ndarray, "T K 2"],
    skeleton: Skeleton,
    time: Float[np.ndarray, "T"],
    *,
    size: tuple[int, int],
    noise: DetectorNoise,
    rng: np.random.Generator,
) -> Observed:
    """Report the keypoints of one person in one view as a detector would.

    Args:
        truth: Projected keypoints, px; NaN where there is none.
        skeleton: Names of the keypoints.
        time: Time of each frame, s.
        size: Width and height of the picture, px; nothing is seen outside.
        noise: How the detector errs.
        rng: Source of randomness.
    """
    scale = _scale_px(truth)
    position, shift = truth.copy(), np.zeros_like(truth)
    doubtful = np.zeros(truth.shape[:2], bool)
    missing = ~np.all(np.isfinite(truth), axis=-1)
    for left, right in _limbs(skeleton):
        for limb in (left, right):
            burst = _spans(time, noise.burst_rate, noise.burst_time, rng)
            hidden = _spans(time, noise.hidden_rate, noise.hidden_time, rng)
            astray = _correlated((len(time), 1, 2), time, noise, rng) * noise.burst_size
            wrong = np.ix_(burst | hidden, limb)
            shift[wrong] = (astray * scale[:, None, None])[burst | hidden]
            doubtful[wrong] = True
            if rng.random() < noise.missing_share:
                missing[np.ix_(hidden, limb)] = True
        swapped = _spans(time, noise.swap_rate, noise.swap_time, rng)
        position[np.ix_(swapped, left)] = truth[np.ix_(swapped, right)]
        position[np.ix_(swapped, right)] = truth[np.ix_(swapped, left)]
    spread = noise.level * scale[:, None] * _sigmas(skeleton)
    position += shift + _correlated(truth.shape, time, noise, rng) * spread[..., None]
    missing |= np.any((position < 0) | (position > np.array(size)), axis=-1)
    position[missing] = np.nan
    confidence = _confidence(doubtful, noise, rng)
    confidence[missing] = 0.0
    return Observed(position, confidence)


def observe_landmarks(
    truth: Float[np.ndarray, "T K 3"],
    time: Float[np.ndarray, "T"],
    *,
    noise: DetectorNoise,
    rng: np.random.Generator,
) -> Float[np.ndarray, "T K 3"]:
    """Report root-relative landmarks in camera axes as a network would, m.

    Args:
        truth: True landmarks relative to their origin, m.
        time: Time of each frame, s.
        noise: How the network errs.
        rng: Source of randomness.
    """
    scale = 1 + noise.scale_spread * rng.standard_normal()
    # A network sees depth worse than what lies across the view.
    error = _correlated(truth.shape, time, noise, rng) * np.array([1.0, 1.0, 2.0]) * noise.sigma_m
    return scale * truth + error


def _sigmas(skeleton: Skeleton) -> Float[np.ndarray, "K"]:
    sigmas = np.array(skeleton.oks_sigmas or np.full(len(skeleton), np.nan))
    # Unknown points are taken for as blurred as an elbow.
    return np.where(np.isfinite(sigmas), sigmas, 0.07)


def _scale_px(truth: Float[np.ndarray, "T K 2"]) -> Float[np.ndarray, "T"]:
    known = np.all(np.isfinite(truth), axis=-1, keepdims=True)
    high = np.where(known, truth, -np.inf).max(1)
    low = np.where(known, truth, np.inf).min(1)
    area = np.prod(np.maximum(high - low, 1.0), -1)
    return np.sqrt(np.where(known.any((1, 2)), area, 1.0))


def _limbs(
    skeleton: Skeleton,
) -> list[tuple[Int[np.ndarray, "L"], Int[np.ndarray, "L"]]]:
    pairs = []
    for beginnings in LIMBS.values():
        rows = enumerate(skeleton.keypoints)
        starts = tuple(f"left_{beginning}" for beginning in beginnings)
        left = [row for row, name in rows if name.startswith(starts)]
        if left:
            right = [skeleton.mirror[row] for row in left]
            pairs.append((np.array(left), np.array(right)))
    return pairs


def _spans(
    time: Float[np.ndarray, "T"], rate: float, duration: float, rng: np.random.Generator
) -> Bool[np.ndarray, "T"]:
    result = np.zeros(len(time), bool)
    length = float(time[-1] - time[0]) if len(time) > 1 else 0.0
    for _ in range(rng.poisson(rate * length)):
        start = time[0] + rng.uniform(0, length)
        result |= (time >= start) & (time <= start + rng.exponential(duration))
    return result


def _correlated(
    shape: tuple[int, ...],
    time: Float[np.ndarray, "T"],
    noise: DetectorNoise,
    rng: np.random.Generator,
) -> Float[np.ndarray, "T *rest"]:
    # Unit variance: white noise plus an Ornstein-Uhlenbeck process sampled at the frames.
    white = rng.standard_normal(shape)
    drive = rng.standard_normal(shape)
    slow = drive.copy()
    for frame in range(1, shape[0]):
        keep = np.exp(-(time[frame] - time[frame - 1]) / noise.bias_time)
        slow[frame] = keep * slow[frame - 1] + np.sqrt(1 - keep**2) * drive[frame]
    return np.sqrt(1 - noise.bias_share) * white + np.sqrt(noise.bias_share) * slow


def _confidence(
    doubtful: Bool[np.ndarray, "T K"], noise: DetectorNoise, rng: np.random.Generator
) -> Float[np.ndarray, "T K"]:
    # Confident where the error is ordinary, doubtful where a limb is astray.
    wobble = 0.0 if noise.level == 0 else 0.08 * rng.standard_normal(doubtful.shape)
    return np.clip(np.where(doubtful, 0.3, 0.9) + wobble, 0.05, 1.0)
