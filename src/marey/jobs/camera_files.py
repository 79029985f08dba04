"""A calibration for the videos at hand: read, put in their order and brought to their size."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from marey.core import Cameras, Clip
from marey.core.errors import InputError
from marey.io.calibration.anipose import read_anipose
from marey.io.calibration.colmap import read_colmap
from marey.io.calibration.opencv import read_easymocap, read_opencv
from marey.io.calibration.pose2sim import read_qualisys
from marey.io.take import HEADER, read_take

KNOWN = (
    "Pose2Sim's, Anipose's or Caliscope's .toml, Qualisys's .qca.txt, EasyMocap's folder of "
    "intri.yml and extri.yml, a folder of OpenCV's .yml (one per camera), COLMAP's folder of "
    "cameras and images (Harmony4D: colmap/workplace), or a take that holds cameras"
)
_PADDING_PX = 16
"""Video is coded in blocks of this many pixels; what a picture lacks of the last one is cut off."""
_SAME_SHAPE = 0.002
"""Relative difference of width to height below which one picture is another one scaled."""
_WIDEST_RIG_M = 150.0
"""Cameras that stand farther from the origin than this are stated in millimetres."""
_MODEL_PLACES = (".", "colmap/workplace", "workplace", "sparse/0", "sparse")
"""Where COLMAP's files lie below a folder: Harmony4D's, and COLMAP's own."""
_COLMAP = ("cameras.bin", "cameras.txt")
_EASYMOCAP = ("intri.yml", "extri.yml")
_HEAD_BYTES = 4096


def find_calibration(path: str | Path) -> Path:
    """Return the file or the folder that a calibration lies in.

    Args:
        path: A file of the calibration, its folder, or one above COLMAP's (`colmap/workplace`).

    Raises:
        InputError: If there is no calibration of a kind that is known.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"cannot read {path}: no such file or folder; give {KNOWN}")
    if path.is_dir():
        for place in _MODEL_PLACES:
            if any((path / place / name).is_file() for name in _COLMAP):
                return path / place
        if any((path / name).is_file() for name in (*_EASYMOCAP, HEADER)) or _find_yaml(path):
            return path
        inner = sorted(path.glob("*.toml"))
        if len(inner) == 1:
            return inner[0]
        raise InputError(f"{path} holds no calibration that is known here: give {KNOWN}")
    if path.name in _EASYMOCAP or path.name in ("images.bin", "images.txt", *_COLMAP):
        return path.parent
    return path.parent if path.name == HEADER else path


def is_colmap(path: Path) -> bool:
    """Tell whether a calibration is COLMAP's."""
    return path.is_dir() and any((path / name).is_file() for name in _COLMAP)


def read_cameras(
    path: str | Path,
    *,
    size: tuple[int, int] | None = None,
    note: Callable[[str], None] = lambda sentence: None,
) -> Cameras:
    """Read a calibration; what is in the file or folder says of which kind.

    Args:
        path: See `find_calibration`.
        size: Width and height of the pictures, px, where the calibration does not say.
        note: Called with a sentence where a unit was assumed.

    Raises:
        InputError: If it cannot be read or its kind is not known.
    """
    path = find_calibration(path)
    if path.is_dir():
        return _read_folder(path, size)
    head = _read_head(path)
    if path.suffix.lower() == ".toml":
        return _to_metres(read_anipose(path), path, note)
    if head.startswith("<"):
        return read_qualisys(path)
    if head.startswith("%YAML") or path.suffix.lower() in (".yml", ".yaml"):
        return read_opencv([path])
    raise InputError(f"{path} is no calibration that is known here: give {KNOWN}")


def _read_folder(folder: Path, size: tuple[int, int] | None) -> Cameras:
    if is_colmap(folder):
        return read_colmap(folder)
    if any((folder / name).is_file() for name in _EASYMOCAP):
        return read_easymocap(folder, size=size)
    if (folder / HEADER).is_file():
        cameras = read_take(folder).cameras
        if cameras is None:
            raise InputError(f"{folder} is a take without cameras; give {KNOWN}")
        return cameras
    return read_opencv(_find_yaml(folder))


def _find_yaml(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in (".yml", ".yaml"))


