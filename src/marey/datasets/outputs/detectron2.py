"""Detectron2's keypoints as VideoPose3D saves them: an .npz of COCO's 17 points in every frame.

Read are

- VideoPose3D's `NAME.mp4.npz`: `boxes` and `keypoints`, for every frame and class arrays of
  (n, 5: x0 y0 x1 y1 score) and (n, 4, 17: x, y, logit, probability), `metadata` with `w` and `h`;
- arrays of the best person: `kp2d` (T, 17, 3: x, y, score), `bbox` (T, 5), `wh`, and maybe `vp3d`
  (T, 17, 3), VideoPose3D's Human3.6M joints in the camera's axes about the pelvis, m.

Detectron2's scores of points are logits without a bound; confidence is 1 / (1 + exp(-score)) of
them (`probability` is that of the best place among all, which is near 0). Coordinates are
continuous: (0, 0) is the corner of the first pixel, as in marey.

The second was tried on the real samples of eight dance clips; the first on a file written in the
layout of the projects' public documentation.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import Take, load_skeleton
from marey.core.errors import FormatError
from marey.datasets._fields import get_array, get_dict, get_list, to_array
from marey.datasets.outputs.gather import build_take
from marey.datasets.outputs.people import Options, Points, Seen
from marey.io.limits import check_picture_size
from marey.io.link import link_sightings
from marey.io.sightings import Sighting, View
from marey.io.sightings import build_take as build_view

KIND = "Detectron2 keypoints"
_COCO, _H36M = load_skeleton("coco-17"), load_skeleton("h36m-17")


def recognise(document: Any) -> bool:
    """Tell whether a document is Detectron2's, of either kind."""
    return isinstance(document, dict) and (
        {"kp2d", "bbox"} <= set(document) or {"boxes", "keypoints", "metadata"} <= set(document)
    )


def read(document: dict[str, Any], path: Path, options: Options) -> Take:
    """Read the people of a video.

    Raises:
        FormatError: If fields are missing, or of other shapes.
        NothingFoundError: If there is nobody.
    """
    if "kp2d" in document:
        return _read_best(document, path, options)
    return _read_all(document, path, options)


def _read_best(document: dict[str, Any], path: Path, options: Options) -> Take:
    points = get_array(document, "kp2d", path, (None, 17, 3), missing=True)
    count = len(points)
    box = get_array(document, "bbox", path, (count, 5), missing=True)
    size = options.size
    if "wh" in document:
        width, height = get_array(document, "wh", path, (2,))
        size = _size(width, height, path=path)
    space = None
    if "vp3d" in document:
        joints = get_array(document, "vp3d", path, (count, 17, 3), missing=True)
        space = Points(skeleton=_H36M, position=joints, frame="root")
    known = np.isfinite(points).all((1, 2))
    frame = np.flatnonzero(known)
    image = Points(
        skeleton=_COCO, position=points[known, :, :2], confidence=_sure(points[known, :, 2])
    )
    if space is not None:
        space = Points(skeleton=_H36M, position=space.position[known], frame="root")
    seen = Seen(
        name="01",
        frame=frame,
        image=image,
        space=space,
        box=box[known, :4],
        score=box[known, 4],
    )
    view = View(path=path, format=KIND, num_frames=count, size=size)
    return build_take([seen], view=view, options=options)


def _read_all(document: dict[str, Any], path: Path, options: Options) -> Take:
    boxes, points = get_list(document, "boxes", path), get_list(document, "keypoints", path)
    if len(boxes) != len(points):
        raise FormatError(f"{path} has {len(boxes)} frames of boxes and {len(points)} of points")
    found = []
    for frame, (here, seen) in enumerate(zip(boxes, points, strict=True)):
        box = _last_class(here, (None, 5), "boxes", path)
        people = _last_class(seen, (None, 4, 17), "keypoints", path)
        if len(box) != len(people):
            raise FormatError(f"{path}: frame {frame} has {len(box)} boxes, {len(people)} people")
        for one, person in zip(box, people, strict=True):
            sure = np.where(np.isfinite(person[:2]).all(0), _sure(person[2]), 0)
            position = np.nan_to_num(person[:2].T)
            found.append(Sighting(frame, position, sure, one[:4], float(np.clip(one[4], 0, 1))))
    meta = get_dict(document["metadata"], path, "metadata")
    size = options.size
    if {"w", "h"} <= set(meta):
        size = _size(meta["w"], meta["h"], path=path)
    view = View(path=path, format=KIND, num_frames=len(boxes), size=size)
    names = link_sightings(found, _COCO)
    return build_view(found, names, skeleton=_COCO, view=view, frame_rate=options.frame_rate)


def _last_class(
    value: Any, shape: tuple[int | None, ...], what: str, path: Path
) -> Float[np.ndarray, "..."]:
    """Return the arrays of people, which stand last, behind an empty class."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = list(value)
    if isinstance(value, list):
        value = value[-1] if value else []
    if isinstance(value, (list, np.ndarray)) and not len(value):
        return np.zeros([0, *(size or 0 for size in shape[1:])])
    return to_array(value, what, path, shape, missing=True)


def _sure(score: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    return 1 / (1 + np.exp(-np.clip(np.nan_to_num(score), -50, 50)))


def _size(width: Any, height: Any, *, path: Path) -> tuple[int, int]:
    sides = to_array([width, height], "wh", path, (2,)).astype(int).tolist()
    check_picture_size(sides[0], sides[1], path)
    return sides[0], sides[1]
