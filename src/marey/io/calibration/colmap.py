"""Camera calibrations as COLMAP's models: folders of `cameras`, `images`, `points3D`, .txt or .bin.

An image stands for its camera: named `CAMERA/00001.jpg` it is of camera CAMERA, else the file's
stem names the camera; the first image of a camera counts, for cameras that stand still (those that
move: `colmap_images`). Pixels are counted as here. A model has a unit and axes of its own: a
`scale.npy` beside it, a similarity from the metric, upright world into COLMAP's (EgoHumans,
Harmony4D: `colmap/workplace`), is applied. Binary models are of little-endian numbers. Points in
space are skipped, and none are written.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import FormatError, InputError
from marey.core.files import atomic_folder
from marey.io.calibration._colmap_binary import (
    pack_images,
    pack_lenses,
    read_images_binary,
    read_lenses_binary,
)
from marey.io.calibration._colmap_model import ColmapImage, ColmapLens
from marey.io.calibration._colmap_text import format_images, format_lenses, read_images, read_lenses
from marey.io.calibration._parts import (
    OneCamera,
    collect_cameras,
    enter_pixels,
    list_cameras,
    to_numbers,
)
from marey.io.npz import read_npy

MAX_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Model:
    """A model's files, with its own numbers and axes."""

    path: Path
    lenses: Mapping[int, ColmapLens]
    images: tuple[ColmapImage, ...]
    similarity: Float[np.ndarray, "4 4"]
    """From the metric world to the model's."""


def read_colmap(folder: str | Path) -> Cameras:
    """Read a COLMAP model's cameras, one per camera that took images.

    Args:
        folder: With `cameras` and `images`, .bin or .txt, and perhaps `scale.npy`.

    Raises:
        InputError: If there is no model.
        FormatError: If it is damaged, or of a lens that is not known here.
    """
    model = read_model(folder)
    chosen: dict[str, ColmapImage] = {}
    for image in sorted(model.images, key=lambda image: image.name):
        chosen.setdefault(name_camera(image.name), image)
    return collect_cameras(
        model.path,
        [
            lambda n=name, i=image: to_camera(n, i, model.lenses[i.lens], model.similarity)
            for name, image in sorted(chosen.items())
        ],
    )


def read_model(folder: str | Path) -> Model:
    """Read a COLMAP model as it stands.

    Raises:
        InputError: If there is no model.
        FormatError: If it is damaged.
    """
    folder = Path(folder)
    binary = (folder / "cameras.bin").is_file()
    end = "bin" if binary else "txt"
    files = folder / f"cameras.{end}", folder / f"images.{end}"
    try:
        if any(file.stat().st_size > MAX_BYTES for file in files):
            raise FormatError(f"{folder} holds a model of more than {MAX_BYTES / 1e6:.0f} MB")
        lenses = read_lenses_binary(files[0]) if binary else read_lenses(files[0])
        images = list(read_images_binary(files[1]) if binary else read_images(files[1]))
    except OSError as error:
        raise InputError(f"{folder} holds no COLMAP model: {error.strerror}") from error
    except (ValueError, IndexError, KeyError, OverflowError, struct.error) as error:
        if isinstance(error, InputError):
            raise
        raise FormatError(f"{folder} is not a sound COLMAP model: {error}") from error
    return Model(files[0], lenses, tuple(images), read_scale(folder / "scale.npy"))


def write_colmap(
    cameras: Cameras,
    folder: str | Path,
    *,
    binary: bool = False,
    similarity: Float[np.ndarray, "4 4"] | None = None,
    frames: Sequence[int] | None = None,
    overwrite: bool = False,
) -> None:
    """Write cameras as a COLMAP model without points: an image each, of moving ones one per frame.

    Args:
        cameras: The cameras.
        folder: The folder to make.
        binary: Whether to write .bin and not .txt.
        similarity: From the cameras' world to COLMAP's; written as `scale.npy`, with poses in
            COLMAP's world, as EgoHumans and Harmony4D have it.
        frames: Numbers of the frames in images' names; 1, 2, ... if None.
        overwrite: Whether an existing folder may be replaced.

    Raises:
        InputError: If the place cannot be written.
        OutputExistsError: If the folder exists and `overwrite` is off.
    """
    lenses, images = [], []
    for row, name in enumerate(cameras.names):
        moments = _find_moments(cameras, row)
        lenses.append(from_camera(_at_moment(cameras, row, moments[0]), similarity)[0])
        for moment in moments:
            pose = from_camera(_at_moment(cameras, row, moment), similarity)[1]
            number = moment + 1 if frames is None else int(frames[moment])
            images.append(ColmapImage(f"{name}/{number:05d}.jpg", row + 1, pose))
    with atomic_folder(folder, overwrite=overwrite) as place:
        if binary:
            (place / "cameras.bin").write_bytes(pack_lenses(lenses))
            (place / "images.bin").write_bytes(pack_images(images))
            (place / "points3D.bin").write_bytes(struct.pack("<Q", 0))
        else:
            (place / "cameras.txt").write_text(format_lenses(lenses), encoding="utf-8")
            (place / "images.txt").write_text(format_images(images), encoding="utf-8")
            (place / "points3D.txt").write_text("# none\n", encoding="utf-8")
        if similarity is not None:
            np.save(place / "scale.npy", similarity)


