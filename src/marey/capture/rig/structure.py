"""Structure from motion: cameras from the scene itself, by pycolmap (an extra).

Schönberger and Frahm, "Structure-from-Motion Revisited" (2016). Pictures of one camera share its
lens. Cameras whose pictures have too little in common are not placed; pictures taken on a walk
from one to the next join them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from marey.core import Cameras
from marey.core.errors import FormatError, InputError, MissingExtraError, NothingFoundError
from marey.io.calibration.colmap_images import ColmapImages, read_colmap_images

_FEWEST_PICTURES = 2
_SEED = 0
_FIRST_ANGLES_DEG = (16.0, 6.0, 2.0)
"""Between the rays of the first pair's points: what pycolmap asks for, and less where no pair has
that, as when somebody takes a few steps before a building."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What was found of a scene."""

    images: ColmapImages
    """Poses and lenses of all pictures that were placed, in units of the reconstruction."""
    points: Float[np.ndarray, "P 3"]
    error_px: Mapping[str, Float[np.ndarray, "_"]]
    """Per camera, how far points are from where they were seen, px."""


def require_pycolmap() -> ModuleType:
    """Return pycolmap.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        module = import_module("pycolmap")
    except ImportError as error:
        raise MissingExtraError("pycolmap", "sfm", "structure from motion") from error
    # Its running commentary is no result.
    module.logging.minloglevel = 3
    return module


def find_structure(
    pictures: Mapping[str, Sequence[UInt8[np.ndarray, "_ _ 3"]]],
    workspace: Path,
    *,
    fisheye: bool = False,
    lenses: Cameras | None = None,
) -> Structure:
    """Reconstruct a scene from pictures of it.

    Args:
        pictures: By camera, RGB, of one size each.
        workspace: An empty folder for what pycolmap writes.
        fisheye: Whether lenses are fisheye lenses.
        lenses: Known lenses by the cameras' names; found if None.

    Raises:
        MissingExtraError: If pycolmap is not installed.
        InputError: If there are too few pictures.
        NothingFoundError: If the pictures have too little in common.
    """
    pycolmap = require_pycolmap()
    if sum(len(own) for own in pictures.values()) < _FEWEST_PICTURES:
        raise InputError("a scene is reconstructed from two pictures at least")
    _write_pictures(pictures, workspace / "images")
    database = workspace / "database.db"
    pycolmap.set_random_seed(_SEED)
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = "OPENCV_FISHEYE" if fisheye else "SIMPLE_RADIAL"
    try:
        pycolmap.extract_features(
            database,
            workspace / "images",
            camera_mode=pycolmap.CameraMode.PER_FOLDER,
            reader_options=reader,
        )
        if lenses is not None:
            _state_lenses(pycolmap, database, lenses)
        pycolmap.match_exhaustive(database)
        models = _map(pycolmap, workspace, lenses_known=lenses is not None)
    except (RuntimeError, ValueError) as error:
        raise NothingFoundError(f"pycolmap could not reconstruct the scene: {error}") from error
    if not models:
        raise NothingFoundError(
            "the pictures have too little in common to reconstruct the scene; add a folder of "
            "pictures taken on a walk from each camera to the next, or calibrate by people"
        )
    return _collect(max(models, key=lambda model: model.num_reg_images()), workspace)


def _map(pycolmap: ModuleType, workspace: Path, *, lenses_known: bool) -> list[Any]:
    """Return the models of the widest first pair that starts one."""
    for number, angle in enumerate(_FIRST_ANGLES_DEG):
        options = pycolmap.IncrementalPipelineOptions()
        options.random_seed, options.min_model_size = _SEED, _FEWEST_PICTURES
        options.multiple_models = False
        options.mapper.init_min_tri_angle = angle
        if lenses_known:
            options.ba_refine_focal_length = options.ba_refine_extra_params = False
        folder = workspace / f"sparse{number}"
        folder.mkdir()
        models = pycolmap.incremental_mapping(
            workspace / "database.db", workspace / "images", folder, options
        )
        if models:
            return list(models.values())
    return []


def _write_pictures(
    pictures: Mapping[str, Sequence[UInt8[np.ndarray, "_ _ 3"]]], folder: Path
) -> None:
    for name, own in pictures.items():
        (folder / name).mkdir(parents=True)
        for number, picture in enumerate(own):
            target = folder / name / f"{number + 1:05d}.png"
            if not cv2.imwrite(str(target), picture[..., ::-1]):
                raise InputError(f"cannot write {target}; is the disk full?")


def _state_lenses(pycolmap: ModuleType, database: Path, lenses: Cameras) -> None:
    """Put known lenses into the database."""
    handle = pycolmap.Database.open(database)
    try:
        for image in handle.read_all_images():
            row = lenses.names.index(image.name.split("/")[0])
            camera = handle.read_camera(image.camera_id)
            model, values = _to_parameters(lenses, row)
            camera.model, camera.params = getattr(pycolmap.CameraModelId, model), values
            camera.has_prior_focal_length = True
            handle.update_camera(camera)
    finally:
        handle.close()


def _to_parameters(lenses: Cameras, row: int) -> tuple[str, list[float]]:
    K, bends = lenses.K[row], lenses.distortion[row]
    values = [K[0, 0], K[1, 1], K[0, 2], K[1, 2]]
    if lenses.model == "fisheye":
        return "OPENCV_FISHEYE", [float(v) for v in (*values, *np.pad(bends, (0, 4 - len(bends))))]
    bends = np.pad(bends, (0, 8 - len(bends)))
    return "FULL_OPENCV", [float(value) for value in (*values, *bends)]


def _collect(model: Any, workspace: Path) -> Structure:
    """Read what pycolmap writes, by our own reader, and its points' errors."""
    folder = workspace / "model"
    folder.mkdir()
    model.write_text(folder)
    try:
        images = read_colmap_images(folder)
    except FormatError as error:
        raise NothingFoundError(f"the reconstruction cannot be used: {error}") from error
    points = [point.xyz for point in model.points3D.values()]
    off: dict[str, list[float]] = {}
    for image in model.images.values():
        own = off.setdefault(image.name.split("/")[0], [])
        for spot in image.points2D:
            if spot.has_point3D():
                seen = image.project_point(model.points3D[spot.point3D_id].xyz)
                if seen is not None:
                    own.append(float(np.linalg.norm(np.ravel(seen) - spot.xy)))
    return Structure(
        images=images,
        points=np.array(points, np.float64).reshape(-1, 3),
        error_px={name: np.array(values) for name, values in off.items()},
    )
