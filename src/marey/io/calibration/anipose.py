"""Camera calibrations as Anipose and Caliscope store them (TOML); Pose2Sim reads the same.

A table per camera: `name`, `size`, `matrix` (K, px, pixels as OpenCV counts them), `distortions`
(k1 k2 p1 p2 k3; fisheye k1 to k4), `rotation` (vector) and `translation` from the world to the
camera, `fisheye`; `metadata` is skipped. Caliscope calls the name `port` or `cam_id`. Translations
are in the unit of the board: millimetres as a rule in Anipose, metres in Caliscope and Pose2Sim.
Written are metres.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.files import atomic_path
from marey.io._toml import format_toml
from marey.io.calibration._parts import (
    OneCamera,
    collect_cameras,
    enter_pixels,
    list_cameras,
    read_tables,
    to_numbers,
)


def read_anipose(path: str | Path, *, unit_m: float = 1.0) -> Cameras:
    """Read a calibration of Anipose or Caliscope (.toml).

    Args:
        path: The file.
        unit_m: Metres per unit of its translations: 0.001 for millimetres.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is no such calibration.
    """
    path = Path(path)
    return collect_cameras(
        path, [lambda e=entry: _from_table(e[0], e[1], unit_m) for entry in read_tables(path)]
    )


def write_anipose(cameras: Cameras, path: str | Path, *, overwrite: bool = False) -> None:
    """Write static cameras, in metres.

    Raises:
        InputError: If the cameras move or the place cannot be written.
        OutputExistsError: If the file exists and `overwrite` is off.
    """
    tables: dict[str, Any] = {}
    for row, camera in enumerate(list_cameras(cameras)):
        tables[f"cam_{row}"] = {
            "name": camera.name,
            "size": list(camera.size),
            "matrix": camera.K.tolist(),
            "distortions": _pad(camera).tolist(),
            "rotation": Rotation.from_matrix(camera.R_cam_world).as_rotvec().tolist(),
            "translation": camera.t_cam_world.tolist(),
            "fisheye": camera.fisheye,
        }
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_text(format_toml(tables), encoding="utf-8")


def _pad(camera: OneCamera) -> Float[np.ndarray, "P"]:
    """Return as many coefficients as the readers of other programs count on."""
    wanted = 4 if camera.fisheye else 5
    return np.pad(camera.distortion, (0, max(0, wanted - len(camera.distortion))))


def _from_table(key: str, table: Mapping[str, Any], unit_m: float) -> OneCamera:
    width, height = to_numbers(table["size"], (2,), "size")
    bends = list(table["distortions"])
    fisheye = bool(table.get("fisheye", False))
    allowed = (0, 4) if fisheye else (0, 4, 5, 8)
    if len(bends) not in allowed:
        raise ValueError(f"a camera has {len(bends)} distortions, not one of {allowed}")
    turn = Rotation.from_rotvec(to_numbers(table["rotation"], (3,), "rotation"))
    name = next((table[k] for k in ("name", "port", "cam_id") if k in table), key)
    return OneCamera(
        name=str(name),
        size=(round(width), round(height)),
        K=enter_pixels(to_numbers(table["matrix"], (3, 3), "matrix")),
        distortion=to_numbers(bends, (len(bends),), "distortions"),
        R_cam_world=turn.as_matrix(),
        t_cam_world=unit_m * to_numbers(table["translation"], (3,), "translation"),
        fisheye=fisheye,
    )
