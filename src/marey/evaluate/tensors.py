"""The main metrics on torch tensors, with gradients: to train or fit by what is measured.

Each function is the twin of that of the same name in `marey.evaluate`, on any device, in the
tensors' own dtype; the tests compare them. Maps are tensors of the same axes, with NaN where
nothing counts; averages are tensors without axes, over everything that counts (order `values`).
What is missing (NaN) on either side, or masked, has no part in values or gradients. Where an error
is exactly 0 its gradient is 0, and so is that of a right or wrong (`pck`).

The gradient through the alignment of `aligned_errors` is exact. It is that of the rotation R
nearest to the covariance M = R S, which changes by R [w]x with
(tr(S) I - S) w = vee(R^T dM - dM^T R): no singular vectors, whose own derivatives grow without
bound where singular values meet.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.geometry.rotation import skew

MIN_POINTS = 3
_SINGULAR = 1e-9
"""Share of the points' spread below which they are on a line, and the rotation is free."""

Mask = Bool[Tensor, "*batch T K"]


def joint_errors(
    predicted: Float[Tensor, "*batch T K D"],
    truth: Float[Tensor, "*batch T K D"],
    *,
    valid: Mask | None = None,
) -> Float[Tensor, "*batch T K"]:
    """Return the distance of every joint to its truth, NaN where either is missing."""
    return rooted_errors(predicted, truth, root=(), valid=valid)


def rooted_errors(
    predicted: Float[Tensor, "*batch T K D"],
    truth: Float[Tensor, "*batch T K D"],
    *,
    root: tuple[int, ...],
    valid: Mask | None = None,
) -> Float[Tensor, "*batch T K"]:
    """Return joint errors after moving the mean of the root joints of both sides together."""
    gap = predicted - truth
    if root:
        gap = gap - gap[..., list(root), :].mean(-2, keepdim=True)
    return _lengths(gap, valid)


def aligned_errors(
    predicted: Float[Tensor, "*batch T K 3"],
    truth: Float[Tensor, "*batch T K 3"],
    *,
    valid: Mask | None = None,
    with_scale: bool = True,
) -> Float[Tensor, "*batch T K"]:
    """Return joint errors after the best alignment of every frame (Umeyama, PAMI 1991)."""
    counts = _known(predicted) & _known(truth)
    counts = counts if valid is None else counts & valid
    enough = counts.sum(-1, keepdim=True) >= MIN_POINTS
    weight = counts.to(truth.dtype)  # whole numbers would be divided in single precision
    share = (weight / weight.sum(-1, keepdim=True).clamp(min=1))[..., None]
    ours, theirs = _centre(predicted, counts, share), _centre(truth, counts, share)
    covariance = (share * theirs).mT @ ours
    R = _nearest_rotation(covariance)
    moved = ours @ R.mT
    if with_scale:
        size = (share * ours**2).sum((-1, -2))
        scale = (R * covariance).sum((-1, -2)) / torch.where(size > 0, size, 1.0)
        moved = scale[..., None, None] * moved
    return _lengths(moved - theirs, counts & enough)


def scaled_errors(
    predicted: Float[Tensor, "*batch T K 3"],
    truth: Float[Tensor, "*batch T K 3"],
    *,
    root: tuple[int, ...],
    valid: Mask | None = None,
) -> Float[Tensor, "*batch T K"]:
    """Return joint errors after moving the root and scaling every frame by least squares."""
    if root:
        predicted = predicted - predicted[..., list(root), :].mean(-2, keepdim=True)
        truth = truth - truth[..., list(root), :].mean(-2, keepdim=True)
    counts = _known(predicted) & _known(truth)
    counts = counts if valid is None else counts & valid
    ours, theirs = _blank(predicted, counts), _blank(truth, counts)
    size = (ours**2).sum((-1, -2))
    scale = (ours * theirs).sum((-1, -2)) / torch.where(size > 0, size, 1.0)
    counts = counts & (size > 0)[..., None]
    return _lengths(scale[..., None, None] * ours - theirs, counts)


