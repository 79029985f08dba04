"""Which points the predicted bodies leave to be seen."""

import numpy as np
from jaxtyping import Float

from marey.capture.masks import render_masks, see_points
from marey.capture.masks_bodies import body_faces, body_from_points
from marey.core import Cameras, Skeleton


def see_through(
    cameras: Cameras, skeleton: Skeleton, expected: Float[np.ndarray, "N K 3"], frame: int
) -> Float[np.ndarray, "C N K"]:
    """Return the share of each point's surroundings that nobody else hides; 1 where unknown.

    Args:
        cameras: The views.
        skeleton: What the points are.
        expected: Everyone's, m; NaN where unknown.
        frame: Which pose of moving cameras.
    """
    vertices = body_from_points(expected, skeleton)
    layers = render_masks(cameras, vertices, body_faces(), frame=frame, cells=64)
    seen = see_points(cameras, layers, expected, frame=frame).visible
    return np.where(np.isfinite(seen), seen, 1.0)
