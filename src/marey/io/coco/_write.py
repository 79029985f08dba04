"""The keypoints of a view as a COCO-WholeBody data set, written one annotation at a time."""

import json
from typing import Any, TextIO

import numpy as np
from jaxtyping import Float

from marey.core import Keypoints2D, Skeleton, Take, load_skeleton
from marey.core.errors import NothingFoundError
from marey.io._whole_body import convert_points
from marey.io.coco._parts import PARTS, PIXEL_CENTRE

SURE = 0.5
"""Confidence from which a keypoint counts as visible."""
LEAST = 0.0001
"""What confidence a keypoint keeps, so that rounding makes none missing."""


def write_dataset(take: Take, file: TextIO, *, view: int) -> None:
    """Write a view's keypoints to an open file.

    Raises:
        NothingFoundError: If nobody has keypoints in the view.
    """
    people = [person for person in take.people if len(person.keypoints2d) > view]
    if not people:
        raise NothingFoundError("this take holds no image keypoints, so there is no COCO to write")
    skeleton = load_skeleton(
        "coco-17"
        if people[0].keypoints2d[view].skeleton.name == "coco-17"
        else "coco-wholebody-133"
    )
    file.write('{"info": {"description": "marey", "version": "1.0"},\n"images": [')
    _write_rows(file, (_describe_image(take, view, frame) for frame in range(len(take.time))))
    file.write('],\n"annotations": [')
    count = 0

    def annotations():
        nonlocal count
        for number, person in enumerate(people, start=1):
            points = convert_points(person.keypoints2d[view], skeleton)
            boxes, scores = _find_boxes(take, view, person.name, person.start, person.num_frames)
            for row in range(person.num_frames):
                who = {"image_id": person.start + row + 1, "category_id": 1, "iscrowd": 0}
                who |= {"track_id": number, "person": person.name}
                seen = _describe_person(points, row, boxes[row], scores[row])
                if seen is not None:
                    count += 1
                    yield {"id": count, **who, **seen}

    _write_rows(file, annotations())
    file.write('],\n"categories": ')
    body = load_skeleton("coco-17")
    _dump(file, [_describe_category(body)])
    file.write("}\n")


def _write_rows(file: TextIO, rows: Any) -> None:
    for number, row in enumerate(rows):
        file.write(",\n" if number else "\n")
        _dump(file, row)


def _dump(file: TextIO, value: Any) -> None:
    file.write(json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False))


def _describe_image(take: Take, view: int, frame: int) -> dict[str, Any]:
    image: dict[str, Any] = {"id": frame + 1, "frame_id": frame, "time": float(take.time[frame])}
    if len(take.clips) <= view:
        return image | {"file_name": f"{frame:06d}.jpg"}
    clip = take.clips[view]
    width, height = clip.size
    stem = "" if clip.path is None else f"{clip.path.stem}_"
    return image | {
        "file_name": f"{stem}{frame:06d}.jpg",
        "width": width,
        "height": height,
    }


def _find_boxes(
    take: Take, view: int, name: str, start: int, length: int
) -> tuple[Float[np.ndarray, "L 4"], Float[np.ndarray, "L"]]:
    """Return a person's boxes over the span, NaN where there is none."""
    box, score = np.full((length, 4), np.nan), np.zeros(length)
    for track in take.tracks[view].tracks if len(take.tracks) > view else ():
        if track.person == name:
            for row in range(length):
                inside = start + row - track.start
                if 0 <= inside < len(track.box):
                    box[row], score[row] = track.box[inside], track.confidence[inside]
    return box, score


def _describe_person(
    points: Keypoints2D, row: int, box: Float[np.ndarray, "4"], score: float
) -> dict[str, Any] | None:
    """Return what an annotation says of a person in one frame, or None if nothing is known."""
    position, confidence = points.position[0, row], points.confidence[0, row]
    valid = np.isfinite(position).all(-1) & (confidence > 0)
    if not np.isfinite(box).all():
        if not valid.any():
            return None
        box, score = _surround(position, valid), float(confidence[valid].mean())
    sure = np.round(confidence.astype(np.float64), 4)
    flag = np.where(valid, np.where(confidence >= SURE, 2, 1), 0)
    place = np.where(valid[:, None], position - PIXEL_CENTRE, 0)
    triples = np.concatenate([np.round(place.astype(np.float64), 3), flag[:, None]], 1)
    size = box[2:] - box[:2]
    result: dict[str, Any] = {
        "bbox": _round([*box[:2], *size]),
        "area": round(float(size.prod()), 3),
        "score": round(float(score), 4),
        "num_keypoints": int(valid[:17].sum()),
        "scores": np.where(valid, np.maximum(sure, LEAST), 0).tolist(),
    }
    for key, part in list(PARTS.items())[: 1 if len(points.skeleton) == 17 else None]:
        result[key] = [v for x, y, flag in triples[part].tolist() for v in (x, y, int(flag))]
        if key != "keypoints":
            kind, seen = key.removesuffix("_kpts"), valid[part]
            result[f"{kind}_valid"] = bool(seen.any())
            if kind != "foot":
                around = _surround(position[part], seen) if seen.any() else np.zeros(4)
                result[f"{kind}_box"] = _round([*around[:2], *(around[2:] - around[:2])])
    return result


def _surround(position: Float[np.ndarray, "K 2"], valid: Any) -> Float[np.ndarray, "4"]:
    return np.concatenate([position[valid].min(0), position[valid].max(0)]).astype(np.float64)


def _round(values: list[Any]) -> list[float]:
    return [round(float(value), 3) for value in values]


def _describe_category(skeleton: Skeleton) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(skeleton.keypoints),
        # COCO counts keypoints from 1.
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.edges],
    }
