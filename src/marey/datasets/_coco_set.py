"""COCO-style label files of image corpora: `images` and `annotations` that point at them.

`marey.io.coco` makes a take of such a file, with people followed and laid out over time; here every
image stays what it is, with the boxes and numbers evaluation needs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import Skeleton
from marey.core.errors import FormatError, NothingFoundError
from marey.datasets._folder import check_file
from marey.io.json_file import (
    JsonFault,
    check_unique,
    get_objects,
    get_whole,
    read_json,
    read_numbers,
)

PIXEL_CENTRE = 0.5

Row = dict[str, Any]
ReadPoints = Callable[[Row], Float[np.ndarray, "K 3"]]
"""Returns x, y px (the file's) and confidence of an annotation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """An image and the people labelled in it."""

    image: Row
    file_name: str
    size: tuple[int, int] | None
    people: tuple[Row, ...]


def read_images(path: str | Path, what: str) -> tuple[list[Labelled], dict[str, Any]]:
    """Return the images of a label file in its order, and the file's content.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such file.
        NothingFoundError: If it lists no image.
    """
    path = check_file(path, what)
    data = read_json(path)
    try:
        images = get_objects(data, "images")
        annotations = get_objects(data, "annotations")
        ids = [_get_id(image, "id") for image in images]
        check_unique(ids, "image id")
        people: dict[Any, list[Row]] = {each: [] for each in ids}
        for row in annotations:
            image_id = _get_id(row, "image_id")
            if image_id not in people:
                raise JsonFault(f"an annotation is of image {image_id}, which is missing")
            people[image_id].append(row)
    except JsonFault as fault:
        raise FormatError(f"{path}: {fault}; expected {what}") from fault
    if not images:
        raise NothingFoundError(f"{path} lists no images; expected {what}")
    labelled = [
        Labelled(
            image=image,
            file_name=str(image.get("file_name", each)),
            size=_get_size(image),
            people=tuple(people[each]),
        )
        for image, each in zip(images, ids, strict=True)
    ]
    return labelled, data


def read_triples(row: Row, key: str, count: int) -> Float[np.ndarray, "K 3"]:
    """Return x, y, v of a list of 3 K numbers; zeros (v = 0) if the annotation has none.

    Raises:
        JsonFault: If it is of another length.
    """
    if row.get(key) in (None, []):
        return np.zeros((count, 3))
    values = read_numbers(row[key], key)
    if len(values) != 3 * count:
        raise JsonFault(f"'{key}' holds {len(values)} numbers; expected {3 * count}")
    return values.reshape(count, 3)


def read_box(row: Row) -> Float[np.ndarray, "4"]:
    """Return x0 y0 x1 y1 px from x, y, width, height; NaN if there is none.

    Raises:
        JsonFault: If it is no four numbers.
    """
    if row.get("bbox") in (None, []):
        return np.full(4, np.nan)
    box = read_numbers(row["bbox"], "bbox")
    if len(box) != 4:
        raise JsonFault(f"'bbox' holds {len(box)} numbers; expected 4")
    return np.concatenate([box[:2], box[:2] + box[2:]])


def stack_people(
    people: Sequence[Row], skeleton: Skeleton, read_points: ReadPoints, path: Path
) -> tuple[Float[np.ndarray, "N 1 K 2"], Float[np.ndarray, "N 1 K"], Float[np.ndarray, "N 1 4"]]:
    """Return positions (marey's px), confidences and boxes of the people of one image.

    Raises:
        FormatError: If an annotation is not as it should be.
    """
    points = np.zeros((len(people), 1, len(skeleton), 3))
    box = np.full((len(people), 1, 4), np.nan)
    for number, row in enumerate(people):
        try:
            points[number, 0] = read_points(row)
            box[number, 0] = read_box(row)
        except JsonFault as fault:
            raise FormatError(f"{path}: annotation {row.get('id', number)}: {fault}") from fault
    return points[..., :2] + PIXEL_CENTRE, points[..., 2], box


def name_people(people: Sequence[Row], keys: Sequence[str]) -> tuple[str, ...]:
    """Return names by the first key an annotation has; those without are numbered."""
    names = []
    for number, row in enumerate(people):
        found = next((get_whole(row, key) for key in keys if get_whole(row, key) is not None), None)
        names.append(f"{number:02d}" if found is None else str(found))
    if len(set(names)) < len(names):
        return tuple(f"{number:02d}" for number in range(len(names)))
    return tuple(names)


def iterate_people(images: Sequence[Labelled]) -> Iterator[Labelled]:
    """Yield the images with people."""
    for labelled in images:
        if labelled.people:
            yield labelled


def _get_id(row: Row, key: str) -> int | str:
    value = row.get(key)
    if type(value) is int or (isinstance(value, str) and 0 < len(value) <= 64):
        return value
    raise JsonFault(f"'{key}' is no number or name: {str(value)[:40]!r}")


def _get_size(image: Row) -> tuple[int, int] | None:
    width, height = get_whole(image, "width"), get_whole(image, "height")
    return (width, height) if width and height else None
