"""A body as capsules: cheap, differentiable volumes to keep apart.

A capsule is a segment between two points of the chain with a radius; the distance of two capsules
is that of their segments less both radii. Its derivative by the four ends follows from where on
the segments the nearest places lie, s and t in [0, 1]: those either minimise the distance or are
clamped, so they do not enter (the envelope theorem),

    d|p - q| / d(a0, a1, b0, b1) = ((1 - s) n, s n, -(1 - t) n, -t n),    n = (p - q) / |p - q|.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.fit.point_rows import PointRows

_TINY_M = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Capsules:
    """C capsules on the points of a chain."""

    ends: Int[Tensor, "C 2"]
    """Points at the ends of each; the same twice for a ball."""
    radius: Float[Tensor, "C"]
    """m"""
    pairs: Int[Tensor, "P 2"]
    """Capsules of one body that must not enter each other; not those that always touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meetings:
    """Where R pairs of capsules come nearest."""

    problem: Int[Tensor, "R"]
    first: Int[Tensor, "R"]
    second: Int[Tensor, "R"]
    """The capsules, of the first body and of the second (or of the same)."""
    depth: Float[Tensor, "R"]
    """How far they enter each other, m; negative where a gap is left."""
    normal: Float[Tensor, "R 3"]
    """Unit vector from the second to the first."""
    along: Float[Tensor, "R 2"]
    """Where on each segment, 0 to 1."""

    def slopes(self) -> Float[Tensor, "R 4 3"]:
        """Return the derivative of the depth by the ends: two of the first, two of the second."""
        s, t = self.along.unsqueeze(-1).unbind(1)
        parts = (-(1 - s) * self.normal, -s * self.normal, (1 - t) * self.normal, t * self.normal)
        return torch.stack(parts, 1)


def meet(
    first: Float[Tensor, "B K 3"],
    second: Float[Tensor, "B M 3"],
    capsules: Capsules,
    others: Capsules,
    pairs: Int[Tensor, "P 2"],
    *,
    within: float = 0.0,
) -> Meetings:
    """Find the pairs of capsules that enter each other.

    Args:
        first: Points of one body in B frames, m.
        second: Points of another body, or of the same.
        capsules: Of the first.
        others: Of the second.
        pairs: Which to compare.
        within: Also return pairs whose gap is smaller than this, m; if negative, only those that
            are deeper than its opposite.
    """
    a, b = first[:, capsules.ends], second[:, others.ends]
    reach = capsules.radius[pairs[:, 0]] + others.radius[pairs[:, 1]] + within
    near = _may_meet(a, b, pairs, reach).nonzero()
    problem, pair = near.unbind(1)
    one, two = pairs[pair].unbind(1)
    start_a, start_b = a[problem, one], b[problem, two]
    along = nearest_on_segments(start_a, start_b)
    s, t = along.unsqueeze(-1).unbind(1)
    p = start_a[:, 0] + s * (start_a[:, 1] - start_a[:, 0])
    q = start_b[:, 0] + t * (start_b[:, 1] - start_b[:, 0])
    apart = (p - q).norm(dim=-1)
    depth = capsules.radius[one] + others.radius[two] - apart
    met = (depth + within > 0).nonzero().squeeze(-1)
    normal = torch.where(
        (apart > _TINY_M).unsqueeze(-1),
        (p - q) / apart.clamp_min(_TINY_M).unsqueeze(-1),
        _across(start_a, start_b),
    )
    return Meetings(
        problem=problem[met],
        first=one[met],
        second=two[met],
        depth=depth[met],
        normal=normal[met],
        along=along[met],
    )


def _may_meet(
    a: Float[Tensor, "B C 2 3"],
    b: Float[Tensor, "B D 2 3"],
    pairs: Int[Tensor, "P 2"],
    reach: Float[Tensor, "P"],
) -> Tensor:
    """Tell which balls around the capsules touch; most pairs end here."""
    middle_a, middle_b = a.mean(2)[:, pairs[:, 0]], b.mean(2)[:, pairs[:, 1]]
    half_a, half_b = ((x[:, :, 1] - x[:, :, 0]).norm(dim=-1) / 2 for x in (a, b))
    limit = half_a[:, pairs[:, 0]] + half_b[:, pairs[:, 1]] + reach
    return (middle_a - middle_b).square().sum(-1) < limit.square()


def nearest_on_segments(
    a: Float[Tensor, "R 2 3"], b: Float[Tensor, "R 2 3"]
) -> Float[Tensor, "R 2"]:
    """Return where two segments come nearest (Ericson, Real-Time Collision Detection, 5.1.9)."""
    u, v, w = a[:, 1] - a[:, 0], b[:, 1] - b[:, 0], a[:, 0] - b[:, 0]
    uu, vv, uv = ((x * y).sum(-1) for x, y in ((u, u), (v, v), (u, v)))
    uw, vw = ((x * w).sum(-1) for x in (u, v))
    tiny = torch.finfo(a.dtype).tiny ** 0.5
    sine = uu * vv - uv * uv
    # Parallel segments are equally near along a stretch; the middle of the first is as good as any.
    level = sine <= 1e-6 * uu * vv
    s = torch.where(level, 0.5, (uv * vw - vv * uw) / sine.clamp_min(tiny)).clamp(0, 1)
    t = torch.where(vv > tiny, (uv * s + vw) / vv.clamp_min(tiny), 0.0).clamp(0, 1)
    s = torch.where(uu > tiny, (uv * t - uw) / uu.clamp_min(tiny), 0.0).clamp(0, 1)
    return torch.stack([s, t], -1)


def _across(a: Float[Tensor, "R 2 3"], b: Float[Tensor, "R 2 3"]) -> Float[Tensor, "R 3"]:
    """Return a direction for segments that cross: out of both, else the first axis."""
    normal = torch.linalg.cross(a[:, 1] - a[:, 0], b[:, 1] - b[:, 0])
    length = normal.norm(dim=-1, keepdim=True)
    axis = a.new_tensor([1.0, 0.0, 0.0]).expand_as(normal)
    return torch.where(length > _TINY_M**2, normal / length.clamp_min(_TINY_M**2), axis)


def penetration_rows(
    met: Meetings,
    capsules: Capsules,
    others: Capsules,
    *,
    sigma: float,
    share: Tensor,
    slack: float = 0.0,
) -> PointRows:
    """Return (depth - slack) / sigma and its derivatives; the last two points are the second's."""
    return PointRows(
        problem=met.problem,
        point=torch.cat([capsules.ends[met.first], others.ends[met.second]], 1),
        residual=(met.depth - slack) / sigma,
        slope=met.slopes() / sigma,
        share=share,
    )
