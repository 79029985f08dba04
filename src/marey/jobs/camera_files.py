"""A calibration for the videos at hand: read, put in their order and brought to their size."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from marey.core import Cameras, Clip
from marey.core.errors import InputError
from marey.io.calibration_pose2sim import read_pose2sim, read_qualisys

_PADDING_PX = 16
"""Video is coded in blocks of this many pixels; what a picture lacks of the last one is cut off."""
_SAME_SHAPE = 0.002
"""Relative difference of width to height below which one picture is another one scaled."""


def read_cameras(path: str | Path) -> Cameras:
    """Read a calibration; its suffix says of which kind.

    Args:
        path: Pose2Sim's .toml or Qualisys's .qca.txt.

    Raises:
        InputError: If it cannot be read or its kind is not known.
    """
    path = Path(path)
    if path.suffix.lower() == ".toml":
        return read_pose2sim(path)
    if path.name.lower().endswith((".qca.txt", ".qca", ".xml")):
        return read_qualisys(path)
    raise InputError(
        f"{path} is no calibration that is known here: give Pose2Sim's .toml or Qualisys's .qca.txt"
    )


def match_cameras(
    cameras: Cameras, clips: Sequence[Clip], note: Callable[[str], None] = lambda sentence: None
) -> Cameras:
    """Return the cameras that filmed some clips, in their order and for their picture sizes.

    Cameras are found by the clips' file names; if not all names match and the numbers agree, the
    order decides.

    Args:
        cameras: The calibration.
        clips: What was filmed.
        note: Called with a sentence for pictures that are not of the size that was calibrated.

    Raises:
        InputError: If a clip has no camera, or pictures of a shape the camera cannot have filmed.
    """
    names = [name.lower() for name in cameras.names]
    stems = [path.stem.lower() for path in _paths(clips)]
    if all(stem in names for stem in stems) and len(set(stems)) == len(stems):
        order = [names.index(stem) for stem in stems]
    elif len(clips) == len(names):
        order = list(range(len(names)))
    else:
        raise InputError(
            f"the calibration holds {len(names)} cameras ({', '.join(cameras.names[:8])}) and "
            f"{len(clips)} videos were given; give one per camera, or name videos like cameras"
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
