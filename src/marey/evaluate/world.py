"""Errors of motion in the world, where each system chooses origin, heading and often size."""

import numpy as np
from jaxtyping import Bool, Float

from marey.evaluate.positions import expect, joint_errors
from marey.evaluate.score import Score, summarise
from marey.geometry.alignment import fit_similarity


def world_errors(
    predicted: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    *,
    segment: int = 100,
    num_aligned: int | None = None,
    with_scale: bool = True,
    join_tail: bool = False,
) -> Float[np.ndarray, "T K"]:
    """Return joint errors after one alignment per segment of frames, m.

    Args:
        predicted: World positions, m.
        truth: True world positions, m, in axes of their own.
        segment: Frames per segment; the last one may be shorter.
        num_aligned: Frames at a segment's start that determine the alignment: 2 is W-MPJPE, None
            (all of them) is WA-MPJPE.
        with_scale: Whether the alignment may scale.
        join_tail: Whether a last segment that would be shorter is joined to the one before.
    """
    errors = np.full(truth.shape[:-1], np.nan)
    starts = list(range(0, len(truth), segment))
    if join_tail and len(starts) > 1 and len(truth) - starts[-1] < segment:
        starts.pop()
    for start, stop in zip(starts, [*starts[1:], len(truth)], strict=True):
        ours = np.asarray(predicted[start:stop], np.float64)
        theirs = np.asarray(truth[start:stop], np.float64)
        fitted = fit_similarity(
            ours[:num_aligned].reshape(-1, 3),
            theirs[:num_aligned].reshape(-1, 3),
            with_scale=with_scale,
        )
        moved = fitted.apply(ours.reshape(-1, 3)).reshape(ours.shape)
        errors[start:stop] = joint_errors(moved, theirs)
    return errors


def world_mpjpe(
    predicted: Float[np.ndarray, "T K 3"],
    truth: Float[np.ndarray, "T K 3"],
    *,
    segment: int = 100,
    num_aligned: int | None = None,
    with_scale: bool = True,
) -> Score:
    """Mean of `world_errors`, m: W-MPJPE and WA-MPJPE (SLAHMR, CVPR 2023; WHAM, CVPR 2024)."""
    errors = world_errors(
        predicted, truth, segment=segment, num_aligned=num_aligned, with_scale=with_scale
    )
    return summarise(errors, expected=expect(truth, None))


def root_translation_errors(
    predicted: Float[np.ndarray, "T 3"], truth: Float[np.ndarray, "T 3"]
) -> Float[np.ndarray, "T 1"]:
    """Return the error of the root's path as a share of the path's true length.

    `|R p_t + t - g_t| / sum_t |g_t+1 - g_t|` after one rigid alignment of the whole path; its mean
    is the RTE of WHAM (CVPR 2024), there times 100. NaN for a path that does not move.

    Args:
        predicted: Root positions in the world, m.
        truth: True root positions, m, in axes of their own.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    known = truth[np.all(np.isfinite(truth), axis=-1)]
    length = np.linalg.norm(np.diff(known, axis=0), axis=-1).sum()
    moved = fit_similarity(predicted, truth, with_scale=False).apply(predicted)
    errors = joint_errors(moved[:, None], truth[:, None])
    return errors / length if length > 0 else np.full(errors.shape, np.nan)


def root_translation_error(
    predicted: Float[np.ndarray, "T 3"],
    truth: Float[np.ndarray, "T 3"],
    *,
    valid: Bool[np.ndarray, "T"] | None = None,
) -> Score:
    """Mean of `root_translation_errors`, a share of the true path's length.

    Args:
        predicted: Root positions in the world, m.
        truth: True root positions, m.
        valid: What counts.
    """
    if valid is not None:
        truth = np.where(valid[:, None], truth, np.nan)
    return summarise(
        root_translation_errors(predicted, truth), expected=expect(truth[:, None], None)
    )
