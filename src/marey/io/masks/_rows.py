"""Annotations of COCO's layout as masks: whose they are, and of which frame."""

import re
from collections.abc import Iterator
from typing import Any

from marey.io.json_file import JsonFault, get_objects, get_whole
from marey.io.masks._images import MAX_PEOPLE

MAX_FRAMES = 1_000_000
_IDENTITIES = ("track_id", "instance_id", "person_id", "object_id")


def read_rows(data: Any) -> dict[int, list[tuple[str, Any]]]:
    """Return people and segmentations by frame.

    Raises:
        JsonFault: If it is no such table.
    """
    annotations = {"annotations": data} if isinstance(data, list) else data
    rows = get_objects(annotations, "annotations")
    frame_of = _number_images(data, rows)
    found: dict[int, list[tuple[str, Any]]] = {}
    for row in rows:
        if "segmentation" not in row:
            continue
        image = get_whole(row, "image_id")
        if image is None or image not in frame_of:
            raise JsonFault(f"an annotation is of image {image}, which is not listed")
        here = found.setdefault(frame_of[image], [])
        name = next(_identities(row), str(len(here) + 1))
        if any(name == other for other, _ in here):
            raise JsonFault(f"image {image} has two masks of person {name}")
        if len(here) >= MAX_PEOPLE:
            raise JsonFault(f"image {image} has masks of more than {MAX_PEOPLE} people")
        here.append((name, row["segmentation"]))
    if not found:
        raise JsonFault("there is no 'segmentation' in it")
    return found


def _identities(row: dict[str, Any]) -> Iterator[str]:
    for key in _IDENTITIES:
        value = row.get(key)
        if type(value) is int or (isinstance(value, str) and value):
            yield str(value)[:100]


def _number_images(data: Any, rows: list[dict[str, Any]]) -> dict[int, int]:
    """Return the frame of each image: by `frame_id`, or in order of the numbers of the images."""
    if isinstance(data, list) or "images" not in data:
        numbers = sorted(
            {image for row in rows if (image := get_whole(row, "image_id")) is not None}
        )
        first = numbers[0] if numbers else 0
        return {number: number - first for number in numbers[:MAX_FRAMES]}
    images = get_objects(data, "images")
    numbers = [get_whole(image, "id") for image in images]
    if None in numbers or len(set(numbers)) != len(numbers) or len(numbers) > MAX_FRAMES:
        raise JsonFault("'images' have no 'id', or one twice")
    frames = [get_whole(image, "frame_id") for image in images]
    if None in frames or len(set(frames)) != len(frames):
        order = sorted(range(len(images)), key=lambda row: (_name_key(images[row]), numbers[row]))
        frames = [0] * len(images)
        for place, row in enumerate(order):
            frames[row] = place
    return {
        int(number or 0): int(frame or 0) for number, frame in zip(numbers, frames, strict=True)
    }


def _name_key(image: dict[str, Any]) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d{1,9})", str(image.get("file_name", "")))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
