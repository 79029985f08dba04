"""The layouts in which COCO keypoints come, each turned into sightings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import Skeleton
from marey.io.coco._fields import (
    Table,
    has_keypoints,
    image_number,
    match_scores,
    read_box,
    read_name,
    read_pairs,
    read_scores,
    read_size,
    read_time,
)
from marey.io.coco._parts import PARTS, PIXEL_CENTRE, find_skeleton
from marey.io.json_file import JsonFault, check_unique, get_objects, get_whole, read_numbers
from marey.io.sightings import Sighting, View

MAX_FRAMES = 10_000_000
SPARSE = 10
"""Image numbers that leave out more than 9 of 10 frames number no frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a file holds."""

    sightings: list[Sighting]
    skeleton: Skeleton
    view: View
    in_sequence: bool = True
    """Whether one image follows on the other."""


def read_layout(data: Any, path: Path) -> Found:
    """Find the layout of a file's content and read it.

    Raises:
        JsonFault: If it is none of them.
        FormatError: If a person has no proper name.
    """
    if isinstance(data, list):
        return _read_results(data, path)
    if not isinstance(data, dict):
        raise JsonFault("it is neither an object nor a list")
    if "people" in data:
        raise JsonFault("it looks like one frame of OpenPose; give the folder of all its frames")
    return _read_sequence(data, path) if "data" in data else _read_dataset(data, path)


def _read_dataset(data: Table, path: Path) -> Found:
    images, annotations = get_objects(data, "images"), get_objects(data, "annotations")
    if len({str(image["vid_id"]) for image in images if "vid_id" in image}) > 1:
        raise JsonFault("it holds several videos; split it by vid_id")
    frames = [get_whole(image, "frame_id") for image in images]
    numbered = [frame for frame in frames if frame is not None]
    if len(numbered) == len(images):
        images = [image for _, image in sorted(zip(numbered, images, strict=True), key=_first)]
    ids = [image_number(image, "id") for image in images]
    check_unique(ids, "image id")
    check_unique((a["id"] for a in annotations if get_whole(a, "id") is not None), "annotation id")
    row_of = {image: row for row, image in enumerate(ids)}
    annotations = [a for a in annotations if has_keypoints(a)]
    for annotation in annotations:
        if image_number(annotation, "image_id") not in row_of:
            raise JsonFault(f"an annotation is of image {annotation['image_id']}, which is missing")
    sizes = {read_size(image) for image in images}
    view = View(
        path=path,
        format="COCO JSON",
        num_frames=len(images),
        size=sizes.pop() if len(sizes) == 1 else None,
        time=read_time(images),
    )
    skeleton = find_skeleton(data.get("categories"), annotations)
    sightings = _read_people(
        annotations, skeleton, path, lambda a: row_of[image_number(a, "image_id")], as_flags=True
    )
    return Found(sightings=sightings, skeleton=skeleton, view=view, in_sequence=not sizes)


def _read_results(rows: list[Any], path: Path) -> Found:
    if not all(isinstance(row, dict) for row in rows):
        raise JsonFault("it is a list of something else than objects")
    rows = [row for row in rows if has_keypoints(row)]
    ids = sorted({image_number(row, "image_id") for row in rows})
    if not ids:
        raise JsonFault("none of its results has keypoints")
    dense = ids[-1] - ids[0] < SPARSE * len(ids)
    row_of = {image: image - ids[0] if dense else row for row, image in enumerate(ids)}
    skeleton = find_skeleton(None, rows)
    sightings = _read_people(
        rows, skeleton, path, lambda a: row_of[image_number(a, "image_id")], as_flags=False
    )
    view = View(path=path, format="COCO results", num_frames=row_of[ids[-1]] + 1)
    return Found(sightings=sightings, skeleton=skeleton, view=view)


def _read_sequence(data: Table, path: Path) -> Found:
    frames = get_objects(data, "data")
    numbers = [get_whole(frame, "frame_index") for frame in frames]
    known = [number for number in numbers if number is not None]
    check_unique(known, "frame_index")
    if len(known) < len(numbers) or not known or max(known) - min(known) > MAX_FRAMES:
        raise JsonFault("its frames are not numbered by 'frame_index'")
    lengths, rows = set(), []
    for frame, number in zip(frames, known, strict=True):
        for person in get_objects(frame, "skeleton"):
            position = read_pairs(person.get("pose"))
            score = read_scores(person["score"]) if "score" in person else None
            lengths.add(len(position))
            rows.append((number - min(known), position, score, person))
    if len(lengths) > 1:
        raise JsonFault("its people have different numbers of keypoints")
    skeleton = find_skeleton(None, [{"keypoints": [0.0] * 3 * n} for n in lengths])
    view = View(path=path, format="skeletons", num_frames=max(known) - min(known) + 1)
    sightings = [
        Sighting(
            frame,
            position + PIXEL_CENTRE,
            match_scores(score, position),
            read_box(person),
            person=read_name(person, path),
        )
        for frame, position, score, person in rows
    ]
    return Found(sightings=sightings, skeleton=skeleton, view=view)


def _read_people(
    annotations: list[Table],
    skeleton: Skeleton,
    path: Path,
    frame_of: Callable[[Table], int],
    *,
    as_flags: bool,
) -> list[Sighting]:
    if not annotations:
        return []
    parts = [key for key in PARTS if any(key in annotation for annotation in annotations)]
    points = [
        _stack([read_numbers(a.get(key, []), key) for a in annotations], key) for key in parts
    ]
    together = np.concatenate([_rate(p, as_flags=as_flags) for p in points], 1)
    if together.shape[1] != len(skeleton):
        together = _spread(together, parts, skeleton)
    result = []
    for annotation, point in zip(annotations, together, strict=True):
        confidence = point[:, 2]
        scores = annotation.get("scores")
        if isinstance(scores, list) and len(scores) == len(confidence):
            confidence = np.where(confidence > 0, read_numbers(scores, "scores"), 0)
        score = annotation.get("score")
        sighting = Sighting(
            frame_of(annotation),
            point[:, :2] + PIXEL_CENTRE,
            np.maximum(confidence, 0),
            read_box(annotation),
            float(np.maximum(read_numbers([score], "score")[0], 0)) if score is not None else None,
            read_name(annotation, path),
        )
        if sighting.person is not None or (sighting.confidence > 0).any():
            result.append(sighting)
    return result


def _stack(rows: list[Float[np.ndarray, "..."]], key: str) -> Float[np.ndarray, "A K 3"]:
    """Stack the triples of all annotations; those without the part get zeros."""
    lengths = {len(row) for row in rows if len(row)}
    if len(lengths) != 1 or (length := lengths.pop()) % 3:
        raise JsonFault(f"'{key}' is not x, y, v of the same number of points everywhere")
    return np.stack([row if len(row) else np.zeros(length) for row in rows]).reshape(
        len(rows), -1, 3
    )


def _rate(points: Float[np.ndarray, "A K 3"], *, as_flags: bool) -> Float[np.ndarray, "A K 3"]:
    """Turn flags into confidences: 1 is hidden and 2 visible, unless there is no 2."""
    points = points.copy()
    flag = points[..., 2]
    if as_flags and (flag == 2).any():
        points[..., 2] = np.where(flag == 1, 0.5, np.where(flag == 2, 1.0, flag))
    return points


def _spread(
    points: Float[np.ndarray, "A P 3"], parts: list[str], skeleton: Skeleton
) -> Float[np.ndarray, "A K 3"]:
    """Put the parts that are there in their places; the others are missing."""
    result = np.zeros((len(points), len(skeleton), 3))
    columns = [column for key in parts for column in range(*PARTS[key].indices(len(skeleton)))]
    if len(columns) != points.shape[1]:
        raise JsonFault("the parts of its people have unexpected numbers of keypoints")
    result[:, columns] = points
    return result


def _first(pair: tuple[int, Table]) -> int:
    return pair[0]
