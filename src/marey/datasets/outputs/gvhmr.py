"""GVHMR's `hmr4d_results.pt`, of torch, loaded as weights only: one person.

Read: `smpl_params_global` (a world with +Y up) and `smpl_params_incam` (the camera's axes), each
with `body_pose` (F, 63 rotation vectors of SMPL-X's first 21 joints), `global_orient` (F, 3),
`transl` (F, 3, m), `betas` (F, 10); and `K_fullimg` (F, 3, 3, px). Jaw, eyes and fingers rest. The
world is read, without its moving camera; or the camera's axes as `gvhmr-camera`, with a still
camera the middle of whose picture is the principal point. Translations lack the rest pelvis (see
`marey.datasets.outputs.people`).

Tried on a file written in this layout, which is that of the project's public documentation; no real
file is at hand.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import Take
from marey.core.errors import FormatError
from marey.datasets._fields import get_array, get_dict, to_array
from marey.datasets.outputs.cameras import level_camera
from marey.datasets.outputs.gather import build_take
from marey.datasets.outputs.people import (
    FROM_CAMERA,
    FROM_Y_UP,
    FROM_Z_UP,
    Options,
    Posed,
    Seen,
)
from marey.datasets.outputs.rotations import from_vectors
from marey.io.limits import check_picture_size
from marey.io.sightings import View

WORLD, CAMERA = "smpl_params_global", "smpl_params_incam"
NUM_BODY, NUM_JOINTS = 21, 54


def recognise(document: Any) -> bool:
    """Tell whether a document is GVHMR's."""
    return isinstance(document, dict) and (WORLD in document or CAMERA in document)


def read(document: dict[str, Any], path: Path, options: Options) -> Take:
    """Read the person in the world, or in the camera's axes where there is none.

    Raises:
        FormatError: If fields are missing, or of other shapes.
    """
    return _read(document, path, options, WORLD if WORLD in document else CAMERA)


def read_camera(document: dict[str, Any], path: Path, options: Options) -> Take:
    """Read the person in the camera's axes (see `read`)."""
    return _read(document, path, options, CAMERA)


def _read(document: dict[str, Any], path: Path, options: Options, key: str) -> Take:
    axes = FROM_Y_UP if options.up != "z" else FROM_Z_UP
    if key == CAMERA:
        axes = FROM_CAMERA
    body = _to_posed(get_dict(document.get(key), path, key), key, path, axes)
    count = len(body.root)
    size = options.size
    cameras = None
    if "K_fullimg" in document and key == CAMERA:
        K = _read_K(document["K_fullimg"], path)
        size = size or _guess_size(K, path)
        cameras = level_camera(K, size)
    seen = Seen(name="01", frame=np.arange(count), body=body)
    view = View(path=path, format="GVHMR, SMPL-X bodies", num_frames=count, size=size)
    note = "its own world" if key == WORLD else "of the camera, which is taken to be level"
    return build_take([seen], view=view, options=options, cameras=cameras, note=note)


def _to_posed(table: dict[str, Any], key: str, path: Path, axes: Any) -> Posed:
    pose = from_vectors(table.get("body_pose"), f"{key}.body_pose", path, count=NUM_BODY)
    root = from_vectors(table.get("global_orient"), f"{key}.global_orient", path, count=1)
    place = get_array(table, "transl", path, (None, 3), within=key, missing=True)
    betas = get_array(table, "betas", path, (None, None), within=key, missing=True)
    if not len(pose) == len(root) == len(place) or betas.shape[1] > 20:
        raise FormatError(f"{path}: the fields of '{key}' have different numbers of frames")
    rest = np.zeros((len(pose), NUM_JOINTS - NUM_BODY, 4))
    rest[..., 0] = 1
    return Posed(
        root=root[:, 0],
        joints=np.concatenate([pose, rest], 1),
        position=place,
        betas=betas,
        is_translation=True,
        axes=axes,
    )


def _read_K(value: Any, path: Path) -> Float[np.ndarray, "3 3"]:
    K = np.median(to_array(value, "K_fullimg", path, (None, 3, 3)), axis=0)
    if not (K[0, 0] > 0 and K[1, 1] > 0):
        raise FormatError(f"{path}: 'K_fullimg' is no camera matrix")
    return K


def _guess_size(K: Float[np.ndarray, "3 3"], path: Path) -> tuple[int, int]:
    """Return the size of a picture whose middle is the principal point, as GVHMR sets it."""
    width, height = (int(v) for v in np.round(2 * K[:2, 2]))
    check_picture_size(width, height, path)
    return width, height
