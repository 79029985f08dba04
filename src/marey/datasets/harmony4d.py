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
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion, Cameras
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets._colmap import read_lenses, read_shots
from marey.datasets._fields import describe, get_array, get_dict, to_array
from marey.datasets._folder import find_files
from marey.datasets._labels import make_keypoints3d, make_times, number_images
from marey.datasets._object_npy import read_object_npy
from marey.datasets._smpl import make_body_motion
from marey.datasets.recording import Recording

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
        cameras=read_cameras(cameras) if (cameras / "cameras.txt").is_file() else None,
        frame_rate=FRAME_RATE,
        notes=("the world's axes are the corpus's own",),
    )


def read_cameras(path: str | Path) -> Cameras:
    """Read the static cameras of a COLMAP folder, in the metric world if `scale.npy` is there.

    Raises:
        InputError: If a file is missing.
        FormatError: If a file is not of this layout.
    """
    path = Path(path)
    lenses, shots = read_lenses(path / "cameras.txt"), read_shots(path / "images.txt")
    first = {shot.name.replace("\\", "/").split("/")[0]: shot for shot in reversed(shots)}
    chosen = sorted((name, shot) for name, shot in first.items() if shot.lens in lenses)
    if not chosen:
        raise FormatError(f"{path}: no image is of a camera that cameras.txt describes")
    used = [lenses[shot.lens] for _, shot in chosen]
    kinds = {lens.model for lens in used}
    if len(kinds) > 1:
        raise FormatError(f"{path}: its cameras are of several models ({', '.join(kinds)})")
    similarity = _read_similarity(path / "scale.npy")
    K = np.tile(np.eye(3), (len(used), 1, 1))
    for row, lens in enumerate(used):
        K[row, [0, 1, 0, 1], [0, 1, 2, 2]] = lens.parameters[:4]
    return Cameras(
        names=tuple(name for name, _ in chosen),
        model="fisheye" if kinds == {"OPENCV_FISHEYE"} else "pinhole",
        K=K,
        distortion=np.stack([lens.parameters[4:] for lens in used]),
        T_cam_world=np.stack([_compose(shot.pose, similarity) for _, shot in chosen])[:, None],
        size=np.array([lens.size for lens in used]),
        time_offset=np.zeros(len(used)),
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


def _read_similarity(path: Path) -> Float[np.ndarray, "4 4"]:
    if not path.is_file():
        return np.eye(4)
    matrix = to_array(read_object_npy(path), path.name, path, (4, 4))
    scale = np.cbrt(np.linalg.det(matrix[:3, :3]))
    square = matrix[:3, :3] @ matrix[:3, :3].T
    if scale <= 0 or not np.allclose(square, scale**2 * np.eye(3), atol=1e-3 * scale**2):
        raise FormatError(f"{path} is no similarity (rotation, one scale above 0, translation)")
    return matrix


def _compose(
    pose: Float[np.ndarray, "7"], similarity: Float[np.ndarray, "4 4"]
) -> Float[np.ndarray, "7"]:
    """Return the pose in the metric world, brought to its unit: E' = E T, then E' / |E'|."""
    R = Rotation.from_quat(pose[:4], scalar_first=True).as_matrix()
    turned = R @ similarity[:3, :3]
    scale = np.cbrt(np.linalg.det(turned))
    place = (R @ similarity[:3, 3] + pose[4:]) / scale
    turn = Rotation.from_matrix(turned / scale).as_quat(scalar_first=True)
    return np.concatenate([turn, place])
