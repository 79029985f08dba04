"""OpenPose JSON folders, px: keypoints are indices of pixels; marey's are 0.5 greater.

One file per frame, `NAME_000000000000_keypoints.json`, lists `people` with flat x, y, confidence of
the body (BODY_25), the face (70: the 68 of iBUG and two pupils, which are never written) and either
hand (21); x = y = confidence = 0 is missing.

Written is a person's row as `person_id`, counted from 1 in the order of the take. `neck` and
`mid_hip`, which OpenPose defines as middles, are made of shoulders and hips. Coordinates are
rounded to 0.001 px, confidences to 0.0001. Lost are names, boxes, sigmas, the clock and the size of
the pictures, motion and cameras, and points that neither BODY_25 nor face and hands have.

Read are bodies of 25 points (taken for BODY_25) or 18 (the older COCO model). If any face or hand
is there, the take's skeleton is COCO-WholeBody-133, which has no neck and no mid-hip; else BODY_25.
The frames are the numbers in the file names, else their order. People are who `person_id` says;
those whose number is -1 or missing are linked from frame to frame by likeness (`_link`).
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import Keypoints2D, Person, Skeleton, Take, convert_keypoints, load_skeleton
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.core.files import atomic_folder
from marey.io._whole_body import convert_points
from marey.io.json_file import JsonFault, check_unique, get_objects, read_json, read_numbers
from marey.io.link import link_sightings
from marey.io.sightings import Sighting, View, build_take

PIXEL_CENTRE = 0.5
FILE_END = "_keypoints.json"
MAX_FRAMES = 10_000_000
MAX_FRAME_BYTES = 2**24
MAX_ALL_BYTES = 2**30
FACE_POINTS = 70

_BODY, _WHOLE = load_skeleton("openpose-25"), load_skeleton("coco-wholebody-133")
_COCO_18 = (*_BODY.keypoints[:8], *_BODY.keypoints[9:19])
"""The older model's points: BODY_25 without the middle of the hips and the feet."""
_LENGTHS = {
    "pose_keypoints_2d": (0, 3 * len(_COCO_18), 3 * len(_BODY)),
    "face_keypoints_2d": (0, 3 * 68, 3 * FACE_POINTS),
    "hand_left_keypoints_2d": (0, 3 * 21),
    "hand_right_keypoints_2d": (0, 3 * 21),
}
"""How many numbers the lists of a person may have."""
_PARTS = {
    "face_keypoints_2d": slice(23, 91),
    "hand_left_keypoints_2d": slice(91, 112),
    "hand_right_keypoints_2d": slice(112, 133),
}
"""Places in COCO-WholeBody-133."""


def write_openpose(
    take: Take, path: str | Path, *, view: int = 0, overwrite: bool = False
) -> list[Path]:
    """Write the keypoints of one view as a folder of one JSON file per frame.

    Args:
        take: A take with image keypoints.
        path: The folder to make.
        view: Which of the take's views.
        overwrite: Whether an existing folder of OpenPose files may be replaced.

    Returns:
        The folder.

    Raises:
        InputError: If the place to overwrite holds anything but OpenPose files.
        NothingFoundError: If nobody has keypoints in the view.
        OutputExistsError: If the folder exists and `overwrite` is off.
    """
    path = Path(path)
    people = [person for person in take.people if len(person.keypoints2d) > view]
    if not people:
        raise NothingFoundError("this take holds no image keypoints to write for OpenPose")
    if path.exists() and overwrite and not is_openpose(path):
        raise InputError(f"{path} is no OpenPose folder, so it is not replaced; remove it first")
    seen = [_ReadyPerson(person, view, row) for row, person in enumerate(people, start=1)]
    with atomic_folder(path, overwrite=overwrite) as folder:
        for frame in range(len(take.time)):
            here = [p.describe(frame) for p in seen]
            content = {"version": 1.3, "people": [person for person in here if person]}
            text = json.dumps(content, separators=(",", ":"), allow_nan=False)
            (folder / f"{path.stem}_{frame:012d}{FILE_END}").write_text(text, encoding="utf-8")
    return [path]


def is_openpose(path: Path) -> bool:
    """Tell whether a folder holds OpenPose's files and nothing else."""
    if not path.is_dir():
        return False
    names = [entry.name for entry in path.iterdir()]
    return all(name.endswith(FILE_END) for name in names)


def read_openpose(path: str | Path, *, frame_rate: float | None = None) -> Take:
    """Read a folder of OpenPose's JSON files.

    Args:
        path: The folder.
        frame_rate: Frames per second; 30 if None.

    Returns:
        A take of one view with tracks and image keypoints, and no clip.

    Raises:
        InputError: If there is no such folder or the frame rate is impossible.
        FormatError: If its files are not OpenPose's.
        NothingFoundError: If it holds no file, or nobody.
    """
    path = Path(path)
    files = _list_frames(path)
    people: list[tuple[int, dict[str, Any]]] = []
    for frame, file in files:
        try:
            here = get_objects(read_json(file, max_bytes=MAX_FRAME_BYTES), "people")
            check_unique((name for row in here if (name := _read_id(row))), "person_id")
            people += [(frame, _read_person(row)) for row in here]
        except JsonFault as fault:
            raise FormatError(f"{file} is no frame of OpenPose: {fault}") from fault
    whole = any(key in person for _, person in people for key in _PARTS)
    skeleton = _WHOLE if whole else _BODY
    sightings = [_to_sighting(frame, person, skeleton) for frame, person in people]
    sightings = [sighting for sighting in sightings if (sighting.confidence > 0).any()]
    return build_take(
        sightings,
        link_sightings(sightings, skeleton),
        skeleton=skeleton,
        view=View(path=path, format="OpenPose JSON", num_frames=files[-1][0] + 1),
        frame_rate=frame_rate,
    )


