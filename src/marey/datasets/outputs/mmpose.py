"""MMPose: the JSON of its inferencer and of its demo, and pickled results of a test.

Read are

- the inferencer's `predictions/NAME.json`: a list of instances (a picture) or of
  {`frame_id`, `instances`} (a video); the demo's `instance_info` holds the same;
- results of MMPose 1 (`--dump`): a list of samples with `pred_instances` and `img_path`;
- results of MMPose 0: a list of batches with `preds` (B, K, 3), `image_paths` and maybe `boxes`.

An instance has `keypoints` (K, 2), `keypoint_scores` (K), maybe `bbox` (x0 y0 x1 y1) and
`track_id`. 17, 26, 133 and 136 keypoints are known (COCO, Halpe, COCO-WholeBody). Coordinates are
indices of pixels, as in COCO's files. Keypoints in space (of its lifters) have no unit and are
refused. People without a `track_id` are linked from frame to frame by likeness.

Tried on files written in these layouts, which are those of the project's public documentation; no
real file is at hand.
"""

from pathlib import Path
from typing import Any

import numpy as np

from marey.core import Take
from marey.core.errors import FormatError, NothingFoundError
from marey.datasets._fields import get_array, get_dict, to_array
from marey.datasets.outputs.detections import find_skeleton_of, link, sight
from marey.datasets.outputs.people import Options, name_person

Instances = list[tuple[int, dict[str, Any]]]


def recognise(document: Any) -> bool:
    """Tell whether a document is MMPose's."""
    if isinstance(document, dict):
        return "instance_info" in document
    first = document[0] if isinstance(document, list) and document else None
    if not isinstance(first, dict):
        return False
    keys = set(first)
    return bool(keys & {"pred_instances", "keypoint_scores"}) or (
        keys >= {"preds", "image_paths"} or keys >= {"frame_id", "instances"}
    )


def read(document: Any, path: Path, options: Options) -> Take:
    """Read the people of a picture or a video.

    Raises:
        FormatError: If fields are missing, or of other shapes.
        NothingFoundError: If there is nobody.
    """
    if isinstance(document, dict):
        document = document.get("instance_info")
    if not isinstance(document, list):
        raise FormatError(f"{path} holds no list of instances as MMPose writes it")
    rows = [get_dict(row, path) for row in document]
    if rows and "pred_instances" in rows[0]:
        instances, count = _samples(rows, path)
    elif rows and "preds" in rows[0]:
        instances, count = _batches(rows, path)
    elif rows and "instances" in rows[0]:
        instances, count = _frames(rows, path)
    else:
        instances, count = [(0, row) for row in rows], 1
    if not instances:
        raise NothingFoundError(f"{path} holds nobody")
    found = [_read_instance(frame, row, path) for frame, row in instances]
    lengths = {len(each.confidence) for each in found}
    if len(lengths) > 1:
        raise FormatError(f"{path}: its people have different numbers of keypoints")
    skeleton = find_skeleton_of(lengths.pop(), path)
    kind = "MMPose keypoints"
    return link(found, skeleton, path=path, kind=kind, num_frames=count, options=options)


def _read_instance(frame: int, row: dict[str, Any], path: Path) -> Any:
    points = get_array(row, "keypoints", path, (None, None), missing=True)
    if points.shape[1] != 2:
        raise FormatError(
            f"{path} has keypoints of {points.shape[1]} coordinates, where px of pictures are read"
        )
    score = get_array(row, "keypoint_scores", path, (len(points),), missing=True)
    box = None
    if row.get("bbox") is not None:
        flat = np.ravel(np.asarray(row["bbox"]))[:4]
        box = to_array(flat, "bbox", path, (4,), missing=True)
    person = row.get("track_id")
    name = None if person is None else name_person(np.ravel([person])[0].item(), path)
    return sight(frame, points, score, box, person=name)


def _frames(rows: list[dict[str, Any]], path: Path) -> tuple[Instances, int]:
    """Frames of a video: `frame_id` counts from 0, or from 1 in the demo."""
    numbers = [row.get("frame_id") for row in rows]
    if not all(type(number) is int for number in numbers) or len(set(numbers)) < len(rows):
        raise FormatError(f"{path}: its frames are not numbered by 'frame_id'")
    first = min(int(str(number)) for number in numbers)
    instances: Instances = []
    for row in rows:
        people = row.get("instances")
        if not isinstance(people, list):
            raise FormatError(f"{path}: 'instances' of a frame is no list")
        frame = int(row["frame_id"]) - min(first, 1)
        instances += [(frame, get_dict(person, path, "instances")) for person in people]
    return instances, max(int(str(n)) for n in numbers) - min(first, 1) + 1


def _samples(rows: list[dict[str, Any]], path: Path) -> tuple[Instances, int]:
    """Samples of a test: one or several people of a picture."""
    names = sorted({str(row.get("img_path", row.get("img_id"))) for row in rows})
    frame_of = {name: frame for frame, name in enumerate(names)}
    instances: Instances = []
    for row in rows:
        frame = frame_of[str(row.get("img_path", row.get("img_id")))]
        table = get_dict(row.get("pred_instances"), path, "pred_instances")
        points = get_array(table, "keypoints", path, (None, None, None), missing=True)
        scores = get_array(table, "keypoint_scores", path, points.shape[:2], missing=True)
        boxes = table.get("bboxes")
        for person in range(len(points)):
            entry = {"keypoints": points[person], "keypoint_scores": scores[person]}
            if boxes is not None and len(boxes) == len(points):
                entry["bbox"] = boxes[person]
            instances.append((frame, entry))
    return instances, len(names)


def _batches(rows: list[dict[str, Any]], path: Path) -> tuple[Instances, int]:
    """Batches of a test of MMPose 0; boxes are centre and scale there, and passed over."""
    found = []
    for row in rows:
        preds = get_array(row, "preds", path, (None, None, 3), missing=True)
        images = row.get("image_paths")
        if not isinstance(images, (list, np.ndarray)) or len(images) != len(preds):
            raise FormatError(f"{path}: a batch has not as many 'image_paths' as 'preds'")
        found += [(str(image), each) for image, each in zip(images, preds, strict=True)]
    names = sorted({image for image, _ in found})
    frame_of = {name: frame for frame, name in enumerate(names)}
    instances: Instances = [
        (frame_of[image], {"keypoints": each[:, :2], "keypoint_scores": each[:, 2]})
        for image, each in found
    ]
    return instances, len(names)
