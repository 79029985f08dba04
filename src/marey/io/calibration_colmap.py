"""Camera calibrations as COLMAP's models: folders of `cameras`, `images`, `points3D`, .txt or .bin.

An image stands for its camera: named `CAMERA/00001.jpg` it is of camera CAMERA, else the file's
stem names the camera; the first image of a camera counts, for cameras that stand still (those that
move: `colmap_images`). Pixels are counted as here. A model has a unit and axes of its own: a
`scale.npy` beside it, a similarity from the metric, upright world into COLMAP's (EgoHumans,
Harmony4D: `colmap/workplace`), is applied. Binary models are of little-endian numbers. Points in
space are skipped, and none are written.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import FormatError, InputError
from marey.core.files import atomic_folder
from marey.io._camera_parts import (
    OneCamera,
    collect_cameras,
    enter_pixels,
    list_cameras,
    to_numbers,
)
from marey.io._npz import read_npy

MAX_BYTES = 500_000_000
MAX_IMAGES = 1_000_000
MODELS = {
    "SIMPLE_PINHOLE": (0, 3),
    "PINHOLE": (1, 4),
    "SIMPLE_RADIAL": (2, 4),
    "RADIAL": (3, 5),
    "OPENCV": (4, 8),
    "OPENCV_FISHEYE": (5, 8),
    "FULL_OPENCV": (6, 12),
}
"""COLMAP's number and how many parameters each model has."""


@dataclass(frozen=True, slots=True)
class _Lens:
    model: str
    size: tuple[int, int]
    parameters: Float[np.ndarray, "P"]


@dataclass(frozen=True, slots=True)
class _Image:
    """One image of a model."""

    name: str
    lens: int
    pose: Float[np.ndarray, "7"]


