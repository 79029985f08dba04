"""`colmap/workplace` of Harmony4D and EgoHumans: static cameras and ones that are worn.

A static camera has one image in COLMAP's model, `cam01/00001.jpg`; a worn one (`ego/aria01`) one
for each frame, `aria01/00012.jpg`. A frame without an image has the pose of the nearest one that
has (EgoHumans takes the nearest timestamp). The similarity from the metric world to COLMAP's is
`scale.npy` (Harmony4D) or, of the first pair of glasses, `colmap_from_aria_transforms.pkl`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from marey.core import Cameras
from marey.core.errors import FormatError, InputError
from marey.core.restricted_pickle import read_pickle
from marey.datasets._fields import get_dict, to_array
from marey.datasets._labels import number_image
from marey.datasets.corpus.camera_frame import to_matrices
from marey.io.calibration._colmap_binary import read_images_binary, read_lenses_binary
from marey.io.calibration._colmap_model import ColmapImage, ColmapLens
from marey.io.calibration._colmap_text import format_images, format_lenses, read_images, read_lenses
from marey.io.calibration._parts import OneCamera, collect_cameras
from marey.io.calibration.colmap import (
    from_camera,
    name_camera,
    read_colmap,
    read_scale,
    to_camera,
)

GLASSES = "colmap_from_aria_transforms.pkl"
_SAME = 1e-9


def find_moving(cameras: Cameras) -> tuple[bool, ...]:
    """Say of each camera whether its pose changes."""
    spread = np.ptp(cameras.T_cam_world, axis=1)
    return tuple(bool(row) for row in (spread > _SAME).any(-1))


def pose_matrices(cameras: Cameras, num_frames: int) -> Float[np.ndarray, "C T 3 4"]:
    """Return the rigid motions from the world into each camera's axes, for every frame."""
    matrices = to_matrices(cameras.T_cam_world)
    return np.broadcast_to(matrices, (len(matrices), num_frames, 3, 4))


def write_workplace(
    cameras: Cameras,
    folder: Path,
    *,
    names: Sequence[str],
    similarity: Float[np.ndarray, "4 4"],
) -> None:
    """Write `cameras.txt`, `images.txt`, `points3D.txt` and `scale.npy` into a new folder.

    Args:
        cameras: C cameras; one pose, or one per frame.
        folder: Where to write.
        names: What cameras are called in the corpus.
        similarity: From the cameras' world to COLMAP's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lenses, images = [], []
    moving = find_moving(cameras)
    for view, name in enumerate(names):
        poses = cameras.T_cam_world[view].astype(np.float64)
        for row, pose in enumerate(poses if moving[view] else poses[:1], start=1):
            lens, place = from_camera(_at(cameras, view, pose, name), similarity)
            images.append(ColmapImage(f"{name}/{row:05d}.jpg", view + 1, place))
            if row == 1:
                lenses.append(lens)
    (folder / "cameras.txt").write_text(format_lenses(lenses), encoding="utf-8")
    (folder / "images.txt").write_text(format_images(images), encoding="utf-8")
    (folder / "points3D.txt").write_text("# none\n", encoding="utf-8")
    np.save(folder / "scale.npy", similarity.astype(np.float64))


def _at(cameras: Cameras, view: int, pose: Float[np.ndarray, "7"], name: str) -> OneCamera:
    K = cameras.K[view].astype(np.float64).copy()
    # The helpers of io take OpenCV's pixels.
    K[:2, 2] -= 0.5
    matrix = to_matrices(pose)
    return OneCamera(
        name=name,
        size=(int(cameras.size[view, 0]), int(cameras.size[view, 1])),
        K=K,
        distortion=cameras.distortion[view].astype(np.float64),
        R_cam_world=matrix[:, :3],
        t_cam_world=matrix[:, 3],
        fisheye=cameras.model == "fisheye",
    )


def read_workplace(folder: Path, frame: Int[np.ndarray, "T"]) -> Cameras | None:
    """Read the cameras of a sequence, with a pose per frame if any of them moves.

    Args:
        folder: `colmap/workplace`.
        frame: Numbers of the sequence's frames.

    Returns:
        The cameras; None if the sequence has none.

    Raises:
        FormatError: If the model is damaged.
    """
    binary = (folder / "cameras.bin").is_file()
    if not binary and not (folder / "cameras.txt").is_file():
        return None
    read_colmap(folder)  # refuses what is missing, too large or damaged
    similarity = read_similarity(folder)
    end = "bin" if binary else "txt"
    by_camera: dict[str, dict[int, ColmapImage]] = {}
    try:
        source = folder / f"images.{end}"
        for image in read_images_binary(source) if binary else read_images(source):
            number = number_image(image.name) or 1
            by_camera.setdefault(name_camera(image.name), {})[number] = image
        lenses = (read_lenses_binary if binary else read_lenses)(folder / f"cameras.{end}")
        make = _Maker(source, by_camera, lenses, similarity)
        base = make.cameras(list(by_camera), int(frame[0]))
        moving = [name for name in base.names if _moves(by_camera[name])]
        if not moving:
            return base
        poses = np.repeat(base.T_cam_world, len(frame), 1)
        rows = [base.names.index(name) for name in moving]
        for column, number in enumerate(frame.tolist()):
            poses[rows, column] = make.cameras(moving, number).T_cam_world[:, 0]
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise FormatError(f"{folder} is not a sound COLMAP model: {error}") from error
    return replace(base, T_cam_world=poses)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Cameras as they are at one frame."""

    source: Path
    images: Mapping[str, Mapping[int, ColmapImage]]
    """By camera and frame."""
    lenses: Mapping[int, ColmapLens]
    similarity: Float[np.ndarray, "4 4"]

    def cameras(self, names: Sequence[str], frame: int) -> Cameras:
        seen = {name: self.images[name] for name in sorted(names)}
        chosen = {name: each[_nearest(each, frame)] for name, each in seen.items()}
        return collect_cameras(
            self.source,
            [
                lambda n=name, i=image: to_camera(n, i, self.lenses[i.lens], self.similarity)
                for name, image in chosen.items()
            ],
        )


def _moves(seen: Mapping[int, ColmapImage]) -> bool:
    poses = np.stack([image.pose for image in seen.values()])
    return bool((np.ptp(poses, axis=0) > _SAME).any())


def _nearest(seen: Mapping[int, ColmapImage], wanted: int) -> int:
    return wanted if wanted in seen else min(seen, key=lambda number: abs(number - wanted))


def read_similarity(folder: Path) -> Float[np.ndarray, "4 4"]:
    """Return the similarity from the metric world to COLMAP's; the identity if none is stated.

    Raises:
        FormatError: If it is none.
    """
    path = folder / GLASSES
    if (folder / "scale.npy").is_file() or not path.is_file():
        return read_scale(folder / "scale.npy")
    table: dict[str, Any] = get_dict(read_pickle(path), path)
    if not table:
        raise FormatError(f"{path} names no glasses; copy it again")
    first = min(table)
    matrix = to_array(table[first], first, path, (4, 4))
    R = matrix[:3, :3]
    scale = float(np.cbrt(np.linalg.det(R)))
    if scale <= 0 or not np.allclose(R @ R.T, scale**2 * np.eye(3), atol=1e-3 * scale**2):
        raise FormatError(f"{path}: '{first}' is no similarity (rotation, scale above 0, shift)")
    return matrix
