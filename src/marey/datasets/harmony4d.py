"""Harmony4D and EgoHumans: a folder per sequence with joints and SMPL of everybody, frame by frame.

`<sequence>/processed_data/poses3d/<frame>.npy` and `.../smpl/<frame>.npy` hold a pickled
dictionary by human (`aria01`, ...): joints (17, 4; COCO-17, m and flag), and `global_orient` (3),
`body_pose` (69), `betas` (10), `transl` (3), `joints` (45, 3; `smpl-45`), `vertices` (6890, 3).
The collision-free bodies of `smpl_collision` are taken where they are there, as the benchmark
does. Pickles are read by `marey.core.restricted_pickle`. Frames count from 1, 20 per second.

Cameras: `colmap/workplace/{cameras,images}.txt`, with `scale.npy`, the similarity (4, 4) from the
metric world of the bodies to COLMAP's; worn cameras have a pose per frame
(`marey.datasets.corpus.cameras`). Its axes are the corpus's own (gravity-aligned; the files
do not say which axis is up). Images are `exo/<camera>/images/<frame>.jpg`.

Corpora that marey wrote (`marey dataset export`) say in `marey.json` what the layout has no place
for: clock, names, body. Bodies of marey-h come back as such.

A frame without a human is one where they are missing. Licence: research. Tried on files written in
this layout; of the real corpus only images were at hand.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion, Cameras
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets._fields import describe, get_array, get_dict, to_array
from marey.datasets._folder import find_files
from marey.datasets._labels import make_keypoints3d, make_times, number_images
from marey.datasets._object_npy import read_object_npy
from marey.datasets._smpl import make_body_motion
from marey.datasets.corpus.cameras import read_workplace
from marey.datasets.corpus.manifest import Manifest, read_manifest
from marey.datasets.recording import Recording

FRAME_RATE = 20.0
MAX_PEOPLE = 64
OWN, OWN_JOINTS = "marey-h", 51
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
    manifest = read_manifest(path)
    rate = FRAME_RATE if manifest is None else manifest.frame_rate
    time = make_times(frame, rate)
    if manifest is not None:
        time = time + manifest.start_time + (int(frame[0]) - 1) / rate
    table = _Bodies(len(files), vertices) if part == "smpl" else _Joints(len(files))
    for row, file in enumerate(files):
        people = get_dict(read_object_npy(file), file)
        for name, value in people.items():
            table.put(name, row, value, file)
    if not table.people:
        raise NothingFoundError(f"{path}: nobody is in its {len(files)} frames")
    points, flag = table.stack("joints"), None
    if part == "poses3d":
        points, flag = points[..., :3], np.nan_to_num(points[..., 3])
    return Recording(
        name=path.resolve().name,
        frame=frame,
        keypoints3d=make_keypoints3d(
            table.skeleton, name_people(tuple(table.people), manifest), time, points, flag
        ),
        motion=table.make_motion(time, manifest) if isinstance(table, _Bodies) else None,
        vertices=table.stack("vertices") if vertices and part == "smpl" else None,
        cameras=read_cameras(path, frame, manifest),
        frame_rate=rate,
        notes=("the world's axes are the corpus's own",),
    )


def read_cameras(
    path: Path, frame: Int[np.ndarray, "T"], manifest: Manifest | None
) -> Cameras | None:
    """Read a sequence's cameras under the names of the take it was made of, if of one."""
    cameras = read_workplace(path / "colmap" / "workplace", frame)
    if cameras is None or manifest is None:
        return cameras
    names = tuple(manifest.cameras.get(name, name) for name in cameras.names)
    return replace(cameras, names=names)


def name_people(people: tuple[str, ...], manifest: Manifest | None) -> tuple[str, ...]:
    """Return the names that people of the layout have in the take it was made of, if of one."""
    return people if manifest is None else tuple(manifest.people.get(n, n) for n in people)


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
        if value.get("body") == OWN:
            shapes |= {"marey_h_pose": (OWN_JOINTS, 3), "marey_h_shape": (10,)}
        fields = {}
        for key, shape in shapes.items():
            # Bodies come with and without an axis of one person in front.
            given = value.get(key)
            if isinstance(given, np.ndarray) and given.shape == (1, *shape):
                given = given[0]
            fields[key] = get_array({key: given}, key, file, shape, within=name)
        self.keep(name, row, fields, file)

    def make_motion(self, time: Float[np.ndarray, "T"], manifest: Manifest | None) -> BodyMotion:
        names = name_people(tuple(self.people), manifest)
        # The pelvis joint is where the root is, which `transl` is not.
        root, orient = self.stack("joints")[:, :, 0], self.stack("global_orient")
        if all("marey_h_pose" in fields for fields in self.people.values()):
            return _make_own(names, time, orient, root, self)
        pose = np.concatenate([orient, self.stack("body_pose")], -1)
        return make_body_motion(names, time, pose, shape=_average(self.stack("betas")), trans=root)


def _average(values: Float[np.ndarray, "N T S"]) -> Float[np.ndarray, "N S"]:
    known = np.asarray(np.isfinite(values).all(-1, keepdims=True))
    return np.where(known, values, 0).sum(1) / np.maximum(known.sum(1), 1)


def _make_own(
    names: tuple[str, ...],
    time: Float[np.ndarray, "T"],
    orient: Float[np.ndarray, "N T 3"],
    root: Float[np.ndarray, "N T 3"],
    table: _Bodies,
) -> BodyMotion:
    vectors = np.concatenate([orient[:, :, None], table.stack("marey_h_pose")], 2)
    known = np.asarray(np.isfinite(vectors).all((-1, -2)) & np.isfinite(root).all(-1))
    turn = Rotation.from_rotvec(np.nan_to_num(vectors).reshape(-1, 3)).as_quat(scalar_first=True)
    turn = turn.reshape(*vectors.shape[:3], 4)
    turn[~known] = np.nan
    return BodyMotion(
        body=OWN,
        people=names,
        time=time,
        shape=_average(table.stack("marey_h_shape")).astype(np.float32),
        T_world_root=np.concatenate([turn[:, :, 0], np.where(known[..., None], root, np.nan)], -1),
        R_parent_joint=turn[:, :, 1:],
        confidence=known.astype(np.float32),
    )
