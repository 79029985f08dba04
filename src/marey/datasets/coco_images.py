"""Photographs labelled in COCO's way: COCO, COCO-WholeBody, Halpe, OCHuman.

One recording per image that has people, with 17 (`coco-17`), 133 (`coco-wholebody-133`, in parts)
or 26 keypoints (the body of Halpe's 136). A point is there where its v is above 0; for face and
hands v itself is a detector's confidence in COCO-WholeBody, and is kept. `marey.io.coco` reads the
same files as takes, for `marey import`.

Licences: COCO annotations CC BY 4.0; COCO-WholeBody and Halpe non-commercial research; OCHuman's
annotations MIT. Tried on real files of each.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import load_skeleton
from marey.datasets._coco_set import (
    iterate_people,
    name_people,
    read_images,
    read_triples,
    stack_people,
)
from marey.datasets._folder import find_files
from marey.datasets._labels import make_keypoints2d, make_unique
from marey.datasets.recording import Recording

PARTS = (
    *(("keypoints", 17), ("foot_kpts", 6), ("face_kpts", 68)),
    *(("lefthand_kpts", 21), ("righthand_kpts", 21)),
)
"""Lists of COCO-WholeBody, in the order of `coco-wholebody-133`."""
HALPE = 136


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the label files (.json) in a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, "*.json", what="label files")


def read_sequences(path: str | Path) -> Iterator[Recording]:
    """Yield the images of a label file that have people.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such file.
        NothingFoundError: If it lists no image.
    """
    path = Path(path)
    images, _ = read_images(path, "labels in COCO's layout")
    kind = _find_skeleton([row for each in images for row in each.people])
    skeleton = load_skeleton(kind)
    names = make_unique([Path(each.file_name).stem for each in images])
    named = {id(each): name for each, name in zip(images, names, strict=True)}
    for each in iterate_people(images):
        position, flag, box = stack_people(
            each.people, skeleton, lambda row: _read_points(row, kind), path
        )
        yield Recording(
            name=named[id(each)],
            frame=np.zeros(1, np.int64),
            keypoints2d=make_keypoints2d(
                kind, name_people(each.people, ("id",)), np.zeros(1), position, np.minimum(flag, 1)
            ),
            box=box,
            images=(each.file_name,),
            size=each.size,
        )


def _find_skeleton(rows: list[dict[str, Any]]) -> str:
    if any(key in row for row in rows for key, _ in PARTS[1:]):
        return "coco-wholebody-133"
    lengths = {len(row["keypoints"]) for row in rows if isinstance(row.get("keypoints"), list)}
    return "halpe-26" if 3 * HALPE in lengths or 3 * 26 in lengths else "coco-17"


def _read_points(row: dict[str, Any], kind: str) -> Float[np.ndarray, "K 3"]:
    if kind == "coco-wholebody-133":
        return np.concatenate([read_triples(row, key, count) for key, count in PARTS])
    if kind == "halpe-26" and len(row.get("keypoints") or ()) == 3 * HALPE:
        return read_triples(row, "keypoints", HALPE)[:26]
    return read_triples(row, "keypoints", len(load_skeleton(kind)))
