"""AlphaPose's `alphapose-results.json`, in its three layouts.

- `coco` (the default): a list of instances, each with `image_id` (the picture's name), `keypoints`
  (x, y, score, flat), `score` (of the person, may exceed 1), maybe `box` (x y w h), `idx` (who);
- `cmu`: a dictionary of pictures, each with `bodies`, a list of `joints`: 18 points of OpenPose's
  older list, flat;
- `open`: the same with `people` and `pose_keypoints_2d`.

The numbers in the names of pictures number the frames. Points with a score of 0 are missing.
Coordinates are indices of pixels. People without `idx` are linked from frame to frame by likeness.

Tried on files written in these layouts, which are those of the project's public documentation; no
real file is at hand.
"""

from pathlib import Path
from typing import Any

import numpy as np

from marey.core import Take, load_skeleton
from marey.core.errors import FormatError, NothingFoundError
from marey.datasets._fields import get_dict, to_array
from marey.datasets.outputs.detections import COCO_18, find_skeleton_of, link, sight
from marey.datasets.outputs.people import Options, name_person
from marey.io.coco._fields import image_number
from marey.io.json_file import JsonFault
from marey.io.sightings import Sighting

SPARSE = 10
"""Numbers that leave out more than 9 of 10 frames number no frames."""
_BODY = load_skeleton("openpose-25")
_LISTS = {"bodies": "joints", "people": "pose_keypoints_2d"}


def recognise(document: Any) -> bool:
    """Tell whether a document is AlphaPose's."""
    if isinstance(document, dict):
        return bool(document) and all(
            isinstance(frame, dict) and "version" in frame and not set(_LISTS).isdisjoint(frame)
            for frame in document.values()
        )
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and (
        isinstance(first.get("image_id"), str) and {"keypoints", "score"} <= set(first)
    )


def read(document: Any, path: Path, options: Options) -> Take:
    """Read the people of all pictures.

    Raises:
        FormatError: If fields are missing, or of other shapes.
        NothingFoundError: If there is nobody.
    """
    if isinstance(document, dict):
        rows = [row for name, frame in document.items() for row in _bodies(name, frame, path)]
    elif isinstance(document, list):
        rows = [get_dict(row, path) for row in document]
    else:
        raise FormatError(f"{path} holds neither a list nor a dictionary of people")
    if not rows:
        raise NothingFoundError(f"{path} holds nobody")
    try:
        numbers = [image_number(row, "image_id") for row in rows]
    except JsonFault as fault:
        raise FormatError(f"{path}: {fault}") from fault
    order = sorted(set(numbers))
    dense = order[-1] - order[0] < SPARSE * len(order)
    frame_of = {n: n - order[0] if dense else row for row, n in enumerate(order)}
    points = [_points(row, path) for row in rows]
    lengths = {len(each) for each in points}
    if len(lengths) > 1:
        raise FormatError(f"{path}: its people have different numbers of keypoints")
    length = lengths.pop()
    skeleton = _BODY if length == len(COCO_18) else find_skeleton_of(length, path)
    found = [
        _to_sighting(frame_of[number], row, each, path)
        for number, row, each in zip(numbers, rows, points, strict=True)
    ]
    count = frame_of[order[-1]] + 1
    kind = "AlphaPose keypoints"
    return link(found, skeleton, path=path, kind=kind, num_frames=count, options=options)


def _bodies(name: str, frame: Any, path: Path) -> list[dict[str, Any]]:
    table = get_dict(frame, path, name)
    key = next((key for key in _LISTS if key in table), None)
    people = table.get(key) if key is not None else None
    if key is None or not isinstance(people, list):
        raise FormatError(f"{path}: '{name}' has neither 'bodies' nor 'people'")
    return [
        {"image_id": name, "keypoints": get_dict(person, path, key).get(_LISTS[key])}
        for person in people
    ]


def _points(row: dict[str, Any], path: Path) -> np.ndarray:
    flat = to_array(row.get("keypoints"), "keypoints", path, (None,), missing=True)
    if len(flat) % 3 or not len(flat):
        raise FormatError(f"{path}: 'keypoints' has {len(flat)} numbers; expected x, y, score")
    return flat.reshape(-1, 3)


def _to_sighting(frame: int, row: dict[str, Any], points: np.ndarray, path: Path) -> Sighting:
    if len(points) == len(COCO_18):
        spread = np.zeros((len(_BODY), 3))
        spread[[_BODY.index(name) for name in COCO_18]] = points
        points = spread
    box = None
    if row.get("box") is not None:
        corner = to_array(row["box"], "box", path, (4,))
        box = np.concatenate([corner[:2], corner[:2] + corner[2:]])
    score = row.get("score")
    total = None if score is None else float(np.clip(to_array(score, "score", path, ()), 0, 1))
    who = np.ravel(np.asarray(row.get("idx"), dtype=object))
    number = who[0] if len(who) == 1 else None
    known = isinstance(number, (int, float)) and not isinstance(number, bool) and number >= 0
    person = name_person(int(number), path) if known and number is not None else None
    return sight(frame, points[:, :2], points[:, 2], box, total=total, person=person)
