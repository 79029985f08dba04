"""What readers and writers of camera calibrations share: one camera at a time, checked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import FormatError, InputError
from marey.io.limits import check_picture_size
from marey.io.toml_file import read_toml

MAX_BYTES = 10_000_000
MAX_CAMERAS = 1000
_LONGEST_FOCAL_PX = 1e7


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCamera:
    name: str
    size: tuple[int, int]
    K: Float[np.ndarray, "3 3"]
    distortion: Float[np.ndarray, "P"]
    R_cam_world: Float[np.ndarray, "3 3"]
    t_cam_world: Float[np.ndarray, "3"]
    fisheye: bool


class CalibrationFault(ValueError):
    """What is wrong, without the file it stands in."""


def read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(
                f"{path} has {path.stat().st_size / 1e6:.0f} MB, more than a calibration of "
                f"cameras can need ({MAX_BYTES / 1e6:.0f} MB); is it the right file?"
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no text file; is it the right file?") from error


def read_tables(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the tables of a TOML calibration that are cameras, by their keys."""
    return [
        (key, table)
        for key, table in read_toml(path, max_bytes=MAX_BYTES).items()
        if isinstance(table, Mapping) and "matrix" in table
    ]


def collect_cameras(path: Path, parts: Sequence[Any]) -> Cameras:
    if not 0 < len(parts) <= MAX_CAMERAS:
        raise FormatError(
            f"{path} holds {len(parts)} cameras where 1 to {MAX_CAMERAS} were expected; is it the "
            "right file?"
        )
    try:
        cameras = [part() for part in parts]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise FormatError(f"{path} is not a sound calibration: {what}") from error
    if len({camera.fisheye for camera in cameras}) > 1:
        raise FormatError(f"{path} mixes fisheye and other lenses, which one file cannot hold here")
    for camera in cameras:
        check_picture_size(camera.size[0], camera.size[1], path)
    most = max(len(camera.distortion) for camera in cameras)
    turns = Rotation.from_matrix([camera.R_cam_world for camera in cameras])
    place = np.stack([camera.t_cam_world for camera in cameras])
    pose = np.concatenate([turns.as_quat(canonical=True, scalar_first=True), place], 1)
    return Cameras(
        names=tuple(camera.name for camera in cameras),
        model="fisheye" if cameras[0].fisheye else "pinhole",
        K=np.stack([camera.K for camera in cameras]),
        distortion=np.stack([np.pad(c.distortion, (0, most - len(c.distortion))) for c in cameras]),
        T_cam_world=pose[:, None],
        size=np.array([camera.size for camera in cameras]),
        time_offset=np.zeros(len(cameras)),
    )


def enter_pixels(K: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """Check an intrinsic matrix and move its principal point to marey's pixels."""
    focal = K[[0, 1], [0, 1]]
    if not ((focal > 1) & (focal < _LONGEST_FOCAL_PX)).all():
        raise CalibrationFault(f"a focal length of {focal.min():g} px is none")
    K = K.copy()
    K[:2, 2] += 0.5
    return K


def to_numbers(values: Any, shape: tuple[int, ...], what: str) -> Float[np.ndarray, "..."]:
    array = np.array(values, np.float64)
    if array.shape != shape:
        raise CalibrationFault(f"{what} has the shape {array.shape}, not {shape}")
    if not np.isfinite(array).all() or np.abs(array).max(initial=0.0) > _LONGEST_FOCAL_PX:
        raise CalibrationFault(f"{what} holds a number that is not finite or absurdly large")
    return array


def list_cameras(cameras: Cameras) -> Iterator[OneCamera]:
    """Yield static cameras with pixels as OpenCV counts them.

    Raises:
        InputError: If the cameras move.
    """
    if cameras.T_cam_world.shape[1] > 1:
        raise InputError("this format holds cameras that stand still only; write a take instead")
    for row, name in enumerate(cameras.names):
        K = cameras.K[row].astype(np.float64).copy()
        K[:2, 2] -= 0.5
        pose = cameras.T_cam_world[row, 0].astype(np.float64)
        yield OneCamera(
            name=name,
            size=(int(cameras.size[row, 0]), int(cameras.size[row, 1])),
            K=K,
            distortion=cameras.distortion[row].astype(np.float64),
            R_cam_world=Rotation.from_quat(pose[:4], scalar_first=True).as_matrix(),
            t_cam_world=pose[4:],
            fisheye=cameras.model == "fisheye",
        )