def name_camera(image: str) -> str:
    """Return the name of the camera that took an image."""
    parts = image.replace("\\", "/").split("/")
    return parts[0] if len(parts) > 1 else Path(parts[0]).stem


def to_camera(
    name: str, image: ColmapImage, lens: ColmapLens, similarity: Float[np.ndarray, "4 4"]
) -> OneCamera:
    """Return an image as a camera in the metric world.

    Raises:
        ValueError: If its numbers make no sense.
    """
    K, bends = _spread_parameters(lens)
    # Our readers' helper takes OpenCV's pixels, COLMAP's are ours already.
    K[:2, 2] -= 0.5
    pose = to_numbers(image.pose, (7,), "the pose of an image")
    if abs(np.linalg.norm(pose[:4]) - 1) > 1e-2:
        raise ValueError(f"the quaternion of {image.name} is not of unit length")
    R = Rotation.from_quat(pose[:4], scalar_first=True).as_matrix()
    scale = float(np.cbrt(np.linalg.det(similarity[:3, :3])))
    return OneCamera(
        name=name,
        size=lens.size,
        K=enter_pixels(to_numbers(K, (3, 3), "K")),
        distortion=to_numbers(bends, bends.shape, "distortion"),
        R_cam_world=R @ similarity[:3, :3] / scale,
        t_cam_world=(R @ similarity[:3, 3] + pose[4:]) / scale,
        fisheye=lens.model == "OPENCV_FISHEYE",
    )


def _spread_parameters(lens: ColmapLens) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "P"]]:
    values, K = lens.parameters, np.eye(3)
    single = lens.model in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL")
    focal, rest = (values[[0, 0]], values[1:]) if single else (values[:2], values[2:])
    K[[0, 1], [0, 1]], K[:2, 2], bends = focal, rest[:2], rest[2:]
    return K, np.pad(bends, (0, 4 - len(bends))) if single and len(bends) else bends


def from_camera(
    camera: OneCamera, similarity: Float[np.ndarray, "4 4"] | None
) -> tuple[ColmapLens, Float[np.ndarray, "7"]]:
    """Return a camera's lens and pose as COLMAP has them.

    Args:
        camera: In the metric world.
        similarity: From that world to the model's; None if they are one.
    """
    K, bends = camera.K, camera.distortion
    model = "OPENCV_FISHEYE" if camera.fisheye else "PINHOLE"
    if camera.fisheye:
        bends = np.pad(bends, (0, 4 - len(bends)))
    elif len(bends):
        model = "OPENCV" if len(bends) == 4 or not bends[4:].any() else "FULL_OPENCV"
        bends = np.pad(bends, (0, 8 - len(bends)))[: 4 if model == "OPENCV" else 8]
    values = [K[0, 0], K[1, 1], K[0, 2] + 0.5, K[1, 2] + 0.5, *bends]
    R, t = camera.R_cam_world, camera.t_cam_world
    if similarity is not None:
        scale = float(np.cbrt(np.linalg.det(similarity[:3, :3])))
        R = R @ (similarity[:3, :3] / scale).T
        t = scale * t - R @ similarity[:3, 3]
    turn = Rotation.from_matrix(R).as_quat(canonical=True, scalar_first=True)
    return ColmapLens(model, camera.size, np.array(values)), np.concatenate([turn, t])


def _at_moment(cameras: Cameras, row: int, moment: int) -> OneCamera:
    return next(
        list_cameras(
            replace(
                cameras,
                names=cameras.names[row : row + 1],
                K=cameras.K[row : row + 1],
                distortion=cameras.distortion[row : row + 1],
                T_cam_world=cameras.T_cam_world[row : row + 1, moment : moment + 1],
                size=cameras.size[row : row + 1],
                time_offset=cameras.time_offset[row : row + 1],
            )
        )
    )


def _find_moments(cameras: Cameras, row: int) -> list[int]:
    """Return the frames a camera needs an image for: one if it stands still."""
    known = np.flatnonzero(np.isfinite(cameras.T_cam_world[row]).all(-1))
    if not len(known):
        raise InputError(f"{cameras.names[row]} has no pose at all; leave it out")
    still = np.ptp(cameras.T_cam_world[row, known], axis=0).max() == 0
    return [int(known[0])] if still else known.tolist()


def read_scale(path: Path) -> Float[np.ndarray, "4 4"]:
    """Return the similarity from the metric world to a model's; none if there is no file.

    Raises:
        FormatError: If it is no similarity.
    """
    if not path.is_file():
        return np.eye(4)
    matrix = np.asarray(read_npy(path))
    if matrix.shape != (4, 4) or matrix.dtype.kind != "f" or not np.isfinite(matrix).all():
        raise FormatError(f"{path} is no 4 x 4 matrix of numbers")
    scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
    square = matrix[:3, :3] @ matrix[:3, :3].T
    if scale <= 0 or not np.allclose(square, scale**2 * np.eye(3), atol=1e-3 * scale**2):
        raise FormatError(f"{path} is no similarity (rotation, one scale above 0, translation)")
    return matrix.astype(np.float64)
