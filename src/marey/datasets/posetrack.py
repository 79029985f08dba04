"""PoseTrack 2018: `posetrack_data/annotations/<split>/<video>.json`, a file of labels per video.

Labels are COCO-style, with 17 keypoints of PoseTrack's own (`posetrack-17`; ears are not
labelled), a `track_id` per person, and `frame_id` per image. Images without `is_labeled` are left
out. Boxes of people are x, y, width, height; ignored regions are polygons (`ignore_regions_x`,
`_y`), of which the number is noted.

Licence: non-commercial research. Tried on real files: 3 of the validation split, with the labels of
one image each (the sample's cut); several labelled images on written ones.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from marey.core import load_skeleton
from marey.core.errors import NothingFoundError
from marey.datasets._coco_set import (
    Labelled,
    name_people,
    read_images,
    read_triples,
    stack_people,
)
from marey.datasets._folder import find_files
from marey.datasets._labels import make_keypoints2d, make_times, number_images
from marey.datasets.recording import Recording

SKELETON = "posetrack-17"


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the label files below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, "**/*_mpii*.json", "**/*_bonn*.json", what="labels of PoseTrack")


def read_sequence(path: str | Path) -> Recording:
    """Read the labels of one video.

    Returns:
        People by track over the labelled images; they are missing where they are not seen.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no label file.
        NothingFoundError: If no image is labelled.
    """
    path = Path(path)
    images, _ = read_images(path, "labels of PoseTrack 2018")
    images = [each for each in images if each.image.get("is_labeled", True) is not False]
    if not images:
        raise NothingFoundError(f"{path}: no image is labelled")
    files = tuple(each.file_name for each in images)
    frame = number_images(files)
    names = sorted({name for each in images for name in _name(each)}, key=lambda n: (len(n), n))
    skeleton = load_skeleton(SKELETON)
    position = np.full((len(names), len(images), len(skeleton), 2), np.nan)
    confidence = np.zeros(position.shape[:3])
    box = np.full((len(names), len(images), 4), np.nan)
    for column, each in enumerate(images):
        points, flag, edges = stack_people(
            each.people, skeleton, lambda row: read_triples(row, "keypoints", len(skeleton)), path
        )
        rows = [names.index(name) for name in _name(each)]
        position[rows, column], confidence[rows, column] = points[:, 0], flag[:, 0] > 0
        box[rows, column] = edges[:, 0]
    ignored = sum(len(each.image.get("ignore_regions_x") or ()) for each in images)
    return Recording(
        name=path.stem,
        frame=frame,
        keypoints2d=make_keypoints2d(
            SKELETON, names, make_times(frame, None), position, confidence
        ),
        box=box,
        images=files,
        size=images[0].size,
        notes=(f"{ignored} regions in which people are not labelled",) if ignored else (),
    )


def _name(labelled: Labelled) -> tuple[str, ...]:
    return name_people(labelled.people, ("track_id",))
