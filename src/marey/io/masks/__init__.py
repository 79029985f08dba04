"""Masks of people from elsewhere (SAM and others): folders of images, and COCO's JSON.

A folder holds either one folder per person with one image per frame, or one image per frame whose
colours tell people apart (black is nobody). Frames are the images in natural order, unless all
names end in a number: then that is the frame, counted from the smallest. A JSON file is COCO's: a
list of `annotations`, or an object with `images` and `annotations`, whose `segmentation` is run
lengths (plain or as text) or polygons. Annotations with a `track_id` (or `instance_id`,
`person_id`, `object_id`) are of that person; without, people are numbered as they are listed in
each image.

Nothing is decoded until a frame is asked for. Who is who in the take is another question
(`marey.capture.masks.people`): masks may name people in any way, and name them wrongly.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from marey.core.errors import FormatError, InputError
from marey.io.images import is_image, list_images
from marey.io.json_file import JsonFault, read_json
from marey.io.masks._images import MAX_PEOPLE, read_mask_image, split_colours
from marey.io.masks._rle import read_segmentation
from marey.io.masks._rows import MAX_FRAMES, read_rows

MAX_JSON_BYTES = 400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMasks:
    """The masks of one frame."""

    people: tuple[str, ...]
    mask: Bool[np.ndarray, "N H W"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFolder:
    """Images of masks, by frame; of one person each, or of everybody."""

    files: dict[int, dict[str, Path]]
    """By frame, then by person; the name is empty where an image holds everybody."""

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames that have masks, in order."""
        return tuple(sorted(self.files))

    def read(self, frame: int, size: tuple[int, int]) -> FrameMasks | None:
        """Return the masks of a frame, if there are any.

        Args:
            frame: Its number, from 0.
            size: Width and height of its picture, px.

        Raises:
            InputError: If a file cannot be read.
            FormatError: If one is no image, of another size, or has too many colours.
        """
        found: list[tuple[str, np.ndarray]] = []
        for name, path in self.files.get(frame, {}).items():
            picture = read_mask_image(path, size)
            if name:
                found.append((name, np.asarray(picture.any(-1))))
            else:
                found.extend(split_colours(picture, path))
        if not found:
            return None
        return FrameMasks(
            people=tuple(name for name, _ in found), mask=np.stack([mask for _, mask in found])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskTable:
    """Segmentations of COCO's layout, by frame."""

    path: Path
    rows: dict[int, list[tuple[str, Any]]]
    """By frame: people and what the file says of their masks."""

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames that have masks, in order."""
        return tuple(sorted(self.rows))

    def read(self, frame: int, size: tuple[int, int]) -> FrameMasks | None:
        """Return the masks of a frame, if there are any.

        Args:
            frame: Its number, from 0.
            size: Width and height of its picture, px.

        Raises:
            FormatError: If one is damaged or of another size.
        """
        rows = self.rows.get(frame)
        if not rows:
            return None
        try:
            masks = [read_segmentation(value, size) for _, value in rows]
        except JsonFault as fault:
            raise FormatError(f"{self.path}: frame {frame}: {fault}") from fault
        return FrameMasks(people=tuple(name for name, _ in rows), mask=np.stack(masks))


def open_masks(path: str | Path) -> MaskFolder | MaskTable:
    """Open a folder of images or a JSON file of masks.

    Raises:
        InputError: If there is no such path, or the folder holds no images.
        FormatError: If it is not of one of the layouts.
    """
    path = Path(path)
    if path.is_dir():
        return MaskFolder(files=_find_files(path))
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a folder of masks, or COCO's JSON")
    if path.suffix.lower() != ".json":
        raise InputError(
            f"{path} is no folder of masks and no .json; give masks as PNG images in a folder, or "
            "as COCO's JSON"
        )
    try:
        rows = read_rows(read_json(path, max_bytes=MAX_JSON_BYTES))
    except JsonFault as fault:
        raise FormatError(f"{path}: {fault}; give masks in COCO's layout") from fault
    return MaskTable(path=path, rows=rows)


def _find_files(folder: Path) -> dict[int, dict[str, Path]]:
    people = sorted(
        each for each in folder.iterdir() if each.is_dir() and any(map(is_image, each.iterdir()))
    )
    if len(people) > MAX_PEOPLE:
        raise FormatError(f"{folder} has masks of more than {MAX_PEOPLE} people; give fewer")
    if not people and not any(map(is_image, folder.iterdir())):
        raise InputError(
            f"{folder} holds no masks; give a folder of images, one per frame, or of a folder "
            "of them per person, or COCO's JSON"
        )
    groups = {each.name: list_images(each) for each in people} or {"": list_images(folder)}
    numbered = all(_number(file) is not None for files in groups.values() for file in files)
    first = min(_number(file) or 0 for files in groups.values() for file in files)
    found: dict[int, dict[str, Path]] = {}
    for name, files in groups.items():
        for index, file in enumerate(files):
            frame = (_number(file) or 0) - first if numbered else index
            if name in found.setdefault(frame, {}):
                raise FormatError(f"{file} is a second mask of its frame; keep one of them")
            found[frame][name] = file
    if len(found) > MAX_FRAMES:
        raise FormatError(f"{folder} has more than {MAX_FRAMES} frames of masks; split it")
    return found


def _number(path: Path) -> int | None:
    digits = re.search(r"(\d{1,9})$", path.stem)
    return int(digits[1]) if digits else None
