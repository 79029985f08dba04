"""Which points somebody else's predicted body stands before: depth order without pictures.

Bodies are the capsules of `masks.bodies`. A point is hidden from a view if the way to it enters
another's capsule; this is what drawing everybody with depth (`masks`) says, without the grid, and
so fast that it can be asked frame by frame.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float

from marey.capture.masks.bodies import body_capsules
from marey.core import Skeleton
from marey.fit.contact.capsules import nearest_on_segments

_OWN_M = 0.05
"""A surface hides a point only if it is nearer by this: a point lies inside its own limb."""


def find_hidden(
    skeleton: Skeleton,
    expected: Float[np.ndarray, "N K 3"],
    pose: Float[np.ndarray, "C 3 4"],
    *,
    margin: float = 0.02,
) -> Bool[np.ndarray, "C N K"]:
    """Return which points others hide from which views.

    Args:
        skeleton: What the points are.
        expected: Everyone's, m; NaN where unknown, which hides nothing and is not hidden.
        pose: World to camera (R | t) of every view.
        margin: How far inside a silhouette a point must be, m.
    """
    ends, radius = body_capsules(expected, skeleton)
    centre = -np.einsum("cji,cj->ci", pose[:, :, :3], pose[:, :, 3])
    hidden = np.zeros((len(pose), *expected.shape[:2]), bool)
    for person, points in enumerate(expected):
        others = np.delete(np.arange(len(expected)), person)
        theirs, thick = ends[others].reshape(-1, 2, 3), radius[others].reshape(-1)
        known = np.isfinite(theirs).all((1, 2))
        if known.any():
            reach = _reach(points, centre, theirs[known])
            hidden[:, person] = (reach < thick[known] - margin).any(-1)
    return hidden


def _reach(
    points: Float[np.ndarray, "K 3"],
    centre: Float[np.ndarray, "C 3"],
    segments: Float[np.ndarray, "S 2 3"],
) -> Float[np.ndarray, "C K S"]:
    """Return how near the ways from cameras to points come to segments; NaN for unknown points."""
    back = centre[:, None] - points
    length = np.linalg.norm(back, axis=-1, keepdims=True)
    near = points + back * (_OWN_M / length)
    start = np.broadcast_to(centre[:, None], near.shape)
    ways = np.stack([start, near], -2)
    shape = (*near.shape[:2], len(segments))
    a = np.array(np.broadcast_to(ways[:, :, None], (*shape, 2, 3))).reshape(-1, 2, 3)
    b = np.array(np.broadcast_to(segments, (*shape, 2, 3))).reshape(-1, 2, 3)
    s, t = nearest_on_segments(torch.from_numpy(a), torch.from_numpy(b)).numpy().T[..., None]
    apart = a[:, 0] + s * (a[:, 1] - a[:, 0]) - b[:, 0] - t * (b[:, 1] - b[:, 0])
    return np.linalg.norm(apart, axis=-1).reshape(shape)
