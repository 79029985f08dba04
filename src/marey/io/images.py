"""Single images and folders of images, as clips.

Images are read by OpenCV and handed out as RGB, 8 bits a channel, upright as their EXIF orientation
says. A folder's images are ordered as people read numbers: `frame_2.png` before `frame_10.png`.
"""

import re
from collections.abc import Generator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from marey.core.clip import Clip
from marey.core.errors import FormatError, InputError
from marey.io._image_header import read_stored_size
from marey.io.limits import check_picture_size
from marey.io.recording_names import IMAGE_SUFFIXES


def is_image(path: Path) -> bool:
    """Return whether a path's suffix is that of an image marey reads."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def read_image(path: str | Path) -> UInt8[np.ndarray, "H W 3"]:
    """Read an image as RGB, upright.

    Args:
        path: A jpg, png, webp or bmp file.

    Returns:
        The picture, RGB.

    Raises:
        InputError: If the file cannot be read.
        FormatError: If it is no image, or too large.
    """
    path = Path(path)
    data = _read_bytes(path)
    stored = read_stored_size(data)
    if stored is not None:
        check_picture_size(*stored, path)
    image = _decode(data)
    if image is None:
        raise FormatError(f"{path} is not an image marey can read; save it as jpg or png again")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def list_images(folder: str | Path) -> list[Path]:
    """Return the images of a folder in natural order; hidden files are left out.

    Raises:
        InputError: If the folder holds no image.
    """
    folder = Path(folder)
    images = [path for path in folder.iterdir() if is_image(path) and path.name[0] != "."]
    if not images:
        raise InputError(
            f"the folder {folder} holds no images ({', '.join(IMAGE_SUFFIXES)}); "
            f"give a video or a folder of images"
        )
    return sorted(images, key=_natural_key)


def probe_images(path: Path, *, frame_rate: float) -> Clip:
    """Describe an image, or a folder of equally large images, as a clip.

    Args:
        path: The image or folder.
        frame_rate: Images per second of a folder.

    Returns:
        The clip; its first image is at 0 s.

    Raises:
        InputError: If there is no image or the frame rate is not positive.
        FormatError: If images differ in size.
    """
    if not 0 < frame_rate < np.inf:
        raise InputError(f"a frame rate must be positive, not {frame_rate}; give e.g. 30")
    images = list_images(path) if path.is_dir() else [path]
    height, width = read_image(images[0]).shape[:2]
    for image in images[1:]:
        # The header does not tell whether EXIF turns the picture, so the order is left open here.
        stored = read_stored_size(_read_bytes(image, limit=HEADER_BYTES))
        if stored is None:
            # To be refused now, not after the work on those before it.
            high, wide = read_image(image).shape[:2]
            stored = wide, high
        if sorted(stored) != sorted((width, height)):
            raise _size_error(image, stored, (width, height))
    return Clip(path=path, size=(width, height), time=np.arange(len(images)) / frame_rate)


def read_image_frames(
    clip: Clip, frames: range
) -> Generator[tuple[int, UInt8[np.ndarray, "H W 3"]], None, None]:
    """Yield index and picture of some frames of an image clip.

    Raises:
        FormatError: If the folder changed since it was described, or images differ in size.
    """
    images = list_images(clip.video) if clip.video.is_dir() else [clip.video]
    if len(images) != clip.num_frames:
        raise FormatError(
            f"the folder {clip.path} held {clip.num_frames} images when it was described and holds "
            f"{len(images)} now; start again"
        )
    for index in frames:
        image = read_image(images[index])
        size = (image.shape[1], image.shape[0])
        if size != clip.size:
            raise _size_error(images[index], size, clip.size)
        yield index, image


HEADER_BYTES = 2**18
"""Enough of a file to reach the size behind embedded thumbnails and colour profiles."""


def _read_bytes(path: Path, limit: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error


def _decode(data: bytes) -> UInt8[np.ndarray, "H W 3"] | None:
    # OpenCV logs what it raises or returns as well; libpng and libjpeg write a line in any case.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)


def _natural_key(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in parts]


def _size_error(path: Path, size: tuple[int, int], expected: tuple[int, int]) -> FormatError:
    return FormatError(
        f"{path} is {size[0]}x{size[1]} px but the images before it are {expected[0]}x"
        f"{expected[1]} px; keep images of one size in one folder"
    )
