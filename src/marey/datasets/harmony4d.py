"""Harmony4D and EgoHumans: a folder per sequence with joints and SMPL of everybody, frame by frame.

`<sequence>/processed_data/poses3d/<frame>.npy` and `.../smpl/<frame>.npy` hold a pickled
dictionary by human (`aria01`, ...): joints (17, 4; COCO-17, m and flag), and `global_orient` (3),
`body_pose` (69), `betas` (10), `transl` (3), `joints` (45, 3; `smpl-45`), `vertices` (6890, 3).
The collision-free bodies of `smpl_collision` are taken where they are there, as the benchmark
does. Pickles are read by `marey.core.restricted_pickle`. Frames count from 1, 20 per second.

Cameras: `colmap/workplace/{cameras,images}.txt`, with `scale.npy`, the similarity (4, 4) from the
metric world of the bodies to COLMAP's. Its axes are the corpus's own (gravity-aligned; the files
do not say which axis is up). Images are `exo/<camera>/images/<frame>.jpg`.

A frame without a human is one where they are missing. Licence: research. Tried on files written in
this layout; of the real corpus only images were at hand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from marey.core import BodyMotion
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets._fields import describe, get_array, get_dict, to_array
from marey.datasets._folder import find_files
from marey.datasets._labels import make_keypoints3d, make_times, number_images
from marey.datasets._object_npy import read_object_npy
from marey.datasets._smpl import make_body_motion
from marey.datasets.recording import Recording
from marey.io.calibration_colmap import read_colmap

FRAME_RATE = 20.0
MAX_PEOPLE = 64
MAX_FRAMES = 200_000

Part = Literal["smpl", "poses3d"]


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the sequences' folders below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    patterns = ("**/processed_data/poses3d/*.npy", "**/processed_data/smpl/*.npy")
    files = find_files(folder, *patterns, what="sequences of Harmony4D or EgoHumans")
    yield from sorted({file.parent.parent.parent for file in files})


def read_sequence(path: str | Path, *, part: Part = "smpl", vertices: bool = False) -> Recording:
    """Read one sequence.

    Args:
        path: Its folder, which holds `processed_data`.
        part: `smpl` for bodies and their 45 joints, `poses3d` for 17 triangulated ones.
        vertices: Whether meshes are wanted too (83 kB per person and frame).

    Raises:
        InputError: If the folder or the part is missing.
        FormatError: If a file is not of this layout, or says anything but plain data.
        NothingFoundError: If nobody is in it.
    """
    path = Path(path)
    files = _find_frames(path, part)
    frame = number_images([file.name for file in files])
    time = make_times(frame, FRAME_RATE)
    table = _Bodies(len(files), vertices) if part == "smpl" else _Joints(len(files))
    for row, file in enumerate(files):
        people = get_dict(read_object_npy(file), file)
        for name, value in people.items():
            table.put(name, row, value, file)
    if not table.people:
        raise NothingFoundError(f"{path}: nobody is in its {len(files)} frames")
    cameras = path / "colmap" / "workplace"
    points, flag = table.stack("joints"), None
    if part == "poses3d":
        points, flag = points[..., :3], np.nan_to_num(points[..., 3])
    return Recording(
        name=path.resolve().name,
        frame=frame,
        keypoints3d=make_keypoints3d(table.skeleton, tuple(table.people), time, points, flag),
        motion=table.make_motion(time) if isinstance(table, _Bodies) else None,
        vertices=table.stack("vertices") if vertices and part == "smpl" else None,
        cameras=read_colmap(cameras) if (cameras / "cameras.txt").is_file() else None,
        frame_rate=FRAME_RATE,
        notes=("the world's axes are the corpus's own",),
    )


def _find_frames(path: Path, part: Part) -> tuple[Path, ...]:
    if not path.is_dir():
        raise InputError(f"{path} is not a folder; give the folder of a sequence")
    folders = ("smpl_collision", "smpl") if part == "smpl" else ("poses3d",)
    for name in folders:
        folder = path / "processed_data" / name
        if folder.is_dir() and any(folder.glob("*.npy")):
            return find_files(folder, "*.npy", what="frames")[:MAX_FRAMES]
    raise InputError(f"{path} has no frames in processed_data/{folders[-1]}; is it a sequence?")


@dataclass
class _Layout:
    """People by name, and each one's arrays over the frames."""

    num_frames: int

    def __post_init__(self) -> None:
        self.people: dict[str, dict[str, np.ndarray]] = {}

    def keep(self, name: str, row: int, fields: dict[str, Any], file: Path) -> None:
        if name not in self.people and len(self.people) >= MAX_PEOPLE:
            raise FormatError(f"{file} makes it more than {MAX_PEOPLE} people")
        if name not in self.people:
            self.people[name] = {
                key: np.full((self.num_frames, *value.shape), np.nan, np.float32)
                for key, value in fields.items()
            }
        for key, value in fields.items():
            self.people[name][key][row] = value

    def stack(self, key: str) -> Float[np.ndarray, "N T *rest"]:
        return np.stack([fields[key] for fields in self.people.values()])


class _Joints(_Layout):
    skeleton = "coco-17"

    def put(self, name: str, row: int, value: Any, file: Path) -> None:
        joints = to_array(value, name, file, (17, 4), missing=True)
        self.keep(name, row, {"joints": joints}, file)


class _Bodies(_Layout):
    skeleton = "smpl-45"

    def __init__(self, num_frames: int, vertices: bool):
        super().__init__(num_frames)
        self._vertices = vertices

    def put(self, name: str, row: int, value: Any, file: Path) -> None:
        if not isinstance(value, dict):
            raise FormatError(f"{file}: '{name}' is {describe(value)}; expected a body")
        shapes: dict[str, tuple[int, ...]] = {
            **{"global_orient": (3,), "body_pose": (69,), "betas": (10,), "transl": (3,)},
            "joints": (45, 3),
        }
        if self._vertices:
            shapes["vertices"] = (6890, 3)
        fields = {}
        for key, shape in shapes.items():
            # Bodies come with and without an axis of one person in front.
            given = value.get(key)
            if isinstance(given, np.ndarray) and given.shape == (1, *shape):
                given = given[0]
            fields[key] = get_array({key: given}, key, file, shape, within=name)
        self.keep(name, row, fields, file)

    def make_motion(self, time: Float[np.ndarray, "T"]) -> BodyMotion:
        pose = np.concatenate([self.stack("global_orient"), self.stack("body_pose")], -1)
        betas = self.stack("betas")
        known = np.asarray(np.isfinite(betas).all(-1, keepdims=True))
        shape = np.where(known, betas, 0).sum(1) / np.maximum(known.sum(1), 1)
        return make_body_motion(
            tuple(self.people), time, pose, shape=shape, trans=self.stack("transl")
        )
