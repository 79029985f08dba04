"""What the lists of a COCO annotation hold, and which skeleton they make together."""

from typing import Any

import numpy as np

from marey.core import Skeleton, load_skeleton
from marey.core.skeleton import mirror_name
from marey.io.json_file import JsonFault

PIXEL_CENTRE = 0.5
"""What a keypoint gains on its way into marey: index 0 is the middle of the first pixel."""

PARTS = {
    "keypoints": slice(0, 17),
    "foot_kpts": slice(17, 23),
    "face_kpts": slice(23, 91),
    "lefthand_kpts": slice(91, 112),
    "righthand_kpts": slice(112, 133),
}
"""The lists of an annotation and their places in COCO-WholeBody-133."""

BY_LENGTH = {17: "coco-17", 26: "halpe-26", 133: "coco-wholebody-133"}


def find_skeleton(categories: Any, annotations: list[dict[str, Any]]) -> Skeleton:
    """Return the skeleton of a file's keypoints, from their number and PoseTrack's own names.

    Raises:
        JsonFault: If their number is that of none.
    """
    if any(key in annotation for annotation in annotations for key in list(PARTS)[1:]):
        return load_skeleton("coco-wholebody-133")
    lengths = {len(a["keypoints"]) for a in annotations if isinstance(a.get("keypoints"), list)}
    count = max(lengths, default=51) // 3
    if count == 17 and "head_bottom" in _named_keypoints(categories):
        return load_skeleton("posetrack-17")
    if count == 136:
        return _halpe_full()
    if count not in BY_LENGTH:
        known = ", ".join(str(number) for number in (*BY_LENGTH, 136))
        raise JsonFault(f"its people have {count} keypoints, where {known} are known")
    return load_skeleton(BY_LENGTH[count])


def _named_keypoints(categories: Any) -> list[Any]:
    first = categories[0] if isinstance(categories, list) and categories else {}
    names = first.get("keypoints") if isinstance(first, dict) else None
    return names if isinstance(names, list) else []


def _halpe_full() -> Skeleton:
    """Halpe-136: Halpe-26, then face and hands in COCO-WholeBody's order."""
    body, whole = load_skeleton("halpe-26"), load_skeleton("coco-wholebody-133")
    names = (*body.keypoints, *whole.keypoints[23:])
    limbs = [
        (names.index(whole.keypoints[a]), names.index(whole.keypoints[b]))
        for a, b in whole.edges
        if min(a, b) >= 23
    ]
    mirror = [names.index(mirror_name(name)) for name in names]
    sigmas = (*(body.oks_sigmas or ()), *(whole.oks_sigmas or (np.nan,) * 133)[23:])
    return Skeleton(
        name="halpe-136",
        keypoints=names,
        edges=(*body.edges, *limbs),
        mirror=tuple(mirror),
        oks_sigmas=sigmas,
    )
