"""Limbs that went through each other: on which side of each other they belong, and back there.

Where one limb has gone half through another, the closest skin is on one side for half of its
vertices and on the other side for the rest, so they push against each other and nothing moves. What
the limbs need is one direction for both as wholes: across both axes. On which of its two sides a
limb belongs is said by the frames around, in which most limbs are still, or again, on one side.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.fit.contact.capsules import Capsules, Meetings, nearest_on_segments

_INSIDE = 0.02
"""Share of a segment at its ends where limbs pass beside each other rather than across."""
_AROUND = 2
"""Frames before and after that have a say."""
_DEEP = 0.8
"""Axes nearer than this share of both radii have gone into each other."""
_STEEP = 0.1
"""Least sine between axes that cross."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossedLimbs:
    """R pairs of capsules that cross in a frame, and the side on which the first belongs."""

    frame: Int[Tensor, "R"]
    first: Int[Tensor, "R"]
    second: Int[Tensor, "R"]
    side: Float[Tensor, "R"]
    """1 along the cross product of both axes, -1 against it."""


def find_crossed(
    points: tuple[Float[Tensor, "B K 3"], Float[Tensor, "B M 3"]],
    fit: tuple[Float[Tensor, "B K 3"], Float[Tensor, "B M 3"]],
    capsules: tuple[Capsules, Capsules],
    pairs: Int[Tensor, "P 2"],
    tangled: Bool[Tensor, "B"],
    number: Int[Tensor, "B"],
) -> CrossedLimbs:
    """Find limbs that lie across each other, deeper than flesh gives.

    Args:
        points: Of both bodies in B frames, as they are now.
        fit: The same as they were fitted, which says on which side limbs belong.
        capsules: Of both.
        pairs: Which to compare.
        tangled: Frames that matter; the others have a say only.
        number: Of each frame in the motion, ascending; frames in between may be left out.
    """
    one, two = pairs.unbind(1)
    wide = capsules[0].radius[one] + capsules[1].radius[two]
    now, across = _signed(points, capsules, pairs)
    deep = across & (now.abs() < _DEEP * wide) & tangled[:, None]
    given, known = _signed(fit, capsules, pairs)
    # What is far apart says no more than what just touches.
    say = torch.where(known & (given.abs() < 2 * wide), given.clamp(-wide, wide), 0.0)
    near = (number[:, None] - number[None, :]).abs() <= _AROUND
    vote = near.to(say) @ say
    # Where nobody says anything, they leave by the side on which they are.
    vote = torch.where(vote == 0, now, vote)
    frame, pair = deep.nonzero().unbind(1)
    side = torch.where(vote[frame, pair] < 0, -1.0, 1.0)
    return CrossedLimbs(frame=frame, first=one[pair], second=two[pair], side=side.to(wide))


def meet_crossed(
    points: tuple[Float[Tensor, "B K 3"], Float[Tensor, "B M 3"]],
    capsules: tuple[Capsules, Capsules],
    crossed: CrossedLimbs,
    *,
    slack: float,
) -> Meetings:
    """Return how far limbs have to go to the side where they belong.

    The depth is the sum of both radii less the distance of the axes along the direction across
    both, which is negative on the wrong side; its derivative by the ends is that of `capsules`.

    Args:
        points: Of both bodies, m.
        capsules: Of both.
        crossed: What crosses.
        slack: Less deep than this has arrived, m.
    """
    one, two = crossed.first, crossed.second
    a = points[0][crossed.frame[:, None], capsules[0].ends[one]]
    b = points[1][crossed.frame[:, None], capsules[1].ends[two]]
    along, normal, away, across = _across(a, b)
    normal, away = crossed.side[:, None] * normal, crossed.side * away
    depth = capsules[0].radius[one] + capsules[1].radius[two] - away
    kept = (across & (depth > slack)).nonzero().squeeze(-1)
    return Meetings(
        problem=crossed.frame[kept],
        first=one[kept],
        second=two[kept],
        depth=depth[kept],
        normal=normal[kept],
        along=along[kept],
    )


def _signed(
    points: tuple[Float[Tensor, "B K 3"], Float[Tensor, "B M 3"]],
    capsules: tuple[Capsules, Capsules],
    pairs: Int[Tensor, "P 2"],
) -> tuple[Float[Tensor, "B P"], Bool[Tensor, "B P"]]:
    """Return the first axis' distance along the cross product, and where axes cross at all."""
    a = points[0][:, capsules[0].ends[pairs[:, 0]]]
    b = points[1][:, capsules[1].ends[pairs[:, 1]]]
    _, _, away, across = _across(a.flatten(0, 1), b.flatten(0, 1))
    return away.reshape(a.shape[:2]), across.reshape(a.shape[:2])


def _across(
    a: Float[Tensor, "R 2 3"], b: Float[Tensor, "R 2 3"]
) -> tuple[Float[Tensor, "R 2"], Float[Tensor, "R 3"], Float[Tensor, "R"], Bool[Tensor, "R"]]:
    """Return where axes come nearest, the direction across both, how far apart, and if at all."""
    along = nearest_on_segments(a, b)
    u, v = a[:, 1] - a[:, 0], b[:, 1] - b[:, 0]
    cross = torch.linalg.cross(u, v)
    size = cross.norm(dim=-1)
    normal = cross / size.clamp_min(1e-12)[:, None]
    s, t = along.unsqueeze(-1).unbind(1)
    away = ((a[:, 0] + s * u - b[:, 0] - t * v) * normal).sum(-1)
    inside = ((along > _INSIDE) & (along < 1 - _INSIDE)).all(-1)
    steep = size > _STEEP * u.norm(dim=-1) * v.norm(dim=-1)
    return along, normal, away, inside & steep
