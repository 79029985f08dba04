"""What poses are plausible: a mean, a spread and limits for each joint of the SMPL family's rigs.

Rotation vectors in the rest pose's axes (T-pose, +X to the person's left, +Y up, +Z forward), for
the left side; the right side is the mirror image (x, -y, -z). In these axes the left elbow flexes
about -Y, knees about +X, hips about -X, and left fingers curl about -Z. The numbers are
anatomical ranges rounded outwards, set by hand. They serve where motion capture says nothing
(fingers) and as the pose a fit without 3D landmarks starts from; the body's own prior is learned
(`learned_prior`).
"""

from dataclasses import dataclass

import torch

from marey.core.skeleton import mirror_name
from marey.fit.costs import RotationPrior

_Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class _Range:
    mean: _Triple
    sigma: _Triple
    low: _Triple
    high: _Triple


_FREE = 10.0
"""A limit (rad) that no rotation vector reaches."""


def _same(value: float) -> _Triple:
    return (value, value, value)


def _even(sigma: float, limit: float) -> _Range:
    return _Range(_same(0.0), _same(sigma), _same(-limit), _same(limit))


def _finger(base: bool) -> _Range:
    sway, twist = (0.15, 0.1) if base else (0.05, 0.05)
    edge = 0.35 if base else 0.1
    return _Range((0.0, 0.0, -0.35), (twist, sway, 0.5), (-0.2, -edge, -1.75), (0.2, edge, 0.4))


_RANGES: dict[str, _Range] = {
    "spine1": _even(0.25, 0.8),
    "spine2": _even(0.2, 0.6),
    "spine3": _even(0.2, 0.6),
    "neck": _even(0.3, 0.9),
    "head": _even(0.3, 0.9),
    "left_hip": _Range((-0.2, 0.0, 0.05), (0.9, 0.5, 0.5), (-2.7, -1.4, -0.9), (0.9, 1.4, 1.7)),
    "left_knee": _Range(
        (0.35, 0.0, 0.0), (0.9, 0.12, 0.12), (-0.08, -0.4, -0.25), (2.7, 0.4, 0.25)
    ),
    "left_ankle": _Range((0.0, 0.0, 0.0), (0.4, 0.25, 0.25), (-0.8, -0.7, -0.7), (1.1, 0.7, 0.7)),
    "left_foot": _Range((0.0, 0.0, 0.0), (0.25, 0.05, 0.05), (-1.2, -0.1, -0.1), (0.6, 0.1, 0.1)),
    "left_collar": _Range((0.0, 0.0, 0.0), (0.15, 0.2, 0.2), (-0.4, -0.5, -0.4), (0.4, 0.5, 0.7)),
    "left_shoulder": _Range(
        (0.0, -0.2, -0.9), (0.6, 0.8, 0.9), (-2.0, -2.6, -2.4), (2.0, 1.6, 1.9)
    ),
    "left_elbow": _Range(
        (0.0, -0.5, 0.0), (0.4, 0.9, 0.12), (-1.2, -2.8, -0.25), (1.2, 0.06, 0.25)
    ),
    "left_wrist": _Range((0.0, 0.0, 0.0), (0.6, 0.25, 0.4), (-1.7, -0.7, -1.5), (1.7, 0.7, 1.5)),
    "left_thumb1": _even(0.35, 1.0),
    "left_thumb2": _even(0.3, 1.1),
    "left_thumb3": _even(0.3, 1.3),
    "jaw": _Range((0.0, 0.0, 0.0), (0.1, 0.02, 0.02), (-0.1, -0.1, -0.1), (0.6, 0.1, 0.1)),
}
for _name in ("index", "middle", "ring", "pinky"):
    for _digit in (1, 2, 3):
        _RANGES[f"left_{_name}{_digit}"] = _finger(base=_digit == 1)

_UNKNOWN = _even(0.3, _FREE)
"""For joints outside the table (eyes, a hand joint): near rest, without limits."""
_ROOT = _Range((0.0, 0.0, 0.0), _same(torch.inf), _same(-_FREE), _same(_FREE))


def rotation_prior(joints: tuple[str, ...]) -> RotationPrior:
    """Return the prior of a chain's joints.

    Args:
        joints: Joint names, the root first; the root is free.
    """
    ranges = [_ROOT, *(_range_of(joint) for joint in joints[1:])]
    return RotationPrior(
        mean=torch.tensor([entry.mean for entry in ranges], dtype=torch.float32),
        sigma=torch.tensor([entry.sigma for entry in ranges], dtype=torch.float32),
        low=torch.tensor([entry.low for entry in ranges], dtype=torch.float32),
        high=torch.tensor([entry.high for entry in ranges], dtype=torch.float32),
    )


def _range_of(joint: str) -> _Range:
    if joint in _RANGES:
        return _RANGES[joint]
    left = _RANGES.get(mirror_name(joint))
    if left is None:
        return _UNKNOWN
    # The mirror image turns the signs of y and z, which also swaps their limits.
    return _Range(
        _mirror(left.mean),
        left.sigma,
        (left.low[0], -left.high[1], -left.high[2]),
        (left.high[0], -left.low[1], -left.low[2]),
    )


def _mirror(vector: _Triple) -> _Triple:
    return (vector[0], -vector[1], -vector[2])
