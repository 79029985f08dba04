"""A video that was flipped: its people are mirror images, which fit nothing that others see.

Seen through a mirror, a left hand is a right one, and detectors call it so. With the picture
flipped back and the sides exchanged the view fits, where it did not before.
"""

from dataclasses import replace

import numpy as np

from marey.capture.rig.bundle import Focal
from marey.capture.rig.calibrate import place_by_people
from marey.core import Cameras, Keypoints2D
from marey.core.errors import NothingFoundError

_MOST_TRIED = 12
_MUCH_BETTER, _GOOD = 0.06, 0.85


def find_mirrored(
    keypoints: Keypoints2D, lenses: Cameras, focal: Focal, agreeing: float
) -> int | None:
    """Return the view that has to be mirrored for all to agree; None if no single one helps.

    Args:
        keypoints: C N T K on one clock.
        lenses: Of the views.
        focal: Whether focal lengths are known.
        agreeing: Share of points in place as they are; 0 if the cameras cannot be placed.
    """
    best, found = max(_GOOD, agreeing + _MUCH_BETTER), None
    # With two views either may be the one; the second is named.
    for view in reversed(range(min(len(lenses.names), _MOST_TRIED))):
        try:
            share = place_by_people(
                flip_view(keypoints, lenses, view), lenses, focal=focal
            ).agreeing
        except NothingFoundError:
            continue
        if share > best:
            best, found = share, view
    return found


def flip_view(keypoints: Keypoints2D, cameras: Cameras, view: int) -> Keypoints2D:
    """Return keypoints as one view would have them, had it been mirrored."""
    mirror = np.array(keypoints.skeleton.mirror)
    position, confidence = keypoints.position.copy(), keypoints.confidence.copy()
    position[view] = position[view][..., mirror, :]
    position[view, ..., 0] = cameras.size[view, 0] - position[view, ..., 0]
    confidence[view] = confidence[view][..., mirror]
    return replace(keypoints, position=position, confidence=confidence)
