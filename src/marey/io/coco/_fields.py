"""The members of COCO's objects, each checked as it is read."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.io.coco._parts import PARTS
from marey.io.json_file import JsonFault, get_whole, read_numbers
from marey.io.limits import MAX_SIDE_PX
from marey.io.sightings import check_name

Table = dict[str, Any]


def read_pairs(pose: Any) -> Float[np.ndarray, "K 2"]:
    """Return points listed as pairs x, y."""
    if not isinstance(pose, list) or not all(isinstance(p, list) and len(p) == 2 for p in pose):
        raise JsonFault("'pose' is not a list of pairs x, y")
    return read_numbers([value for pair in pose for value in pair], "pose").reshape(-1, 2)


def read_scores(score: Any) -> Float[np.ndarray, "K"]:
    """Return scores, each of which some files wrap in a list of its own."""
    if isinstance(score, list) and all(isinstance(s, list) and len(s) == 1 for s in score):
        score = [value[0] for value in score]
    return read_numbers(score, "score")


def match_scores(
    score: Float[np.ndarray, "..."] | None, position: Float[np.ndarray, "K 2"]
) -> Float[np.ndarray, "K"]:
    """Return a confidence for each point: 1 where none are stated."""
    if score is None:
        return np.ones(len(position))
    if len(score) != len(position):
        raise JsonFault("'score' and 'pose' have different lengths")
    return np.maximum(score, 0)


def read_box(annotation: Table) -> Float[np.ndarray, "4"] | None:
    """Return a box as two corners, or None."""
    key = next((key for key in ("bbox", "box") if key in annotation), None)
    if key is None:
        return None
    box = read_numbers(annotation[key], key)
    if len(box) == 0:
        return None
    if len(box) not in (4, 5):
        raise JsonFault(f"'{key}' is not four numbers")
    # Sequences of skeletons state two corners, everything of COCO a corner and a size.
    return box[:4] if "pose" in annotation else np.concatenate([box[:2], box[:2] + box[2:4]])


def read_name(annotation: Table, path: Path) -> str | None:
    """Return who an annotation is of, or None."""
    name = annotation.get("person")
    if isinstance(name, str):
        return check_name(name, path)
    for key in ("track_id", "idx"):
        number = get_whole(annotation, key)
        if number is not None:
            return f"{number:02d}"
    return None


def has_keypoints(annotation: Table) -> bool:
    """Tell whether an annotation has any."""
    return any(annotation.get(key) for key in PARTS)


def image_number(table: Table, key: str) -> int:
    """Return the number of an image."""
    value = table.get(key)
    if isinstance(value, str):
        # AlphaPose names the image: 12.jpg, frame_000012.png.
        digits = re.search(r"(\d{1,15})(?=\D*$)", value.rsplit(".", 1)[0])
        value = int(digits[1]) if digits else None
    if type(value) is not int:
        raise JsonFault(f"'{key}' is not the number of an image")
    return value


def read_size(image: Table) -> tuple[int, int] | None:
    """Return width and height, or None."""
    width, height = get_whole(image, "width"), get_whole(image, "height")
    if width is None or height is None:
        return None
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise JsonFault(f"an image has the size {width}x{height}")
    return width, height


def read_time(images: list[Table]) -> Float[np.ndarray, "T"] | None:
    """Return the times of all images, or None."""
    if not images or not all("time" in image for image in images):
        return None
    time = read_numbers([image["time"] for image in images], "time")
    if (np.diff(time) <= 0).any():
        raise JsonFault("the times of its images do not increase")
    return time
