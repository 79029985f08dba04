"""Which cameras of a calibration move, and where they were at each frame of their videos."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from marey.capture.rig.camera_paths import CameraPath
from marey.core import Cameras, Clip
from marey.io.calibration.colmap_images import ColmapImages, find_frame, read_colmap_images
from marey.io.images import is_image, list_images
from marey.jobs.camera_files import is_colmap


def read_paths(
    calibration: Path,
    cameras: Cameras,
    clips: Sequence[Clip],
    note: Callable[[str], None] = lambda sentence: None,
) -> tuple[CameraPath | None, ...]:
    """Return the path of each camera that moves, and None for those that stand still.

    Only COLMAP's models hold cameras that move: several images of one camera, taken from different
    places. The number in an image's name is its frame: for a folder of pictures as their own names
    have it; for a video counted from 1, or from 0 if the model has a frame 0.

    Args:
        calibration: From `find_calibration`.
        cameras: As matched to the clips.
        clips: What they filmed.
        note: Called with a sentence for every camera that moves.

    Raises:
        FormatError: If the model is damaged.
    """
    if not is_colmap(calibration):
        return (None,) * len(clips)
    images = read_colmap_images(calibration)
    moving = set(images.moving) & set(cameras.names)
    paths: list[CameraPath | None] = []
    for name, clip in zip(cameras.names, clips, strict=True):
        if name not in moving:
            paths.append(None)
            continue
        path = images.follow(name, _number_frames(clip, images).tolist())
        count = int(np.isfinite(path).all(-1).sum())
        seen = f"its pose is known in {count} of {clip.num_frames} frames"
        note(f"{name} moves: {seen}" if count else f"{name} moves: {seen}, so it is left out")
        paths.append(path)
    return tuple(paths)


def _number_frames(clip: Clip, images: ColmapImages) -> Int[np.ndarray, "L"]:
    """Return the numbers that a model's images of a clip's frames have in their names."""
    rows = clip.first + clip.step * np.arange(clip.num_frames)
    folder = clip.path
    if folder is not None and folder.is_dir() and any(map(is_image, folder.iterdir())):
        numbers = np.array([find_frame(image.name) for image in list_images(folder)])
        if (numbers >= 0).all():
            return numbers[rows]
    known = images.frame[images.frame >= 0]
    return rows + (0 if len(known) and known.min() == 0 else 1)