@dataclass(frozen=True, slots=True)
class Model:
    """A model's files, with its own numbers and axes."""

    path: Path
    lenses: Mapping[int, _Lens]
    images: tuple[_Image, ...]
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
    chosen: dict[str, _Image] = {}
    for image in sorted(model.images, key=lambda image: image.name):
        chosen.setdefault(_name_camera(image.name), image)
    return collect_cameras(
        model.path,
        [
            lambda n=name, i=image: _to_camera(n, i, model.lenses[i.lens], model.similarity)
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
        lenses = _read_lenses_binary(files[0]) if binary else _read_lenses(files[0])
        images = list(_read_images_binary(files[1]) if binary else _read_images(files[1]))
    except OSError as error:
        raise InputError(f"{folder} holds no COLMAP model: {error.strerror}") from error
    except (ValueError, IndexError, KeyError, OverflowError, struct.error) as error:
        if isinstance(error, InputError):
            raise
        raise FormatError(f"{folder} is not a sound COLMAP model: {error}") from error
    return Model(files[0], lenses, tuple(images), _read_similarity(folder / "scale.npy"))


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
        lenses.append(_from_camera(_at_moment(cameras, row, moments[0]), similarity)[0])
        for moment in moments:
            pose = _from_camera(_at_moment(cameras, row, moment), similarity)[1]
            number = moment + 1 if frames is None else int(frames[moment])
            images.append(_Image(f"{name}/{number:05d}.jpg", row + 1, pose))
    with atomic_folder(folder, overwrite=overwrite) as place:
        if binary:
            (place / "cameras.bin").write_bytes(_pack_lenses(lenses))
            (place / "images.bin").write_bytes(_pack_images(images))
            (place / "points3D.bin").write_bytes(struct.pack("<Q", 0))
        else:
            (place / "cameras.txt").write_text(_format_lenses(lenses), encoding="utf-8")
            (place / "images.txt").write_text(_format_images(images), encoding="utf-8")
            (place / "points3D.txt").write_text("# none\n", encoding="utf-8")
        if similarity is not None:
            np.save(place / "scale.npy", similarity)


def _name_camera(image: str) -> str:
    """Return the name of the camera that took an image."""
    parts = image.replace("\\", "/").split("/")
    return parts[0] if len(parts) > 1 else Path(parts[0]).stem


def _to_camera(
    name: str, image: _Image, lens: _Lens, similarity: Float[np.ndarray, "4 4"]
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


def _spread_parameters(lens: _Lens) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "P"]]:
    values, K = lens.parameters, np.eye(3)
    single = lens.model in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL")
    focal, rest = (values[[0, 0]], values[1:]) if single else (values[:2], values[2:])
    K[[0, 1], [0, 1]], K[:2, 2], bends = focal, rest[:2], rest[2:]
    return K, np.pad(bends, (0, 4 - len(bends))) if single and len(bends) else bends


def _from_camera(
    camera: OneCamera, similarity: Float[np.ndarray, "4 4"] | None
) -> tuple[_Lens, Float[np.ndarray, "7"]]:
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
    return _Lens(model, camera.size, np.array(values)), np.concatenate([turn, t])


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


def _read_similarity(path: Path) -> Float[np.ndarray, "4 4"]:
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


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.startswith("#"):
                yield line.split()


def _read_lenses(path: Path) -> dict[int, _Lens]:
    lenses = {}
    for words in _rows(path):
        if not words:
            continue
        model, count = words[1], _count(words[1])
        if len(words) != 4 + count:
            raise ValueError(f"a camera of model {model} has {len(words) - 4} parameters")
        values = np.array([float(word) for word in words[4:]])
        lenses[int(words[0])] = _Lens(model, (int(words[2]), int(words[3])), values)
    return lenses


def _count(model: str) -> int:
    if model not in MODELS:
        raise ValueError(f"its lens model is {model[:40]}, and known are {', '.join(MODELS)}")
    return MODELS[model][1]


def _read_images(path: Path) -> Iterator[_Image]:
    """Yield images; every other line lists the points seen, and may be empty."""
    for number, words in enumerate(_rows(path)):
        if number % 2 == 0 and words:
            pose = np.array([float(word) for word in words[1:8]])
            yield _Image(" ".join(words[9:]), int(words[8]), pose)
        if number > 2 * MAX_IMAGES:
            raise ValueError(f"it lists more than {MAX_IMAGES} images")


def _read_lenses_binary(path: Path) -> dict[int, _Lens]:
    data, place, lenses = path.read_bytes(), 8, {}
    names = {number: name for name, (number, _) in MODELS.items()}
    for _ in range(struct.unpack_from("<Q", data)[0]):
        number, kind, width, height = struct.unpack_from("<IiQQ", data, place)
        model = names.get(kind, f"number {kind}")
        values = struct.unpack_from(f"<{_count(model)}d", data, place + 24)
        lenses[number] = _Lens(model, (width, height), np.array(values))
        place += 24 + 8 * len(values)
    return lenses


def _read_images_binary(path: Path) -> Iterator[_Image]:
    data, place = path.read_bytes(), 8
    for _ in range(struct.unpack_from("<Q", data)[0]):
        _, *pose, lens = struct.unpack_from("<I7dI", data, place)
        end = data.index(b"\0", place + 64)
        name = data[place + 64 : end].decode("utf-8", "replace")
        (points,) = struct.unpack_from("<Q", data, end + 1)
        place = end + 9 + 24 * points
        yield _Image(name, lens, np.array(pose))


def _format_lenses(lenses: list[_Lens]) -> str:
    lines = ["# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    for number, lens in enumerate(lenses, start=1):
        values = " ".join(repr(float(value)) for value in lens.parameters)
        lines.append(f"{number} {lens.model} {lens.size[0]} {lens.size[1]} {values}")
    return "\n".join(lines) + "\n"


def _format_images(images: list[_Image]) -> str:
    lines = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "# POINTS2D[]"]
    for number, image in enumerate(images, start=1):
        pose = " ".join(repr(float(value)) for value in image.pose)
        lines += [f"{number} {pose} {image.lens} {image.name}", ""]
    return "\n".join(lines) + "\n"


def _pack_lenses(lenses: list[_Lens]) -> bytes:
    parts = [struct.pack("<Q", len(lenses))]
    for number, lens in enumerate(lenses, start=1):
        parts.append(struct.pack("<IiQQ", number, MODELS[lens.model][0], *lens.size))
        parts.append(struct.pack(f"<{len(lens.parameters)}d", *lens.parameters))
    return b"".join(parts)


def _pack_images(images: list[_Image]) -> bytes:
    parts = [struct.pack("<Q", len(images))]
    for number, image in enumerate(images, start=1):
        parts.append(struct.pack("<I7dI", number, *image.pose, image.lens))
        parts.append(image.name.encode() + b"\0" + struct.pack("<Q", 0))
    return b"".join(parts)
