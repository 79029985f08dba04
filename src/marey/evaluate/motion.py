"""Errors of change: accelerations, jitter, and the speeds that smoothing takes away.

Derivatives are differences of neighbouring frames, so a missing frame hides its neighbours too.
Publications of the VIBE, HANet and GLoT lineage give accelerations per frame squared; that is
`frame_rate=1`.
"""

import numpy as np
from jaxtyping import Bool, Float

from marey.evaluate.positions import joint_errors
from marey.evaluate.score import Score, summarise


def differentiate(
    position: Float[np.ndarray, "*batch T K D"], order: int, *, frame_rate: float = 1.0
) -> Float[np.ndarray, "*batch U K D"]:
    """Return the n-th difference over time times `frame_rate^n`: U = T - n frames (none if T <= n).

    Args:
        position: Positions, m.
        order: 1 for velocities, 2 for accelerations, 3 for jerks.
        frame_rate: Frames per second; 1 leaves the unit "per frame".
    """
    return np.diff(np.asarray(position, np.float64), n=order, axis=-3) * frame_rate**order


def acceleration_errors(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    frame_rate: float = 1.0,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Float[np.ndarray, "*batch U K"]:
    """Return `|(p[t-1] - 2 p[t] + p[t+1]) - (g[t-1] - 2 g[t] + g[t+1])|` at inner frames, m/s^2.

    The first and the last frame have none: U = T - 2 (Kanazawa et al., CVPR 2019).

    Args:
        predicted: Positions, m.
        truth: True positions, m.
        frame_rate: Frames per second.
        valid: What counts; a value needs all three of its frames.
    """
    errors = joint_errors(
        differentiate(predicted, 2, frame_rate=frame_rate),
        differentiate(truth, 2, frame_rate=frame_rate),
    )
    return errors if valid is None else np.where(valid_steps(valid, 2), errors, np.nan)


def valid_steps(
    valid: Bool[np.ndarray, "*batch T K"], order: int
) -> Bool[np.ndarray, "*batch U K"]:
    """Say where all the frames that an n-th difference needs are valid."""
    for _ in range(order):
        valid = valid[..., 1:, :] & valid[..., :-1, :]
    return valid


def acceleration_error(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    frame_rate: float = 1.0,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Score:
    """Mean of `acceleration_errors`, m/s^2 (m per frame^2 by default)."""
    errors = acceleration_errors(predicted, truth, frame_rate=frame_rate, valid=valid)
    steps = np.all(np.isfinite(differentiate(truth, 2)), axis=-1)
    return summarise(errors, expected=steps if valid is None else steps & valid_steps(valid, 2))


def acceleration(position: Float[np.ndarray, "*batch T K D"], *, frame_rate: float = 1.0) -> Score:
    """Mean length of the second derivative, m/s^2."""
    return summarise(np.linalg.norm(differentiate(position, 2, frame_rate=frame_rate), axis=-1))


def jitter(position: Float[np.ndarray, "*batch T K D"], *, frame_rate: float) -> Score:
    """Mean length of the third derivative, m/s^3; publications mostly give it in 10 m/s^3."""
    return summarise(np.linalg.norm(differentiate(position, 3, frame_rate=frame_rate), axis=-1))


def velocity_error(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    frame_rate: float = 1.0,
) -> Score:
    """Mean length of the difference of velocities, m/s ("MPJVE", Pavllo et al., CVPR 2019)."""
    truth = differentiate(truth, 1, frame_rate=frame_rate)
    errors = joint_errors(differentiate(predicted, 1, frame_rate=frame_rate), truth)
    return summarise(errors, expected=np.all(np.isfinite(truth), axis=-1))


def peak_velocity_error(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    share: float = 0.01,
) -> Score:
    """Velocity error at the fastest moments, relative to the true speed there.

    Args:
        predicted: Positions, m.
        truth: True positions, m.
        share: Share of all true joint speeds that counts as fastest.

    Returns:
        `mean |v_p - v_g| / mean |v_g|` over those moments; 0 is perfect, and a motion that stands
        still scores 1.
    """
    ours, theirs, fastest = _fastest(predicted, truth, share)
    error = np.linalg.norm(ours - theirs, axis=-1)
    return _relative(error, np.linalg.norm(theirs, axis=-1), fastest)


def peak_velocity_loss(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    share: float = 0.01,
) -> Score:
    """Share of the true speed that is lost at the fastest moments: what smoothing takes away.

    Speed counts along the true direction, so that jitter cannot make up for a flattened punch.
    Negative where the prediction is faster. Arguments as in `peak_velocity_error`.
    """
    ours, theirs, fastest = _fastest(predicted, truth, share)
    speed = np.linalg.norm(theirs, axis=-1)
    along = (ours * theirs).sum(-1) / np.where(speed > 0, speed, np.nan)
    return _relative(speed - along, speed, fastest)


def _fastest(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    share: float,
) -> tuple[
    Float[np.ndarray, "*batch U K D"],
    Float[np.ndarray, "*batch U K D"],
    Bool[np.ndarray, "*batch U K"],
]:
    # A fast moment that was not predicted must stay among the fastest, or leaving out the hard
    # moments would choose easier ones in their place.
    ours, theirs = differentiate(predicted, 1), differentiate(truth, 1)
    speed = np.linalg.norm(theirs, axis=-1)
    if not np.isfinite(speed).any():
        return ours, theirs, np.zeros(speed.shape, bool)
    return ours, theirs, speed >= np.nanquantile(speed, 1 - share)


def _relative(
    error: Float[np.ndarray, "*batch T K"],
    speed: Float[np.ndarray, "*batch T K"],
    fastest: Bool[np.ndarray, "*batch T K"],
) -> Score:
    raw = summarise(np.where(fastest, error, np.nan), expected=fastest)
    counts = fastest & np.isfinite(error)
    mean_speed = float(speed[counts].mean()) if counts.any() else float("nan")
    return Score(
        value=raw.value / mean_speed if mean_speed > 0 else float("nan"),
        num_frames=raw.num_frames,
        num_values=raw.num_values,
        num_missing=raw.num_missing,
    )
