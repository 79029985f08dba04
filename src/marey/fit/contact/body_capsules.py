"""A body's capsules: which points they run between, and how thick they are for one shape."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.body import Body
from marey.core.errors import InputError
from marey.fit.chain import Chain
from marey.fit.chains import cut_chain, find_point
from marey.fit.contact.capsules import Capsules, meet, nearest_on_segments

_SIDES = ("left", "right")
_LIMBS = (
    (("hip",), ("knee",)),
    (("knee",), ("ankle",)),
    (("heel", "ankle"), ("big_toe", "foot")),
    (("shoulder",), ("elbow",)),
    (("elbow",), ("wrist",)),
    (("wrist",), ("middle3", "hand", "middle1")),
)
_MIDDLE = (
    (("left_hip",), ("right_hip",)),
    (("mid_hip", "pelvis"), ("mid_shoulder", "neck")),
    (("left_shoulder",), ("right_shoulder",)),
    (("neck",), ("head_top", "head")),
)
"""Ends of the capsules; of several names the first that a body has."""
_REST_GAP_M = 0.01
"""Capsules nearer than this at rest always touch and are not kept apart."""
_ROUNDS = 3
_FEWEST = 5
_ENOUGH = 4096
"""Vertices that decide the radii, which are medians."""


def add_capsules(
    body: Body, chain: Chain, *, shape: Tensor | None = None
) -> tuple[Chain, Capsules]:
    """Return a chain with the ends of the body's capsules among its points, and the capsules.

    The chain's own points stay first; the new ones have no measurements. Radii are the median
    distances of the skin of one shape, so that a capsule is as thick as the limb on average: bodies
    may touch by a centimetre or two before the capsules do, or after.

    Args:
        body: The body.
        chain: Part of it.
        shape: Coefficients; the mean shape if None.

    Raises:
        InputError: If too few capsules find their ends on the body.
    """
    named = _named_ends(body, chain)
    if len(named) < _FEWEST:
        raise InputError(
            f"{body.name} has points for {len(named)} capsules of those of a human body; "
            "give a body with hips, knees, shoulders and elbows"
        )
    names = list(dict.fromkeys(name for pair in named for name in pair))
    extra = tuple(name for name in names if name not in chain.points)
    wide = cut_chain(body, chain.joints, (*chain.points, *extra))
    ends = torch.tensor([[wide.points.index(name) for name in pair] for pair in named])
    coefficients = torch.zeros(body.num_shape) if shape is None else shape
    rest = _rest_points(wide, coefficients)
    vertices = body.v_template + body.shapedirs @ coefficients
    radius = _radii(rest[ends], vertices[:: max(1, len(vertices) // _ENOUGH)])
    alone = Capsules(ends=ends, radius=radius, pairs=torch.zeros(0, 2, dtype=torch.int64))
    return wide, Capsules(ends=ends, radius=radius, pairs=_apart_at_rest(alone, rest))


def _named_ends(body: Body, chain: Chain) -> list[tuple[str, str]]:
    sided = [
        tuple(tuple(f"{side}_{name}" for name in end) for end in limb)
        for limb in _LIMBS
        for side in _SIDES
    ]
    found = []
    for start, end in (*_MIDDLE, *sided):
        names = [
            next((name for name in end_ if _has(body, chain, name)), None) for end_ in (start, end)
        ]
        if None not in names:
            found.append((names[0], names[1]))
    return found


def _has(body: Body, chain: Chain, name: str) -> bool:
    if name in chain.points:
        return True
    found = find_point(body, name)
    joint = -1 if found is None else found[0]
    while joint >= 0 and body.joint_names[joint] not in chain.joints:
        joint = body.parents[joint]
    return joint >= 0


def _rest_points(chain: Chain, shape: Float[Tensor, "S"]) -> Float[Tensor, "K 3"]:
    joints = chain.template + chain.shapedirs @ shape
    offset = chain.point_offset + chain.point_shapedirs @ shape
    return joints[chain.point_joint] + offset


def _radii(segments: Float[Tensor, "C 2 3"], vertices: Float[Tensor, "V 3"]) -> Float[Tensor, "C"]:
    """Return the median distance of each capsule's own skin, which is what lies nearest to it."""
    count, many = len(segments), len(vertices)
    balls = vertices[:, None, None].expand(-1, count, 2, -1).flatten(0, 1)
    along = nearest_on_segments(segments.repeat(many, 1, 1), balls)[:, :1]
    start, end = segments.repeat(many, 1, 1).unbind(1)
    distance = (
        (start + along * (end - start) - balls[:, 0]).norm(dim=-1).unflatten(0, (many, count))
    )
    radius = torch.zeros(count)
    for _ in range(_ROUNDS):
        owner = (distance - radius).argmin(1)
        own = [distance[owner == row, row] for row in range(count)]
        radius = torch.stack([part.median() if len(part) else distance.min() for part in own])
    return radius


def _apart_at_rest(capsules: Capsules, rest: Float[Tensor, "K 3"]) -> Int[Tensor, "P 2"]:
    count = len(capsules.radius)
    every = torch.combinations(torch.arange(count), 2)
    met = meet(rest[None], rest[None], capsules, capsules, every, within=_REST_GAP_M)
    touching = set(zip(met.first.tolist(), met.second.tolist(), strict=True))
    kept = [
        pair
        for pair in map(tuple, every.tolist())
        if pair not in touching
        and not set(capsules.ends[pair[0]].tolist()) & set(capsules.ends[pair[1]].tolist())
    ]
    return torch.tensor(kept, dtype=torch.int64).reshape(-1, 2)
