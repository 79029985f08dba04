"""Where the body network should look: from a person box, or from its own last result.

The network was trained on crops centred between the hips, turned so that the trunk points up, with
the whole body inside a circle. Its auxiliary points 33 (centre) and 34 (on that circle, above)
carry these; a box carries place and size only, so the first look is upright.
"""

import numpy as np
from jaxtyping import Float

from marey.models.blazepose.network import PoseLandmarks
from marey.models.crop import SquareCrop, point_up

_CENTER, _SCALE = 33, 34
_MARGIN = 1.25
"""Side of the crop over the diameter of the circle around the body."""


def crop_from_box(box: Float[np.ndarray, "4"], *, angle: float = 0.0) -> SquareCrop:
    """Return the crop with which to start on a person box (x0 y0 x1 y1 in px)."""
    box = np.asarray(box, float)
    side = _MARGIN * float(np.max(box[2:] - box[:2]))
    return SquareCrop(center=(box[:2] + box[2:]) / 2, side=side, angle=angle)


def crop_from_pose(pose: PoseLandmarks) -> SquareCrop:
    """Return the crop for the next frame, or for a second look at the same frame."""
    center, scale = pose.position[_CENTER], pose.position[_SCALE]
    side = 2 * _MARGIN * float(np.linalg.norm(scale - center))
    return SquareCrop(center=center, side=side, angle=point_up(center, scale))
