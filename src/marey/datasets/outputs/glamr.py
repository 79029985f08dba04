"""GLAMR's `NAME_seed1.pkl`: a pickle with `person_data`, people seen by a moving camera.

Read of each person: `smpl_pose` (T, 69 rotation vectors), `smpl_beta` (T, 10), `smpl_orient_world`
and `root_trans_world` (T, 3: the pelvis joint in a world with +Z up, the floor at 0), or
`smpl_orient_cam` and `root_trans_cam` in the camera's axes (as `glamr-camera`), `exist_frames` (T)
and `cam_K`; of all people `cam_pose` (T, 4, 4: camera from world). Its keypoints have an order of
their own and are passed over.

Tried on the real sample `glamr_running_seed1.pkl` (203 frames of 3840x2160 px): the pelvis projects
onto the detector's within 8 px (median) in the camera's axes, and within 22 px through the world
and the moving camera, which GLAMR optimised after.
"""

from pathlib import Path
from typing import Any

import numpy as np

from marey.core import Cameras, Take
from marey.core.errors import FormatError
from marey.datasets._fields import get_array, get_dict
from marey.datasets.outputs.cameras import level_camera, make_camera
from marey.datasets.outputs.gather import build_take
from marey.datasets.outputs.people import (
    FROM_CAMERA,
    FROM_Z_UP,
    Options,
    Posed,
    Seen,
    name_person,
)
from marey.datasets.outputs.rotations import from_matrices, from_vectors
from marey.io.limits import check_picture_size
from marey.io.sightings import View


def recognise(document: Any) -> bool:
    """Tell whether a document is GLAMR's."""
    return isinstance(document, dict) and isinstance(document.get("person_data"), dict)


def read(document: dict[str, Any], path: Path, options: Options) -> Take:
    """Read people in the world, with the moving camera.

    Raises:
        FormatError: If fields are missing, or of other shapes.
        NothingFoundError: If there is nobody.
    """
    return _read(document, path, options, world=True)


def read_camera(document: dict[str, Any], path: Path, options: Options) -> Take:
    """Read people in the camera's axes (see `read`)."""
    return _read(document, path, options, world=False)


def _read(document: dict[str, Any], path: Path, options: Options, *, world: bool) -> Take:
    people = document.get("person_data")
    if not isinstance(people, dict):
        raise FormatError(f"{path} has no 'person_data' as GLAMR writes it")
    tables = {name_person(key, path): get_dict(v, path, str(key)) for key, v in people.items()}
    seen = [_to_seen(name, table, path, world=world) for name, table in tables.items()]
    count = max((int(each.frame.max(initial=-1)) + 1 for each in seen), default=0)
    cameras = size = None
    first = next((table for table in tables.values() if "cam_K" in table), None)
    if first is not None:
        K = np.median(get_array(first, "cam_K", path, (None, 3, 3)), axis=0)
        size = _size_of(K, path)
        cameras = level_camera(K, size)
        if world:
            cameras = _move(K, size, document, count, path)
    note = "its own world, +Z up" if world else "of the camera, which is taken to be level"
    view = View(path=path, format="GLAMR, SMPL bodies", num_frames=count, size=size)
    return build_take(seen, view=view, options=options, cameras=cameras, note=note)


def _to_seen(name: str, table: dict[str, Any], path: Path, *, world: bool) -> Seen:
    end = "world" if world else "cam"
    pose = from_vectors(table.get("smpl_pose"), "smpl_pose", path, count=23)
    count = len(pose)
    root = from_vectors(table.get(f"smpl_orient_{end}"), f"smpl_orient_{end}", path, count=1)
    place = get_array(table, f"root_trans_{end}", path, (count, 3), within=name, missing=True)
    betas = get_array(table, "smpl_beta", path, (count, 10), within=name, missing=True)
    if len(root) != count:
        raise FormatError(f"{path}: {name} has {count} poses, but {len(root)} orientations")
    frame = np.arange(count)
    if "exist_frames" in table:
        frame = np.flatnonzero(get_array(table, "exist_frames", path, (count,)) > 0)
    return Seen(
        name=name,
        frame=frame,
        body=Posed(
            root=root[frame, 0],
            joints=pose[frame],
            position=place[frame],
            betas=betas[frame],
            is_translation=False,
            axes=FROM_Z_UP if world else FROM_CAMERA,
        ),
    )


def _size_of(K: np.ndarray, path: Path) -> tuple[int, int]:
    """Return the size of a picture whose middle is the principal point, as GLAMR sets it."""
    width, height = (int(v) for v in np.round(2 * K[:2, 2]))
    check_picture_size(width, height, path)
    return width, height


def _move(
    K: np.ndarray, size: tuple[int, int], document: dict[str, Any], count: int, path: Path
) -> Cameras | None:
    if "cam_pose" not in document:
        return None
    T = get_array(document, "cam_pose", path, (None, 4, 4))
    if len(T) < count:
        return None
    turn = from_matrices(T[:count, None, :3, :3], "cam_pose", path, count=1)[:, 0]
    return make_camera(K, size, np.concatenate([turn, T[:count, :3, 3]], 1)[None])
