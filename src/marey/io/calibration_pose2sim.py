"""Camera calibrations as Pose2Sim and Qualisys store them.

Pose2Sim's TOML has a table per camera: `name`, `size`, `matrix` (K, px), `distortions` (k1 k2 p1
p2), `rotation` (vector) and `translation` (m) from the world to the camera, `fisheye`. Qualisys
exports XML (`.qca.txt`): intrinsics in 1/64 px on a sensor that starts at `sensorMinU/V`, and
distortion in the same 64ths; the camera's position in mm, and a rotation whose rows are the
camera's axes with Y up and Z backwards. The text is refused if it declares entities. Both count
pixels as OpenCV does, so principal points gain half a pixel on the way in.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import FormatError, InputError
from marey.io._limits import check_picture_size

MAX_BYTES = 10_000_000
MAX_CAMERAS = 1000
_LONGEST_FOCAL_PX = 1e7


@dataclass(frozen=True, slots=True, kw_only=True)
class _Camera:
    name: str
    size: tuple[int, int]
    K: Float[np.ndarray, "3 3"]
    distortion: Float[np.ndarray, "4"]
    R_cam_world: Float[np.ndarray, "3 3"]
    t_cam_world: Float[np.ndarray, "3"]
    fisheye: bool


class _Fault(ValueError):
    """What is wrong, without the file it stands in."""


def read_pose2sim(path: str | Path) -> Cameras:
    """Read a Pose2Sim calibration (.toml).

    Args:
        path: The file.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is no such calibration.
    """
    path = Path(path)
    text = _read_text(path)
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not sound TOML ({error}); export it again") from error
    entries = [
        (key, table)
        for key, table in tables.items()
        if isinstance(table, Mapping) and "matrix" in table
    ]
    return _collect(path, [lambda e=entry: _from_toml(*e) for entry in entries])


def read_qualisys(path: str | Path) -> Cameras:
    """Read a Qualisys calibration (.qca.txt).

    Args:
        path: The file.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is no such calibration.
    """
    path = Path(path)
    text = _read_text(path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise FormatError(
            f"{path} declares XML entities, which no calibration needs; export it again"
        )
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, RecursionError, ValueError) as error:
        raise FormatError(f"{path} is not sound XML ({error}); export it again") from error
    nodes = root.findall("./cameras/camera")
    return _collect(path, [lambda n=node: _from_qualisys(n) for node in nodes])


def _read_text(path: Path) -> str:
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


def _collect(path: Path, parts: Sequence[Any]) -> Cameras:
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
    turns = Rotation.from_matrix([camera.R_cam_world for camera in cameras])
    place = np.stack([camera.t_cam_world for camera in cameras])
    pose = np.concatenate([turns.as_quat(canonical=True, scalar_first=True), place], 1)
    return Cameras(
        names=tuple(camera.name for camera in cameras),
        model="fisheye" if cameras[0].fisheye else "pinhole",
        K=np.stack([camera.K for camera in cameras]),
        distortion=np.stack([camera.distortion for camera in cameras]),
        T_cam_world=pose[:, None],
        size=np.array([camera.size for camera in cameras]),
        time_offset=np.zeros(len(cameras)),
    )


def _from_toml(key: str, table: Mapping[str, Any]) -> _Camera:
    width, height = _numbers(table["size"], (2,), "size")
    return _Camera(
        name=str(table.get("name", key)),
        size=(round(width), round(height)),
        K=_enter(_numbers(table["matrix"], (3, 3), "matrix")),
        distortion=_numbers(list(table["distortions"])[:4], (4,), "distortions"),
        R_cam_world=Rotation.from_rotvec(_numbers(table["rotation"], (3,), "rotation")).as_matrix(),
        t_cam_world=_numbers(table["translation"], (3,), "translation"),
        fisheye=bool(table.get("fisheye", False)),
    )


def _from_qualisys(node: ElementTree.Element) -> _Camera:
    box, transform, lens = (_child(node, name) for name in ("fov_video", "transform", "intrinsic"))

    def number(table: Mapping[str, str], name: str) -> float:
        return float(_numbers(float(table[name]), (), name))

    names = [[f"r{row}{column}" for column in (1, 2, 3)] for row in (1, 2, 3)]
    turn = np.array([[number(transform, name) for name in row] for row in names])
    if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-2 or np.linalg.det(turn) < 0:
        raise _Fault("the transform of a camera is no rotation")
    R_cam_world = np.diag([1.0, -1.0, -1.0]) @ turn
    centre = np.array([number(transform, axis) for axis in "xyz"]) / 1000
    K = np.eye(3)
    for row, axis in enumerate("UV"):
        K[row, row] = number(lens, f"focalLength{axis}") / 64
        start = number(lens, f"sensorMin{axis}")
        K[row, 2] = (number(lens, f"centerPoint{axis}") - start) / 64
    bends = ("radialDistortion1", "radialDistortion2")
    # Qualisys spells it this way.
    shears = ("tangentalDistortion1", "tangentalDistortion2")
    return _Camera(
        name=str(node.attrib["serial"]),
        size=(
            round(number(box, "right") - number(box, "left")) + 1,
            round(number(box, "bottom") - number(box, "top")) + 1,
        ),
        K=_enter(K),
        distortion=np.array([number(lens, name) for name in (*bends, *shears)]) / 64,
        R_cam_world=R_cam_world,
        t_cam_world=-R_cam_world @ centre,
        fisheye=False,
    )


def _child(node: ElementTree.Element, name: str) -> Mapping[str, str]:
    found = node.find(name)
    if found is None:
        raise KeyError(name)
    return found.attrib


def _enter(K: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """Check an intrinsic matrix and move its principal point to marey's pixels."""
    focal = K[[0, 1], [0, 1]]
    if not ((focal > 1) & (focal < _LONGEST_FOCAL_PX)).all():
        raise _Fault(f"a focal length of {focal.min():g} px is none")
    K = K.copy()
    K[:2, 2] += 0.5
    return K


def _numbers(values: Any, shape: tuple[int, ...], what: str) -> Float[np.ndarray, "..."]:
    array = np.array(values, np.float64)
    if array.shape != shape:
        raise _Fault(f"{what} has the shape {array.shape}, not {shape}")
    if not np.isfinite(array).all() or np.abs(array).max(initial=0.0) > _LONGEST_FOCAL_PX:
        raise _Fault(f"{what} holds a number that is not finite or absurdly large")
    return array
