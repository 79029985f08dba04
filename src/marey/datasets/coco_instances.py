"""People of COCO's label files with keypoints and an instance mask each: COCO, OCHuman.

What trains a network that looks at one person in a box (`marey.train.pose_crops`). Crowds, people
without a mask and people with too few labelled points are left out.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets._coco_set import PIXEL_CENTRE, Row, read_box, read_images, read_triples
from marey.io.json_file import JsonFault
from marey.io.masks._rle import read_segmentation

NUM_KEYPOINTS = 17
_WHAT = "labels in COCO's layout with masks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One labelled person."""

    image: Path
    size: tuple[int, int]
    """Width and height of the image, px."""
    box: Float[np.ndarray, "4"]
    """x0 y0 x1 y1, px."""
    position: Float[np.ndarray, "17 2"]
    """px; NaN where not labelled."""
    segmentation: Any
    """As the file has it."""

    def mask(self) -> Bool[np.ndarray, "H W"]:
        """Return the mask.

        Raises:
            FormatError: If it is damaged or of another size.
        """
        try:
            return read_segmentation(self.segmentation, self.size)
        except JsonFault as fault:
            raise FormatError(f"the mask of a person in {self.image}: {fault}") from fault


def read_instances(
    path: str | Path, images: str | Path, *, least_points: int = 1
) -> tuple[Instance, ...]:
    """Read the people of a label file.

    Args:
        path: The .json.
        images: The folder of its images.
        least_points: Labelled points that a person needs.

    Raises:
        InputError: If the file or an image is missing.
        FormatError: If it is no such file.
        NothingFoundError: If nobody in it has keypoints and a mask.
    """
    path, folder, found = Path(path), Path(images), []
    labelled, _ = read_images(path, _WHAT)
    for image in labelled:
        if image.size is None:
            raise FormatError(f"{path}: image {image.file_name} states no size; masks need it")
        for row in image.people:
            instance = _read_person(row, folder / image.file_name, image.size, path)
            if instance is not None and np.isfinite(instance.position[:, 0]).sum() >= least_points:
                found.append(instance)
    if not found:
        raise NothingFoundError(f"{path}: nobody has keypoints and a mask")
    for file in dict.fromkeys(instance.image for instance in found):
        if not file.is_file():
            raise InputError(f"{file} is missing; give the folder of the images of {path.name}")
    return tuple(found)


def _read_person(row: Row, image: Path, size: tuple[int, int], path: Path) -> Instance | None:
    if row.get("iscrowd") == 1 or not row.get("segmentation"):
        return None
    try:
        points, box = read_triples(row, "keypoints", NUM_KEYPOINTS), read_box(row)
        mask = read_segmentation(row["segmentation"], size)
    except JsonFault as fault:
        raise FormatError(f"{path}: annotation {row.get('id')}: {fault}") from fault
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    tight = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
    # Some corpora state corners where others state width and height; the mask knows.
    stated = np.isfinite(box).all() and _overlap(box, tight) > 0.5
    return Instance(
        image=image,
        size=size,
        box=box if stated else tight,
        position=np.where(points[:, 2:] > 0, points[:, :2] + PIXEL_CENTRE, np.nan),
        segmentation=row["segmentation"],
    )


def _overlap(one: Float[np.ndarray, "4"], other: Float[np.ndarray, "4"]) -> float:
    shared = np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0).prod()
    area = (one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - shared
    return float(shared / area) if area > 0 else 0.0
