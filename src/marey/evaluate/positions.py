"""Errors of positions in space, before and after what an alignment takes away.

Maps (`joint_errors`, `aligned_errors`, `scaled_errors`) return one number per frame and joint; the
others average such a map over everything that counts, all frames and joints pooled. What is missing
(NaN) on either side does not count; `Score` says how much did. All work in float64, and all raise
ShapeError where the two sides differ in shape.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, Float, Shaped

from marey.core.errors import ShapeError
from marey.evaluate._procrustes_numba import align_residuals
from marey.evaluate.score import Score, summarise

_LEAST_SHARED = 4096
"""Frames from which several threads share the work."""
_MOST_THREADS = 4


def joint_errors(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Float[np.ndarray, "*batch T K"]:
    """Return the distance `|p - g|` of every joint to its truth, NaN where either is missing.

    Args:
        predicted: Positions, m or px.
        truth: True positions, in the same unit.
        valid: What counts; all if None.
    """
    return rooted_errors(predicted, truth, root=(), valid=valid)


def centre_on(
    position: Float[np.ndarray, "*batch T K D"], joints: tuple[int, ...]
) -> Float[np.ndarray, "*batch T K D"]:
    """Express positions relative to the mean of some joints of the same frame, in float64.

    Args:
        position: Positions, m.
        joints: Indices; one for a root joint, two for the middle of the hips.
    """
    position = np.asarray(position, np.float64)
    return position - position[..., list(joints), :].mean(-2, keepdims=True)


def rooted_errors(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    root: tuple[int, ...],
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Float[np.ndarray, "*batch T K"]:
    """Return joint errors after moving the mean of the root joints of both sides together.

    Args:
        predicted: Positions, m or px.
        truth: True positions, in the same unit.
        root: Indices of joints; nothing is moved if empty.
        valid: What counts.
    """
    check_alike(predicted, truth)
    # (p - root_p) - (g - root_g) = (p - g) - (root_p - root_g): one array to centre, not two.
    gap = np.subtract(predicted, truth, dtype=np.float64)
    if root:
        gap -= gap[..., list(root), :].mean(-2, keepdims=True)
    distance = np.sqrt(np.einsum("...d,...d->...", gap, gap))
    return distance if valid is None else np.where(valid, distance, np.nan)


def expect(
    truth: Float[np.ndarray, "*batch T K D"], valid: Bool[np.ndarray, "*batch T K"] | None
) -> Bool[np.ndarray, "*batch T K"]:
    """Say where a value should count: where there is a truth and the mask does not hide it."""
    known = _known(truth)
    return known if valid is None else known & valid


def aligned_errors(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
    *,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
    with_scale: bool = True,
) -> Float[np.ndarray, "*batch T K"]:
    """Return joint errors after the best alignment of every frame (Procrustes analysis).

    The transform minimises `sum_k |s R p_k + t - g_k|^2` over rotations R (no reflection),
    translations t and, unless told otherwise, sizes s (Umeyama, PAMI 1991, equations 34-43).
    `marey.geometry.alignment.align_points` is the plain version of the same.

    Args:
        predicted: Positions, m.
        truth: True positions, m.
        valid: What counts, for the alignment and for the errors.
        with_scale: Whether the alignment may change the size.

    Returns:
        Errors, m; NaN in frames where fewer than three joints count.
    """
    check_alike(predicted, truth)
    predicted, truth = _floats(predicted), _floats(truth)
    counts = expect(truth, valid) & _known(predicted)
    errors = np.full(counts.shape, np.nan)
    num_joints = truth.shape[-2]
    arrays = (
        predicted.reshape(-1, num_joints, 3),
        truth.reshape(-1, num_joints, 3),
        counts.reshape(-1, num_joints),
        errors.reshape(-1, num_joints),
    )
    _align_all(arrays, with_scale)
    return errors


def scaled_errors(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
    *,
    root: tuple[int, ...],
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Float[np.ndarray, "*batch T K"]:
    """Return joint errors after moving the root and scaling every frame by least squares.

    The size is `s = <p, g> / <p, p>` over the joints that count (Rhodin et al., CVPR 2018).

    Args:
        predicted: Positions, m.
        truth: True positions, m.
        root: Joints whose mean both sides are moved to; nothing is moved if empty.
        valid: What counts.
    """
    check_alike(predicted, truth)
    if root:
        predicted, truth = centre_on(predicted, root), centre_on(truth, root)
    counts = expect(truth, valid) & _known(predicted)
    ours = np.where(counts[..., None], predicted, 0.0)
    scale = (ours * np.where(counts[..., None], truth, 0.0)).sum((-1, -2))
    size = (ours**2).sum((-1, -2))
    scale = scale / np.where(size > 0, size, np.nan)
    return joint_errors(scale[..., None, None] * predicted, truth, valid=counts)


def mpjpe(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    root: tuple[int, ...] = (),
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Score:
    """Mean per-joint position error, m (Ionescu et al., PAMI 2014).

    Args:
        predicted: Positions, m; in the image, px.
        truth: True positions, in the same unit.
        root: Joints whose mean both sides are moved to; nothing is moved if empty.
        valid: What counts.
    """
    return summarise(
        rooted_errors(predicted, truth, root=root, valid=valid), expected=expect(truth, valid)
    )


def pa_mpjpe(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
    *,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
    with_scale: bool = True,
) -> Score:
    """Mean of `aligned_errors`, m: "reconstruction error", "protocol 2" of Human3.6M."""
    errors = aligned_errors(predicted, truth, valid=valid, with_scale=with_scale)
    return summarise(errors, expected=expect(truth, valid))


def n_mpjpe(
    predicted: Float[np.ndarray, "*batch T K 3"],
    truth: Float[np.ndarray, "*batch T K 3"],
    *,
    root: tuple[int, ...],
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Score:
    """Mean of `scaled_errors`, m (Rhodin et al., CVPR 2018)."""
    errors = scaled_errors(predicted, truth, root=root, valid=valid)
    return summarise(errors, expected=expect(truth, valid))


def mpvpe(
    predicted: Float[np.ndarray, "*batch T V 3"],
    truth: Float[np.ndarray, "*batch T V 3"],
    *,
    offset: Float[np.ndarray, "*batch T 3"] | None = None,
    valid: Bool[np.ndarray, "*batch T V"] | None = None,
) -> Score:
    """Mean per-vertex position error, m ("PVE"): vertices have no root of their own.

    Args:
        predicted: Vertices, m.
        truth: True vertices, m.
        offset: What is added to all predicted vertices of a frame, m: the true root less the
            predicted one, or nothing where a protocol compares vertices as they are.
        valid: What counts.
    """
    moved = predicted if offset is None else predicted + offset[..., None, :]
    return summarise(joint_errors(moved, truth, valid=valid), expected=expect(truth, valid))


def pa_mpvpe(
    predicted: Float[np.ndarray, "*batch T V 3"],
    truth: Float[np.ndarray, "*batch T V 3"],
    *,
    valid: Bool[np.ndarray, "*batch T V"] | None = None,
    with_scale: bool = True,
) -> Score:
    """Mean per-vertex position error after aligning the vertices of every frame, m."""
    return pa_mpjpe(predicted, truth, valid=valid, with_scale=with_scale)


def check_alike(predicted: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*other"]) -> None:
    """Refuse predictions and truth of different shapes, which no broadcasting should reconcile.

    Raises:
        ShapeError: If they have other numbers of people, frames, joints or axes.
    """
    if np.shape(predicted) != np.shape(truth):
        raise ShapeError(
            f"predictions of shape {np.shape(predicted)} cannot be compared with a truth of shape "
            f"{np.shape(truth)}; give the same people, frames and joints on both sides"
        )


def _known(position: Float[np.ndarray, "*batch T K D"]) -> Bool[np.ndarray, "*batch T K"]:
    # A sum is finite where all of its terms are; much faster than asking each over a short axis.
    return np.isfinite(np.einsum("...d->...", position, dtype=np.float64))


def _align_all(arrays: tuple[Shaped[np.ndarray, "T ..."], ...], with_scale: bool) -> None:
    # Frames do not know of each other, so that the number of threads changes no result.
    def align(part: slice) -> None:
        predicted, truth, counts, errors = (array[part] for array in arrays)
        align_residuals(predicted, truth, counts, with_scale, errors)

    num_frames = len(arrays[0])
    if num_frames < _LEAST_SHARED:
        align(slice(None))
        return
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    step = -(-num_frames // threads)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(align, (slice(at, at + step) for at in range(0, num_frames, step))))


def _floats(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    # The kernel computes in float64 and reads both sizes, so that nothing need be copied.
    keep = values.dtype in (np.float32, np.float64)
    return np.ascontiguousarray(values if keep else np.asarray(values, np.float64))