def mpjpe(
    predicted: Float[Tensor, "*batch T K D"],
    truth: Float[Tensor, "*batch T K D"],
    *,
    root: tuple[int, ...] = (),
    valid: Mask | None = None,
) -> Float[Tensor, ""]:
    """Mean per-joint position error."""
    return mean(rooted_errors(predicted, truth, root=root, valid=valid))


def pa_mpjpe(
    predicted: Float[Tensor, "*batch T K 3"],
    truth: Float[Tensor, "*batch T K 3"],
    *,
    valid: Mask | None = None,
    with_scale: bool = True,
) -> Float[Tensor, ""]:
    """Mean of `aligned_errors`."""
    return mean(aligned_errors(predicted, truth, valid=valid, with_scale=with_scale))


def n_mpjpe(
    predicted: Float[Tensor, "*batch T K 3"],
    truth: Float[Tensor, "*batch T K 3"],
    *,
    root: tuple[int, ...],
    valid: Mask | None = None,
) -> Float[Tensor, ""]:
    """Mean of `scaled_errors`."""
    return mean(scaled_errors(predicted, truth, root=root, valid=valid))


def mpvpe(
    predicted: Float[Tensor, "*batch T V 3"],
    truth: Float[Tensor, "*batch T V 3"],
    *,
    offset: Float[Tensor, "*batch T 3"] | None = None,
    valid: Bool[Tensor, "*batch T V"] | None = None,
) -> Float[Tensor, ""]:
    """Mean per-vertex position error; `offset` is added to all predicted vertices of a frame."""
    moved = predicted if offset is None else predicted + offset[..., None, :]
    return mean(joint_errors(moved, truth, valid=valid))


def pa_mpvpe(
    predicted: Float[Tensor, "*batch T V 3"],
    truth: Float[Tensor, "*batch T V 3"],
    *,
    valid: Bool[Tensor, "*batch T V"] | None = None,
    with_scale: bool = True,
) -> Float[Tensor, ""]:
    """Mean per-vertex position error after aligning the vertices of every frame."""
    return pa_mpjpe(predicted, truth, valid=valid, with_scale=with_scale)


def differentiate(
    position: Float[Tensor, "*batch T K D"], order: int, *, frame_rate: float = 1.0
) -> Float[Tensor, "*batch U K D"]:
    """Return the n-th difference over time times `frame_rate^n`."""
    return torch.diff(position, n=order, dim=-3) * frame_rate**order


def acceleration_errors(
    predicted: Float[Tensor, "*batch T K D"],
    truth: Float[Tensor, "*batch T K D"],
    *,
    frame_rate: float = 1.0,
    valid: Mask | None = None,
) -> Float[Tensor, "*batch U K"]:
    """Return the lengths of the differences of accelerations at inner frames."""
    gap = differentiate(predicted, 2, frame_rate=frame_rate)
    gap = gap - differentiate(truth, 2, frame_rate=frame_rate)
    steps = None if valid is None else valid[..., 2:, :] & valid[..., 1:-1, :] & valid[..., :-2, :]
    return _lengths(gap, steps)


def acceleration_error(
    predicted: Float[Tensor, "*batch T K D"],
    truth: Float[Tensor, "*batch T K D"],
    *,
    frame_rate: float = 1.0,
    valid: Mask | None = None,
) -> Float[Tensor, ""]:
    """Mean of `acceleration_errors`."""
    return mean(acceleration_errors(predicted, truth, frame_rate=frame_rate, valid=valid))


def velocity_error(
    predicted: Float[Tensor, "*batch T K D"],
    truth: Float[Tensor, "*batch T K D"],
    *,
    frame_rate: float = 1.0,
) -> Float[Tensor, ""]:
    """Mean length of the difference of velocities."""
    ours = differentiate(predicted, 1, frame_rate=frame_rate)
    return mean(joint_errors(ours, differentiate(truth, 1, frame_rate=frame_rate)))


def acceleration(
    position: Float[Tensor, "*batch T K D"], *, frame_rate: float = 1.0
) -> Float[Tensor, ""]:
    """Mean length of the second derivative."""
    return mean(_lengths(differentiate(position, 2, frame_rate=frame_rate), None))


def jitter(position: Float[Tensor, "*batch T K D"], *, frame_rate: float) -> Float[Tensor, ""]:
    """Mean length of the third derivative."""
    return mean(_lengths(differentiate(position, 3, frame_rate=frame_rate), None))


