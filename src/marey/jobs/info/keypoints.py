"""Keypoints of detectors: every file that becomes a take when it is read."""

from dataclasses import replace
from pathlib import Path

from marey.core import Take
from marey.io.coco import read_coco
from marey.io.mediapipe import read_mediapipe
from marey.io.openpose import read_openpose
from marey.jobs.info.description import Description
from marey.jobs.info.made_by import say_provenance
from marey.jobs.info.phrases import say_file_size, say_size
from marey.jobs.info.takes import say_take, tabulate_take


def describe_json(path: Path) -> Description:
    """Describe a JSON file of keypoints.

    Raises:
        FormatError: If it is none of COCO's.
    """
    return describe_as_take(path, "COCO keypoints", read_coco(path))


def describe_openpose(path: Path) -> Description:
    """Describe a folder of OpenPose files.

    Raises:
        FormatError: If a file is malformed.
    """
    return describe_as_take(path, "OpenPose keypoints", read_openpose(path))


def describe_mediapipe(path: Path) -> Description:
    """Describe arrays of MediaPipe landmarks.

    Raises:
        FormatError: If the arrays are none.
    """
    return describe_as_take(path, "MediaPipe landmarks", read_mediapipe(path))


def describe_npy(path: Path) -> Description:
    """Describe a single array: the only ones that marey reads are landmarks.

    Raises:
        FormatError: If it is none.
    """
    return describe_mediapipe(path)


def describe_as_take(path: Path, kind: str, take: Take) -> Description:
    """Describe a file by the take that was read from it."""
    # A file that states the size of its pictures stands in for the clip that it does not name.
    size = [say_size(clip.size) for clip in take.clips if clip.path is None]
    facts = (*size, *say_take(take), *say_provenance(take.provenance), say_file_size(path))
    tables = tabulate_take(replace(take, clips=()) if size else take)
    return Description(path=path, kind=kind, facts=facts, tables=tables)