class _ReadyPerson:
    """One person's keypoints in OpenPose's skeletons."""

    def __init__(self, person: Person, view: int, row: int):
        points = person.keypoints2d[view]
        self.row, self.start, self.stop = row, person.start, person.stop
        self.body = _to_triples(convert_points(points, _BODY))
        self.whole = _to_triples(convert_points(points, _WHOLE))

    def describe(self, frame: int) -> dict[str, Any] | None:
        """Return what OpenPose says of the person in a frame; None if nothing is seen."""
        if not self.start <= frame < self.stop:
            return None
        body, whole = self.body[frame - self.start], self.whole[frame - self.start]
        if not body.any() and not whole.any():
            return None
        result: dict[str, Any] = {
            "person_id": [self.row],
            "pose_keypoints_2d": body.ravel().tolist(),
        }
        for key, part in _PARTS.items():
            points = whole[part]
            if key.startswith("face"):
                points = np.concatenate([points, np.zeros((FACE_POINTS - len(points), 3))])
            result[key] = points.ravel().tolist()
        return result


def _to_triples(points: Keypoints2D) -> Float[np.ndarray, "L K 3"]:
    valid = points.valid[0]
    place = np.round(points.position[0].astype(np.float64) - PIXEL_CENTRE, 3)
    # A confidence that rounds to nothing would make the point missing.
    sure = np.maximum(np.round(points.confidence[0].astype(np.float64), 4), 0.0001)
    triples = np.concatenate([place, sure[..., None]], -1)
    return np.where(valid[..., None], triples, 0.0)


def _list_frames(path: Path) -> list[tuple[int, Path]]:
    if not path.is_dir():
        raise InputError(f"{path} is no folder; give the folder of OpenPose's JSON files")
    files = sorted(file for file in path.iterdir() if file.name.endswith(".json"))
    if not files:
        raise NothingFoundError(f"{path} holds no {FILE_END[1:]} files of OpenPose")
    total = sum(file.stat().st_size for file in files)
    if len(files) > MAX_FRAMES or total > MAX_ALL_BYTES:
        raise FormatError(f"{path} holds {total / 1e9:.1f} GB of JSON; split it by time")
    numbers = [_frame_number(file) for file in files]
    known = [number for number in numbers if number is not None]
    if len(set(known)) < len(files) or max(known) - min(known) >= 10 * len(files):
        return list(enumerate(files))
    return sorted((number - min(known), file) for number, file in zip(known, files, strict=True))


def _frame_number(file: Path) -> int | None:
    match = re.search(r"(\d{1,15})$", file.name.removesuffix(".json").removesuffix("_keypoints"))
    return int(match[1]) if match else None


def _read_id(person: dict[str, Any]) -> str | None:
    """Return the name that a person's number makes; None for -1, OpenPose's unknown."""
    number = person.get("person_id")
    if isinstance(number, list) and number:
        number = number[0]
    return f"{number:02d}" if type(number) is int and number >= 0 else None


def _read_person(person: dict[str, Any]) -> dict[str, Any]:
    """Return a person's name, and as arrays those lists that have points."""
    result: dict[str, Any] = {"name": _read_id(person)}
    for key, lengths in _LENGTHS.items():
        numbers = read_numbers(person.get(key, []), key)
        if len(numbers) not in lengths:
            expected = " or ".join(str(length) for length in lengths)
            raise JsonFault(f"'{key}' has {len(numbers)} numbers where {expected} are known")
        if numbers.any():
            result[key] = numbers.reshape(-1, 3)
    return result


def _to_sighting(frame: int, person: dict[str, Any], skeleton: Skeleton) -> Sighting:
    body = person.get("pose_keypoints_2d", np.zeros((25, 3)))
    if len(body) == len(_COCO_18):
        body = _spread([_BODY.index(name) for name in _COCO_18], body, len(_BODY))
    points = body
    if skeleton is _WHOLE:
        points = convert_keypoints(body, _BODY, _WHOLE, missing=0.0)
        for key, part in _PARTS.items():
            if key in person:
                places = range(part.start, part.stop)
                points[part] = person[key][: len(places)]
    # OpenPose's mark of a missing point is all zeros.
    valid = (points[:, :2] != 0).any(-1) & (points[:, 2] > 0)
    return Sighting(
        frame,
        points[:, :2] + PIXEL_CENTRE,
        np.where(valid, points[:, 2], 0.0),
        person=person["name"],
    )


def _spread(
    places: Sequence[int], points: Float[np.ndarray, "P 3"], count: int
) -> Float[np.ndarray, "K 3"]:
    result = np.zeros((count, 3))
    result[list(places)] = points
    return result
