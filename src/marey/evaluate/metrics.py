"""The figures by which poses and motions are measured.

Every function takes arrays of positions in m (or px where said) whose missing entries are NaN, and
an optional mask; what is missing on either side does not count. A `Score` says how much counted:
compare two scores only where these numbers agree.

Functions named after an error map (`joint_errors`, `acceleration_errors`) return one number per
frame and joint; the others average such a map over everything that counts, all frames and joints
pooled. Publications of the VIBE, HANet and GLoT lineage give accelerations per frame squared; that
is `frame_rate=1`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from marey.geometry.alignment import align_points, fit_similarity


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An average and how much it rests on."""

    value: float
    """NaN if nothing counted."""
    num_frames: int
    """Frames of which at least one value counted."""
    num_values: int
    """Values (mostly: joints of all frames) that counted."""


def summarise(errors: Float[np.ndarray, "*batch T K"]) -> Score:
    """Average an error map over its finite entries."""
    counted = np.isfinite(errors)
    return Score(
        value=float(errors[counted].mean()) if counted.any() else float("nan"),
        num_frames=int(np.any(counted, axis=-1).sum()),
        num_values=int(counted.sum()),
    )


def joint_errors(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Float[np.ndarray, "*batch T K"]:
    """Return the distance of every joint to its truth, NaN where either is missing."""
    distance = np.linalg.norm(np.asarray(predicted, np.float64) - truth, axis=-1)
    return distance if valid is None else np.where(valid, distance, np.nan)


def centre_on(
    position: Float[np.ndarray, "*batch T K 3"], joints: tuple[int, ...]
) -> Float[np.ndarray, "*batch T K 3"]:
    """Express positions relative to the mean of some joints of the same frame.

    Args:
        position: Positions, m.
        joints: Indices; one for a root joint, two for the middle of the hips.
    """
    return position - position[..., list(joints), :].mean(-2, keepdims=True)


def mpjpe(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
    *,
    root: tuple[int, ...] = (),
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Score:
    """Mean per-joint position error, m; the same function serves vertices (MPVPE).

    Args:
        predicted: Positions, m.
        truth: True positions, m.
        root: Joints whose mean both sides are moved to; nothing is moved if empty.
        valid: What counts.
    """
    if root:
        predicted, truth = centre_on(predicted, root), centre_on(truth, root)
    return summarise(joint_errors(predicted, truth, valid=valid))


def pa_mpjpe(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
    *,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Score:
    """Mean per-joint position error after a similarity alignment of every frame, m."""
    weights = None if valid is None else valid.astype(np.float64)
    aligned = align_points(predicted, truth, weights=weights)
    return summarise(joint_errors(aligned, truth, valid=valid))


def n_mpjpe(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
    *,
    root: tuple[int, ...],
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Score:
    """Mean per-joint position error after moving the root and scaling every frame, m.

    The scale is the least-squares one (Rhodin et al., CVPR 2018).
    """
    predicted, truth = centre_on(predicted, root), centre_on(truth, root)
    counts = np.all(np.isfinite(predicted) & np.isfinite(truth), axis=-1)
    counts = counts if valid is None else counts & valid
    ours = np.where(counts[..., None], predicted, 0.0)
    scale = (ours * np.where(counts[..., None], truth, 0.0)).sum((-1, -2))
    size = (ours**2).sum((-1, -2))
    scale = scale / np.where(size > 0, size, np.nan)
    return summarise(joint_errors(scale[..., None, None] * predicted, truth, valid=counts))


def world_mpjpe(
    predicted: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    *,
    segment: int = 100,
    num_aligned: int | None = None,
    with_scale: bool = True,
) -> Score:
    """Position error in the world after one alignment per segment, m (SLAHMR, WHAM).

    Args:
        predicted: World positions, m.
        truth: True world positions, m, in axes of their own.
        segment: Frames per segment; the last one may be shorter.
        num_aligned: Frames at a segment's start that determine the alignment: 2 is W-MPJPE, None
            (all of them) is WA-MPJPE.
        with_scale: Whether the alignment may scale.
    """
    aligned = np.full(predicted.shape, np.nan)
    for start in range(0, len(predicted), segment):
        part = slice(start, min(start + segment, len(predicted)))
        ours, theirs = predicted[part], truth[part]
        fitted = fit_similarity(
            ours[:num_aligned].reshape(-1, 3),
            theirs[:num_aligned].reshape(-1, 3),
            with_scale=with_scale,
        )
        aligned[part] = fitted.apply(ours.reshape(-1, 3).astype(np.float64)).reshape(ours.shape)
    return summarise(joint_errors(aligned, truth))


def acceleration_errors(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
    *,
    frame_rate: float = 1.0,
) -> Float[np.ndarray, "*batch T-2 K"]:
    """Return the length of the difference of the accelerations at every inner frame, m/s^2."""
    return joint_errors(_derive(predicted, 2, frame_rate), _derive(truth, 2, frame_rate))


def acceleration_error(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
    *,
    frame_rate: float = 1.0,
) -> Score:
    """Mean length of the difference of the accelerations, m/s^2 (m per frame^2 by default)."""
    return summarise(acceleration_errors(predicted, truth, frame_rate=frame_rate))


def acceleration(position: Float[np.ndarray, "*batch T K 3"], *, frame_rate: float = 1.0) -> Score:
    """Mean length of the acceleration, m/s^2."""
    return summarise(np.linalg.norm(_derive(position, 2, frame_rate), axis=-1))


def jitter(position: Float[np.ndarray, "*batch T K 3"], *, frame_rate: float) -> Score:
    """Mean length of the third derivative, m/s^3; publications mostly give it in 10 m/s^3."""
    return summarise(np.linalg.norm(_derive(position, 3, frame_rate), axis=-1))


def peak_velocity_error(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
    *,
    share: float = 0.01,
) -> Score:
    """Velocity error at the fastest moments, relative to the true speed there.

    Args:
        predicted: Positions, m.
        truth: True positions, m.
        share: Share of all true joint speeds that counts as fastest.

    Returns:
        Mean length of the velocity difference divided by the mean true speed; 0 is perfect, and a
        motion that stands still scores 1.
    """
    ours, theirs, fastest = _fastest(predicted, truth, share)
    error = np.linalg.norm(ours - theirs, axis=-1)
    return _relative(error, np.linalg.norm(theirs, axis=-1), fastest)


def peak_velocity_loss(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
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


def correct_keypoints(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    scale: Float[np.ndarray, "*batch T"],
    threshold: float,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Float[np.ndarray, "*batch T K"]:
    """Mark keypoints within a distance of their truth: 1 right, 0 wrong or not predicted.

    Args:
        predicted: Keypoints; a NaN is a miss.
        truth: True keypoints; NaN does not count.
        scale: Size of the person in each frame, in the same unit (PCK of Sub-JHMDB: the longer
            side of the box).
        threshold: Distance allowed, as a share of the scale; the limit itself is right.
        valid: What counts.
    """
    error = joint_errors(predicted, truth)
    right = (error <= threshold * scale[..., None]).astype(np.float64)
    counts = np.all(np.isfinite(truth), axis=-1) & np.isfinite(scale)[..., None]
    return np.where(counts if valid is None else counts & valid, right, np.nan)


def pck(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    scale: Float[np.ndarray, "*batch T"],
    threshold: float,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Score:
    """Share of correct keypoints, 0..1, see `correct_keypoints`."""
    return summarise(
        correct_keypoints(predicted, truth, scale=scale, threshold=threshold, valid=valid)
    )


def reprojection_error(
    projected: Float[np.ndarray, "*batch T K 2"],
    observed: Float[np.ndarray, "*batch T K 2"],
    *,
    box_height: Float[np.ndarray, "*batch T"],
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Score:
    """Mean distance of projected to observed keypoints, as a share of the person's box height.

    Args:
        projected: Keypoints of the estimate in the image, px.
        observed: Keypoints seen, px.
        box_height: Height of the person's box in each frame, px.
        valid: What counts.
    """
    return summarise(joint_errors(projected, observed, valid=valid) / box_height[..., None])


def foot_slide(
    position: Float[np.ndarray, "*batch T G 3"],
    contact: Bool[np.ndarray, "*batch T G"],
    *,
    frame_rate: float = 1.0,
) -> Score:
    """Mean speed of points of the foot while they should stand still, m/s (m per frame by default).

    Args:
        position: World positions of contact points, m.
        contact: Which of them touch the floor; a step counts if both of its frames do.
        frame_rate: Frames per second.
    """
    standing = contact[..., 1:, :] & contact[..., :-1, :]
    speed = np.linalg.norm(_derive(position, 1, frame_rate), axis=-1)
    return summarise(np.where(standing, speed, np.nan))


def floor_penetration(
    position: Float[np.ndarray, "*batch T V 3"], *, floor_z: float = 0.0
) -> Score:
    """Mean over frames of how deep the deepest point lies below the floor, m."""
    depth = np.maximum(floor_z - position[..., 2], 0.0)
    known = np.isfinite(depth)
    deepest = np.where(known, depth, 0.0).max(-1, keepdims=True)
    return summarise(np.where(np.any(known, axis=-1, keepdims=True), deepest, np.nan))


def _derive(
    position: Float[np.ndarray, "*batch T K 3"], order: int, frame_rate: float
) -> Float[np.ndarray, "*batch U K 3"]:
    return np.diff(np.asarray(position, np.float64), n=order, axis=-3) * frame_rate**order


def _fastest(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
    share: float,
) -> tuple[
    Float[np.ndarray, "*batch U K 3"],
    Float[np.ndarray, "*batch U K 3"],
    Bool[np.ndarray, "*batch U K"],
]:
    ours, theirs = _derive(predicted, 1, 1.0), _derive(truth, 1, 1.0)
    speed = np.linalg.norm(theirs, axis=-1)
    speed = np.where(np.all(np.isfinite(ours), axis=-1), speed, np.nan)
    if not np.isfinite(speed).any():
        return ours, theirs, np.zeros(speed.shape, bool)
    return ours, theirs, speed >= np.nanquantile(speed, 1 - share)


def _relative(
    error: Float[np.ndarray, "*batch T K"],
    speed: Float[np.ndarray, "*batch T K"],
    counts: Bool[np.ndarray, "*batch T K"],
) -> Score:
    raw = summarise(np.where(counts, error, np.nan))
    mean_speed = float(speed[counts].mean()) if counts.any() else float("nan")
    value = raw.value / mean_speed if mean_speed > 0 else float("nan")
    return Score(value=value, num_frames=raw.num_frames, num_values=raw.num_values)
