"""A sequence of Harmony4D or EgoHumans as a take: bodies, joints, cameras, boxes and detections."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.body import load_body
from marey.core import BodyMotion, Clip, Keypoints2D, Person, Take, Track, Tracks, load_skeleton
from marey.core.errors import FormatError, InputError
from marey.datasets._fields import get_array, get_dict, get_list, get_text, to_array
from marey.datasets._object_npy import read_object_npy
from marey.datasets.corpus.manifest import Manifest, read_manifest
from marey.datasets.harmony4d import MAX_PEOPLE, OWN, read_sequence
from marey.datasets.recording import Recording

COCO_17 = load_skeleton("coco-17")

Rows = dict[str, dict[int, Any]]
"""By human and row of the clock."""


def read_take(path: str | Path, *, body: str | None = None) -> Take:
    """Read a sequence as a take.

    Args:
        path: Its folder.
        body: The user's own SMPL file, whose shape the motion is of.

    Returns:
        Everyone's motion and joints in the corpus's world, its cameras, a clip per camera, boxes
        (of the mesh) as tracks and detections as keypoints where the sequence has them.

    Raises:
        InputError: If the folder or a part is missing, or the body is of another kind.
        FormatError: If a file is not of this layout, or says anything but plain data.
        NothingFoundError: If nobody is in it.
    """
    path = Path(path)
    recording, manifest = read_sequence(path), read_manifest(path)
    points, motion = recording.keypoints3d, recording.motion
    assert points is not None and motion is not None
    motion = motion if body is None else _name_body(motion, body)
    views = _Views(path, recording, manifest)
    people = tuple(
        Person(
            name=name,
            start=0,
            num_frames=len(points.time),
            keypoints2d=views.keypoints(row),
            keypoints3d=_one(points, row, "position", "confidence"),
            motion=_one(motion, row, "shape", "T_world_root", "R_parent_joint", "confidence"),
        )
        for row, name in enumerate(points.people)
    )
    told = {"file": path.resolve().name, "format": "Harmony4D or EgoHumans", "part": _part(path)}
    if manifest is not None:
        told |= {"body": manifest.body, "take": str(manifest.take.get("name", ""))}
    return Take(
        time=points.time,
        clips=views.clips(),
        cameras=recording.cameras,
        tracks=views.tracks(),
        people=people,
        provenance={"import": told},
    )


def read_detections(path: Path, camera: str, number: int) -> dict[str, Float[np.ndarray, "17 3"]]:
    """Return what a detector said of one frame of one camera, by human; empty if nothing is stored.

    Raises:
        FormatError: If the file is not of the layout.
    """
    folder = path / "processed_data" / "poses2d" / camera
    file = (folder / "rgb" if (folder / "rgb").is_dir() else folder) / f"{number:05d}.npy"
    return _read_people(read_object_npy(file), file) if file.is_file() else {}


def _part(path: Path) -> str:
    better = path / "processed_data" / "smpl_collision"
    return "smpl_collision" if better.is_dir() and any(better.glob("*.npy")) else "smpl"


def _one(block: Any, row: int, *fields: str) -> Any:
    one = slice(row, row + 1)
    cut = {name: getattr(block, name)[one] for name in fields}
    return replace(block, people=(block.people[row],), **cut)


def _name_body(motion: BodyMotion, source: str) -> BodyMotion:
    own = load_body(source)
    if own.num_joints != motion.R_parent_joint.shape[2] or motion.body == OWN:
        raise InputError(
            f"the sequence moves a body of {motion.R_parent_joint.shape[2]} joints ({motion.body}) "
            f"and {source} has {own.num_joints}; leave --body out, or give SMPL's file"
        )
    shape = np.zeros((len(motion.people), own.num_shape), np.float32)
    count = min(own.num_shape, motion.shape.shape[1])
    shape[:, :count] = motion.shape[:, :count]
    return replace(motion, body=str(Path(source).resolve()), shape=shape)


class _Views:
    """What is stored for each camera."""

    def __init__(self, path: Path, recording: Recording, manifest: Manifest | None):
        self._processed, self._recording = path / "processed_data", recording
        self._images = path
        self._people = {} if manifest is None else manifest.people
        stored = {} if manifest is None else {v: k for k, v in manifest.cameras.items()}
        cameras = recording.cameras
        self.names = () if cameras is None else cameras.names
        self._folders = [stored.get(name, name) for name in self.names]
        self._kept: dict[str, Rows] = {}
        self._row = {int(number): row for row, number in enumerate(recording.frame)}

    def clips(self) -> tuple[Clip, ...]:
        cameras, points = self._recording.cameras, self._recording.keypoints3d
        assert points is not None
        sizes = [] if cameras is None else cameras.size.tolist()
        return tuple(
            Clip(path=self._find_images(folder), size=(size[0], size[1]), time=points.time)
            for folder, size in zip(self._folders, sizes, strict=True)
        )

    def _find_images(self, folder: str) -> Path | None:
        for place in ("exo", "ego"):
            images = self._images / place / folder / "images"
            # A clip is a folder with a picture for each frame of the clock.
            if images.is_dir() and sum(1 for _ in images.glob("*.jpg")) == len(self._row):
                return images
        return None

    def tracks(self) -> tuple[Tracks, ...]:
        points = self._recording.keypoints3d
        assert points is not None
        result = []
        for folder in self._folders:
            boxes = self._read("bbox", folder, _read_boxes)
            tracks = [
                Track(person=name, start=0, box=box, confidence=np.isfinite(box[:, 0]).astype("f4"))
                for name in points.people
                if name in boxes
                for box in [self._fill(boxes[name], (4,))]
            ]
            result.append(Tracks(time=points.time, tracks=tuple(tracks)))
        return tuple(result) if any(each.tracks for each in result) else ()

    def keypoints(self, person: int) -> tuple[Keypoints2D, ...]:
        points = self._recording.keypoints3d
        assert points is not None
        found, name = [], points.people[person]
        for folder in self._folders:
            seen = self._detections(folder).get(name)
            table = self._fill(seen or {}, (len(COCO_17), 3))[None]
            sure = np.nan_to_num(table[..., 2])
            found.append(
                Keypoints2D(
                    skeleton=COCO_17,
                    people=(name,),
                    time=points.time,
                    position=np.where(sure[..., None] > 0, table[..., :2], np.nan),
                    confidence=sure,
                )
            )
        return tuple(found) if any(each.valid.any() for each in found) else ()

    def _detections(self, folder: str) -> Rows:
        if folder not in self._kept:
            self._kept[folder] = self._read("poses2d", folder, _read_people)
        return self._kept[folder]

    def _read(
        self,
        part: str,
        camera: str,
        read: Callable[[Any, Path], dict[str, Float[np.ndarray, "..."]]],
    ) -> Rows:
        rows: Rows = {}
        folder = self._processed / part / camera
        folder = folder / "rgb" if (folder / "rgb").is_dir() else folder
        for number, row in self._row.items():
            file = folder / f"{number:05d}.npy"
            if file.is_file():
                for name, value in read(read_object_npy(file), file).items():
                    own = self._people.get(name, name)
                    rows.setdefault(own, {})[row] = value
        if len(rows) > MAX_PEOPLE:
            raise FormatError(f"{folder} names more than {MAX_PEOPLE} people")
        return rows

    def _fill(
        self, values: dict[int, Float[np.ndarray, "..."]], shape: tuple[int, ...]
    ) -> Float[np.ndarray, "T ..."]:
        full = np.full((len(self._row), *shape), np.nan, np.float32)
        for row, value in values.items():
            full[row] = value
        return full


def _read_boxes(value: Any, file: Path) -> dict[str, Float[np.ndarray, "4"]]:
    return {name: to_array(box, name, file, (4,)) for name, box in get_dict(value, file).items()}


def _read_people(value: Any, file: Path) -> dict[str, Float[np.ndarray, "17 3"]]:
    rows: Sequence[Any] = get_list({"people": value}, "people", file)
    if len(rows) > MAX_PEOPLE:
        raise FormatError(f"{file} holds more than {MAX_PEOPLE} people")
    tables = [get_dict(row, file, "a person") for row in rows]
    return {
        get_text(table, "human_name", file): get_array(table, "keypoints", file, (17, 3))
        for table in tables
    }
