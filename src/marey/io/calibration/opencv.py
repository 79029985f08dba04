"""Camera calibrations in OpenCV's YAML: EasyMocap's pair of files, and one file per camera.

EasyMocap: `intri.yml` has `names` and per camera `K_NAME` and `dist_NAME` (k1 k2 p1 p2 k3);
`extri.yml` has `R_NAME` (rotation vector) or `Rot_NAME` (matrix) and `T_NAME`, from the world to
the camera in m; `H_NAME` and `W_NAME` are the pictures' size, which old files lack. OpenCV's own
samples: `camera_matrix`, `distortion_coefficients`, `image_width`, `image_height` in a file per
camera, poses at the origin unless `R` and `T` say otherwise. Pixels are counted as OpenCV does.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import InputError
from marey.core.files import atomic_folder, atomic_path
from marey.io.calibration._opencv_yaml import format_opencv_yaml, parse_opencv_yaml
from marey.io.calibration._parts import (
    OneCamera,
    collect_cameras,
    enter_pixels,
    list_cameras,
    read_text,
    to_numbers,
)


def read_easymocap(folder: str | Path, *, size: tuple[int, int] | None = None) -> Cameras:
    """Read `intri.yml` and `extri.yml`.

    Args:
        folder: Where they lie.
        size: Width and height of the pictures, px, where the files do not say.

    Raises:
        InputError: If a file cannot be opened, or no size is known.
        FormatError: If they are no such calibration.
    """
    folder = Path(folder)
    lens = parse_opencv_yaml(read_text(folder / "intri.yml"), folder / "intri.yml")
    place = parse_opencv_yaml(read_text(folder / "extri.yml"), folder / "extri.yml")
    names = lens.get("names")
    if not isinstance(names, list):
        names = [key.removeprefix("K_") for key in lens if key.startswith("K_")]
    table = {**place, **lens}
    return collect_cameras(
        folder / "intri.yml", [lambda n=name: _from_easymocap(n, table, size) for name in names]
    )


def write_easymocap(cameras: Cameras, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write static cameras as a folder of `intri.yml` and `extri.yml`.

    Raises:
        InputError: If the cameras move, are fisheye cameras or cannot be written.
        OutputExistsError: If the folder exists and `overwrite` is off.
    """
    if cameras.model == "fisheye":
        raise InputError("EasyMocap's files hold no fisheye lenses; write COLMAP or Anipose's")
    lens: dict[str, Any] = {"names": list(cameras.names)}
    place: dict[str, Any] = {"names": list(cameras.names)}
    for camera in list_cameras(cameras):
        bends = np.pad(camera.distortion, (0, max(0, 5 - len(camera.distortion))))
        lens[f"K_{camera.name}"], lens[f"dist_{camera.name}"] = camera.K, bends[None]
        lens[f"W_{camera.name}"], lens[f"H_{camera.name}"] = camera.size
        turn = Rotation.from_matrix(camera.R_cam_world).as_rotvec()
        place[f"R_{camera.name}"] = turn[:, None]
        place[f"Rot_{camera.name}"] = camera.R_cam_world
        place[f"T_{camera.name}"] = camera.t_cam_world[:, None]
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        (temporary / "intri.yml").write_text(format_opencv_yaml(lens), encoding="utf-8")
        (temporary / "extri.yml").write_text(format_opencv_yaml(place), encoding="utf-8")


def read_opencv(paths: Sequence[str | Path]) -> Cameras:
    """Read OpenCV's files, one per camera, named after it.

    Raises:
        InputError: If a file cannot be opened.
        FormatError: If one is no such calibration.
    """
    files = [Path(path) for path in paths]
    if not files:
        raise InputError("no file of a camera was given; give one per camera")
    tables = [(file.stem, parse_opencv_yaml(read_text(file), file)) for file in files]
    return collect_cameras(files[0], [lambda t=table: _from_opencv(*t) for table in tables])


def write_opencv(cameras: Cameras, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write static cameras, a file NAME.yml each.

    Raises:
        InputError: If the cameras move or the place cannot be written.
        OutputExistsError: If a file exists and `overwrite` is off.
    """
    result = []
    for camera in list_cameras(cameras):
        values: dict[str, Any] = {
            "image_width": camera.size[0],
            "image_height": camera.size[1],
            "fisheye_model": int(camera.fisheye),
            "camera_matrix": camera.K,
            "distortion_coefficients": camera.distortion[:, None],
            "R": camera.R_cam_world,
            "T": camera.t_cam_world[:, None],
        }
        target = Path(folder) / f"{camera.name}.yml"
        with atomic_path(target, overwrite=overwrite) as temporary:
            temporary.write_text(format_opencv_yaml(values), encoding="utf-8")
        result.append(target)
    return result


def _from_easymocap(name: str, table: Mapping[str, Any], size: tuple[int, int] | None) -> OneCamera:
    stated = (table.get(f"W_{name}"), table.get(f"H_{name}"))
    if None in stated:
        if size is None:
            raise ValueError(f"the size of {name}'s pictures is not stated; say it with `size`")
        stated = size
    turn = table.get(f"Rot_{name}")
    if turn is None:
        turn = _to_matrix(table[f"R_{name}"])
    return OneCamera(
        name=name,
        size=(round(float(str(stated[0]))), round(float(str(stated[1])))),
        K=enter_pixels(to_numbers(table[f"K_{name}"], (3, 3), f"K_{name}")),
        distortion=_bends(table[f"dist_{name}"], fisheye=False),
        R_cam_world=_check_turn(turn),
        t_cam_world=to_numbers(np.ravel(table[f"T_{name}"]), (3,), f"T_{name}"),
        fisheye=False,
    )


def _from_opencv(name: str, table: Mapping[str, Any]) -> OneCamera:
    fisheye = str(table.get("fisheye_model", "0")) == "1"
    return OneCamera(
        name=name,
        size=(round(float(table["image_width"])), round(float(table["image_height"]))),
        K=enter_pixels(to_numbers(table["camera_matrix"], (3, 3), "camera_matrix")),
        distortion=_bends(table["distortion_coefficients"], fisheye=fisheye),
        R_cam_world=_check_turn(_to_matrix(table["R"])) if "R" in table else np.eye(3),
        t_cam_world=to_numbers(np.ravel(table.get("T", np.zeros(3))), (3,), "T"),
        fisheye=fisheye,
    )


def _to_matrix(turn: Any) -> Float[np.ndarray, "3 3"]:
    if np.size(turn) == 9:
        return to_numbers(turn, (3, 3), "R")
    return Rotation.from_rotvec(to_numbers(np.ravel(turn), (3,), "R")).as_matrix()


def _check_turn(turn: Any) -> Float[np.ndarray, "3 3"]:
    R = to_numbers(turn, (3, 3), "a rotation")
    if np.abs(R @ R.T - np.eye(3)).max() > 1e-2 or np.linalg.det(R) < 0:
        raise ValueError("the rotation of a camera is none")
    return R


def _bends(values: Any, *, fisheye: bool) -> Float[np.ndarray, "P"]:
    bends = np.ravel(values)
    allowed = (0, 4) if fisheye else (0, 4, 5, 8)
    if len(bends) not in allowed:
        raise ValueError(f"a camera has {len(bends)} distortions, not one of {allowed}")
    return to_numbers(bends, (len(bends),), "distortion")