def pck(
    predicted: Float[Tensor, "*batch T K D"],
    truth: Float[Tensor, "*batch T K D"],
    *,
    scale: Float[Tensor, "*batch T"] | float,
    threshold: float,
    valid: Mask | None = None,
) -> Float[Tensor, ""]:
    """Share of keypoints with `|p - g| <= threshold * scale`; a missing prediction is wrong."""
    size = torch.as_tensor(scale, dtype=truth.dtype, device=truth.device)[..., None]
    right = (joint_errors(predicted, truth) <= threshold * size).to(truth.dtype)
    return mean(torch.where(_expect(truth, valid) & torch.isfinite(size), right, torch.nan))


def auc(
    predicted: Float[Tensor, "*batch T K D"],
    truth: Float[Tensor, "*batch T K D"],
    *,
    highest: float,
    valid: Mask | None = None,
) -> Float[Tensor, ""]:
    """Area under the curve of PCK over thresholds 0 to `highest`; misses count as wrong."""
    errors = joint_errors(predicted, truth)
    found = torch.isfinite(errors)
    areas = (1 - torch.where(found, errors, highest) / highest).clamp(min=0)
    return mean(torch.where(_expect(truth, valid), areas, torch.nan))


def mean(errors: Float[Tensor, "*axes"]) -> Float[Tensor, ""]:
    """Average an error map over its finite entries, NaN if there is none."""
    known = torch.isfinite(errors)
    # Not nanmean: its gradient at NaN entries is NaN as well.
    return torch.where(known, errors, 0.0).sum() / known.sum()


def _expect(truth: Float[Tensor, "*batch T K D"], valid: Mask | None) -> Mask:
    known = _known(truth)
    return known if valid is None else known & valid


def _known(position: Float[Tensor, "*batch T K D"]) -> Mask:
    return torch.isfinite(position).all(-1)


def _blank(position: Float[Tensor, "*batch T K D"], counts: Mask) -> Float[Tensor, "*batch T K D"]:
    # What is missing must not enter a sum, not even times 0: its gradient would be NaN.
    return torch.where(counts[..., None], position, 0.0)


def _centre(
    position: Float[Tensor, "*batch T K 3"], counts: Mask, share: Float[Tensor, "*batch T K 1"]
) -> Float[Tensor, "*batch T K 3"]:
    position = _blank(position, counts)
    return _blank(position - (share * position).sum(-2, keepdim=True), counts)


def _lengths(gap: Float[Tensor, "*batch T K D"], valid: Mask | None) -> Float[Tensor, "*batch T K"]:
    counts = _known(gap)
    counts = counts if valid is None else counts & valid
    square = (_blank(gap, counts) ** 2).sum(-1)
    zero = square == 0
    length = torch.where(zero, torch.zeros_like(square), torch.where(zero, 1.0, square).sqrt())
    return torch.where(counts, length, torch.nan)


def _nearest_rotation(M: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the rotations R that maximise `tr(R^T M)`, with the gradient of that maximum."""
    with torch.no_grad():
        left, _, right = torch.linalg.svd(M)
        sign = torch.ones_like(M[..., 0])
        sign[..., 2] = torch.where(torch.det(left) * torch.det(right) < 0, -1.0, 1.0)
        R = (left * sign[..., None, :]) @ right
        S = R.mT @ M
        spread = S.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
        eye = torch.eye(3, dtype=M.dtype, device=M.device)
        stiffness = spread * eye - (S + S.mT) / 2
        free = torch.det(stiffness).abs() <= _SINGULAR * spread[..., 0, 0].abs() ** 3
        stiffness = torch.where(free[..., None, None], eye, stiffness)
    if not M.requires_grad:
        return R
    turned = R.mT @ M
    twist = turned - turned.mT
    vector = torch.stack([twist[..., 2, 1], twist[..., 0, 2], twist[..., 1, 0]], -1)
    # One Newton step from the maximum: nothing in value, the whole derivative.
    step = torch.linalg.solve(stiffness, vector)
    step = torch.where(free[..., None], 0.0, step - step.detach())
    return R + R @ skew(step)
