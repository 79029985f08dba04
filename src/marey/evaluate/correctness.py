"""Right or wrong: PCK in its several units, the area under its curve, and limbs (PCP)."""

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.evaluate.positions import expect, joint_errors
from marey.evaluate.score import Score, summarise

HEAD_SHARE = 0.6
"""Head size of PCKh as a share of the head box's diagonal (MPII, CVPR 2014)."""


def correct_keypoints(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    scale: Float[np.ndarray, "*batch T"] | float,
    threshold: float,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Float[np.ndarray, "*batch T K"]:
    """Mark keypoints with `|p - g| <= threshold * scale`: 1 right, 0 wrong or not predicted.

    Args:
        predicted: Keypoints; a NaN is a miss.
        truth: True keypoints; NaN does not count.
        scale: Size of the person in each frame, in the same unit: see `box_size`, `torso_size`,
            `head_size`; the crop's side for thresholds of the crop; 1 for thresholds in px or m.
        threshold: Distance allowed, as a share of the scale; the limit itself is right.
        valid: What counts.
    """
    size = np.asarray(scale, np.float64)[..., None]
    right = (joint_errors(predicted, truth) <= threshold * size).astype(np.float64)
    return np.where(expect(truth, valid) & np.isfinite(size), right, np.nan)


def pck(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    scale: Float[np.ndarray, "*batch T"] | float,
    threshold: float,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Score:
    """Share of correct keypoints, 0..1, see `correct_keypoints`."""
    return summarise(
        correct_keypoints(predicted, truth, scale=scale, threshold=threshold, valid=valid)
    )


def box_size(box: Float[np.ndarray, "*batch T 4"]) -> Float[np.ndarray, "*batch T"]:
    """Return the longer side of boxes x0 y0 x1 y1, px (PCK of Sub-JHMDB)."""
    return np.maximum(box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]).astype(np.float64)


def torso_size(
    truth: Float[np.ndarray, "*batch T K D"], *, shoulder: int, hip: int
) -> Float[np.ndarray, "*batch T"]:
    """Return the distance from a shoulder to the hip of the other side (FLIC, CVPR 2013)."""
    return joint_errors(truth[..., [shoulder], :], truth[..., [hip], :])[..., 0]


def head_size(box: Float[np.ndarray, "*batch T 4"]) -> Float[np.ndarray, "*batch T"]:
    """Return 0.6 times the diagonal of head boxes x0 y0 x1 y1, px (PCKh; MPII, CVPR 2014)."""
    return HEAD_SHARE * np.hypot(box[..., 2] - box[..., 0], box[..., 3] - box[..., 1])


def areas_under_curve(
    errors: Float[np.ndarray, "*batch T K"], *, highest: float
) -> Float[np.ndarray, "*batch T K"]:
    """Return each joint's share of the area under the PCK curve, thresholds 0 to `highest`.

    The curve of one joint steps from 0 to 1 at its error, so its area is `1 - error / highest`, not
    below 0; the mean of all is the area under the mean curve.

    Args:
        errors: Distances, m (`joint_errors`); infinite for a miss, NaN does not count.
        highest: Largest threshold, in the same unit.
    """
    return np.maximum(1.0 - errors / highest, 0.0)


def sampled_areas_under_curve(
    errors: Float[np.ndarray, "*batch T K"], thresholds: Float[np.ndarray, "S"]
) -> Float[np.ndarray, "*batch T K"]:
    """Return each joint's share of the area under the PCK curve through given thresholds.

    The curve is straight between thresholds (trapezoids), and the abscissa runs from 0 to 1.

    Args:
        errors: Distances; NaN does not count.
        thresholds: Rising thresholds, in the same unit.
    """
    width = np.diff(thresholds) / (thresholds[-1] - thresholds[0])
    weight = 0.5 * (np.concatenate([width, [0.0]]) + np.concatenate([[0.0], width]))
    # An error is right at its first threshold not below it and at all later ones.
    remaining = np.concatenate([np.cumsum(weight[::-1])[::-1], [0.0]])
    first_right = np.searchsorted(thresholds, errors, side="left")
    return np.where(np.isnan(errors), np.nan, remaining[first_right])


def auc(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    highest: float,
    valid: Bool[np.ndarray, "*batch T K"] | None = None,
) -> Score:
    """Area under the curve of PCK over thresholds 0 to `highest`, 0..1; misses count as wrong."""
    errors = joint_errors(predicted, truth)
    errors = np.where(np.isnan(errors), np.inf, errors)
    counted = np.where(expect(truth, valid), errors, np.nan)
    return summarise(areas_under_curve(counted, highest=highest))


def correct_limbs(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    limbs: Int[np.ndarray, "L 2"],
    threshold: float = 0.5,
    both_ends: bool = False,
) -> Float[np.ndarray, "*batch T L"]:
    """Mark limbs whose ends are near the true ones, in limb lengths: 1 right, 0 wrong or missed.

    `(|p_a - g_a| + |p_b - g_b|) / 2 <= threshold * |g_a - g_b|`, the rule of Shelf and Campus
    (Belagiannis et al., CVPR 2014); strict PCP asks it of each end (Ferrari et al., CVPR 2008).

    Args:
        predicted: Positions; a NaN is a miss.
        truth: True positions; limbs with an end missing do not count.
        limbs: Index pairs.
        threshold: Error allowed, in lengths of the true limb.
        both_ends: Whether each end must be near, and not their mean.
    """
    errors = joint_errors(predicted, truth)[..., limbs]
    length = joint_errors(truth[..., limbs[:, 0], :], truth[..., limbs[:, 1], :])
    error = errors.max(-1) if both_ends else errors.mean(-1)
    return np.where(np.isnan(length), np.nan, (error <= threshold * length).astype(np.float64))


def pcp(
    predicted: Float[np.ndarray, "*batch T K D"],
    truth: Float[np.ndarray, "*batch T K D"],
    *,
    limbs: Int[np.ndarray, "L 2"],
    threshold: float = 0.5,
    both_ends: bool = False,
) -> Score:
    """Share of correct limbs ("percentage of correct parts"), 0..1, see `correct_limbs`."""
    return summarise(
        correct_limbs(predicted, truth, limbs=limbs, threshold=threshold, both_ends=both_ends)
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
