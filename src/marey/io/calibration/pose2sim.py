"""Camera calibrations as Pose2Sim and Qualisys store them.

Pose2Sim's TOML has a table per camera: `name`, `size`, `matrix` (K, px), `distortions` (k1 k2 p1
p2), `rotation` (vector) and `translation` (m) from the world to the camera, `fisheye`. Qualisys
exports XML (`.qca.txt`): intrinsics in 1/64 px on a sensor that starts at `sensorMinU/V`, and
distortion in the same 64ths; the camera's position in mm, and a rotation whose rows are the
camera's axes with Y up and Z backwards. The text is refused if it declares entities. Both count
pixels as OpenCV does, so principal points gain half a pixel on the way in.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import FormatError, InputError
from marey.core.files import atomic_path
from marey.io.calibration._parts import (
    CalibrationFault,
    OneCamera,
    collect_cameras,
    enter_pixels,
    list_cameras,
    read_tables,
    read_text,
    to_numbers,
)


def read_pose2sim(path: str | Path) -> Cameras:
    """Read a Pose2Sim calibration (.toml).

    Args:
        path: The file.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is no such calibration.
    """
    path = Path(path)
    return collect_cameras(path, [lambda e=entry: _from_toml(*e) for entry in read_tables(path)])


def read_qualisys(path: str | Path) -> Cameras:
    """Read a Qualisys calibration (.qca.txt).

    Args:
        path: The file.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is no such calibration.
    """
    path = Path(path)
    text = read_text(path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise FormatError(
            f"{path} declares XML entities, which no calibration needs; export it again"
        )
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, RecursionError, ValueError) as error:
        raise FormatError(f"{path} is not sound XML ({error}); export it again") from error
    nodes = root.findall("./cameras/camera")
    return collect_cameras(path, [lambda n=node: _from_qualisys(n) for node in nodes])


def write_qualisys(cameras: Cameras, path: str | Path, *, overwrite: bool = False) -> None:
    """Write static pinhole cameras in Qualisys's XML, with what readers of it need.

    Raises:
        InputError: If cameras move, have lenses that the format cannot hold, or the place cannot be
            written.
        OutputExistsError: If the file exists and `overwrite` is off.
    """
    root = ElementTree.Element("calibration")
    every = ElementTree.SubElement(root, "cameras")
    for camera in list_cameras(cameras):
        if camera.fisheye or camera.distortion[4:].any():
            raise InputError(
                f"Qualisys's files hold k1 k2 p1 p2 of pinhole cameras, and {camera.name} has "
                "more; write .toml or a folder .colmap"
            )
        every.append(_to_qualisys(camera))
    ElementTree.indent(root)
    with atomic_path(path, overwrite=overwrite) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)


def _to_qualisys(camera: OneCamera) -> ElementTree.Element:
    node = ElementTree.Element("camera", serial=camera.name)
    width, height = camera.size
    box = {"left": 0, "top": 0, "right": width - 1, "bottom": height - 1}
    centre = -1000 * camera.R_cam_world.T @ camera.t_cam_world
    turn = np.diag([1.0, -1.0, -1.0]) @ camera.R_cam_world
    rows = {f"r{i + 1}{j + 1}": turn[i, j] for i in range(3) for j in range(3)}
    bends = np.pad(camera.distortion, (0, 4))[:4]
    lens = {
        "focalLengthU": camera.K[0, 0],
        "focalLengthV": camera.K[1, 1],
        "centerPointU": camera.K[0, 2],
        "centerPointV": camera.K[1, 2],
        "skew": camera.K[0, 1],
        "radialDistortion1": bends[0],
        "radialDistortion2": bends[1],
        "tangentalDistortion1": bends[2],
        "tangentalDistortion2": bends[3],
    }
    sensor = {"sensorMinU": 0, "sensorMaxU": 64 * width, "sensorMinV": 0, "sensorMaxV": 64 * height}
    parts = {
        "fov_video": box,
        "transform": {**dict(zip("xyz", centre, strict=True)), **rows},
        "intrinsic": {**sensor, **{name: 64 * value for name, value in lens.items()}},
    }
    for name, values in parts.items():
        words = {key: repr(float(value)) for key, value in values.items()}
        if name == "fov_video":
            words = {key: str(value) for key, value in box.items()}
        ElementTree.SubElement(node, name, words)
    return node


def _from_toml(key: str, table: Mapping[str, Any]) -> OneCamera:
    width, height = to_numbers(table["size"], (2,), "size")
    return OneCamera(
        name=str(table.get("name", key)),
        size=(round(width), round(height)),
        K=enter_pixels(to_numbers(table["matrix"], (3, 3), "matrix")),
        distortion=to_numbers(list(table["distortions"])[:4], (4,), "distortions"),
        R_cam_world=Rotation.from_rotvec(
            to_numbers(table["rotation"], (3,), "rotation")
        ).as_matrix(),
        t_cam_world=to_numbers(table["translation"], (3,), "translation"),
        fisheye=bool(table.get("fisheye", False)),
    )


def _from_qualisys(node: ElementTree.Element) -> OneCamera:
    box, transform, lens = (_child(node, name) for name in ("fov_video", "transform", "intrinsic"))

    def number(table: Mapping[str, str], name: str) -> float:
        return float(to_numbers(float(table[name]), (), name))

    names = [[f"r{row}{column}" for column in (1, 2, 3)] for row in (1, 2, 3)]
    turn = np.array([[number(transform, name) for name in row] for row in names])
    if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-2 or np.linalg.det(turn) < 0:
        raise CalibrationFault("the transform of a camera is no rotation")
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
    return OneCamera(
        name=str(node.attrib["serial"]),
        size=(
            round(number(box, "right") - number(box, "left")) + 1,
            round(number(box, "bottom") - number(box, "top")) + 1,
        ),
        K=enter_pixels(K),
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
