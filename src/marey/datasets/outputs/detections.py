"""What detectors of keypoints have in common: lists of instances, linked into people."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core import Skeleton, Take, load_skeleton
from marey.core.errors import FormatError
from marey.datasets.outputs.people import Options
from marey.io.coco._parts import PIXEL_CENTRE, find_skeleton
from marey.io.json_file import JsonFault
from marey.io.link import link_sightings
from marey.io.sightings import Sighting, View, build_take

COCO_18 = tuple(name for name in load_skeleton("openpose-25").keypoints[:19] if name != "mid_hip")
"""OpenPose's older list: BODY_25 without the middle of the hips and the feet."""


def find_skeleton_of(count: int, path: Path) -> Skeleton:
    """Return the skeleton of so many keypoints.

    Raises:
        FormatError: If none is known.
    """
    try:
        return find_skeleton(None, [{"keypoints": [0.0] * 3 * count}])
    except JsonFault as fault:
        raise FormatError(f"{path}: {fault}") from fault


def sight(
    frame: int,
    points: Float[np.ndarray, "K 2"],
    score: Float[np.ndarray, "K"],
    box: Float[np.ndarray, "4"] | None = None,
    *,
    total: float | None = None,
    person: str | None = None,
) -> Sighting:
    """Return one instance; its points are indices of pixels, of which marey's are 0.5 greater."""
    known = np.isfinite(points).all(-1) & np.isfinite(score)
    sure = np.where(known, np.clip(np.nan_to_num(score), 0, 1), 0.0)
    position = np.nan_to_num(points) + PIXEL_CENTRE
    return Sighting(frame, position, sure, box, total, person)


def link(
    sightings: list[Sighting],
    skeleton: Skeleton,
    *,
    path: Path,
    kind: str,
    num_frames: int,
    options: Options,
) -> Take:
    """Link instances from frame to frame where they have no names, and make a take.

    Raises:
        FormatError: If a person is twice in one frame, or there are absurdly many.
        NothingFoundError: If there is nobody with a keypoint.
    """
    kept = [each for each in sightings if (each.confidence > 0).any()]
    view = View(path=path, format=kind, num_frames=num_frames, size=options.size)
    names = link_sightings(kept, skeleton)
    return build_take(kept, names, skeleton=skeleton, view=view, frame_rate=options.frame_rate)