def _read_head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8-sig", "replace").lstrip()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _to_metres(cameras: Cameras, path: Path, note: Callable[[str], None]) -> Cameras:
    """Bring a rig to metres that can only be meant in millimetres, as Anipose writes it."""
    pose = cameras.T_cam_world
    reach = float(np.linalg.norm(pose[..., 4:], axis=-1).max())
    if reach <= _WIDEST_RIG_M:
        return cameras
    note(
        f"{path.name} puts cameras {reach:.0f} units from the origin: they are taken to be "
        "millimetres"
    )
    pose = pose.copy()
    pose[..., 4:] /= 1000
    return replace(cameras, T_cam_world=pose)


def match_cameras(
    cameras: Cameras, clips: Sequence[Clip], note: Callable[[str], None] = lambda sentence: None
) -> Cameras:
    """Return the cameras that filmed some clips, in their order and for their picture sizes.

    Cameras are found by the clips' file names; if not all names match and the numbers agree, the
    order decides.

    Args:
        cameras: The calibration.
        clips: What was filmed.
        note: Called with a sentence where the order decided, and for pictures that are not of the
            size that was calibrated.

    Raises:
        InputError: If a clip has no camera, or pictures of a shape the camera cannot have filmed.
    """
    order = _match_names(cameras.names, [path.stem for path in _paths(clips)])
    if order is None and len(clips) == len(cameras.names):
        order = list(range(len(clips)))
        pairs = zip(clips, cameras.names, strict=True)
        told = ", ".join(f"{clip.name} by {name}" for clip, name in pairs)
        note(f"videos are not named like cameras and were taken in their order: {told}")
    if order is None:
        raise InputError(
            f"the calibration holds {len(cameras.names)} cameras ({', '.join(cameras.names[:8])}) "
            f"and {len(clips)} videos were given; give one per camera, or name videos like cameras"
        )
    chosen = replace(
        cameras,
        names=tuple(cameras.names[row] for row in order),
        K=cameras.K[order],
        distortion=cameras.distortion[order],
        T_cam_world=cameras.T_cam_world[order],
        size=cameras.size[order],
        time_offset=cameras.time_offset[order],
    )
    return _fit_to_pictures(chosen, clips, note)


def _match_names(names: Sequence[str], stems: Sequence[str]) -> list[int] | None:
    """Return each video's camera by its name, or by one of its words (`port_1`); None if unsure."""
    cameras = [name.lower() for name in names]
    for split in (False, True):
        order = []
        for stem in (stem.lower() for stem in stems):
            words = re.split(r"[^a-z0-9]+", stem) if split else [stem]
            order += [row for row, name in enumerate(cameras) if name in words]
        if len(order) == len(set(order)) == len(stems):
            return order
    return None


def _fit_to_pictures(
    cameras: Cameras, clips: Sequence[Clip], note: Callable[[str], None]
) -> Cameras:
    K, sizes = cameras.K.astype(np.float64).copy(), []
    paths = _paths(clips)
    for row, (name, size, clip) in enumerate(zip(cameras.names, cameras.size, clips, strict=True)):
        own = np.array(clip.size)
        sizes.append(own)
        if (own == size).all():
            continue
        differs = (
            f"{paths[row].name} has {clip.size[0]}x{clip.size[1]} px, but {name} was calibrated at "
            f"{size[0]}x{size[1]}"
        )
        if _is_scaled(size, own):
            K[row, :2] *= (own / size)[:, None]
            note(f"{differs}: the picture is taken to be scaled")
        elif (np.abs(size - own) < _PADDING_PX).all():
            note(f"{differs}: the picture is taken to be cut off at the right or below")
        else:
            raise InputError(f"{differs}; give the video that was calibrated, or calibrate again")
    return replace(cameras, K=K, size=np.stack(sizes))


def _paths(clips: Sequence[Clip]) -> list[Path]:
    return [clip.path or Path(f"video {row + 1}") for row, clip in enumerate(clips)]


def _is_scaled(calibrated: np.ndarray, own: np.ndarray) -> bool:
    ratio = own / calibrated
    return bool(abs(ratio[0] / ratio[1] - 1) < _SAME_SHAPE)
