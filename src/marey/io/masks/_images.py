"""Images of masks: of one person, or of everybody in different colours."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from marey.core.errors import FormatError, InputError
from marey.io._image_header import read_stored_size
from marey.io.limits import check_picture_size

MAX_PEOPLE = 64
_SOFT = 128
_LOSSY = frozenset((".jpg", ".jpeg"))


def read_mask_image(path: Path, size: tuple[int, int]) -> UInt8[np.ndarray, "H W A"]:
    """Read an image as labels: what is not 0 in any channel belongs to somebody.

    Greys of a soft or lossy mask become 0 and 1.

    Args:
        path: The image.
        size: Width and height that it must have, px.

    Raises:
        InputError: If it cannot be read.
        FormatError: If it is no image, or of another size.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    stored = read_stored_size(data)
    if stored is not None:
        check_picture_size(*stored, path)
        if stored != size:
            raise FormatError(
                f"the mask {path} has {stored[0]}x{stored[1]} px, its picture {size[0]}x{size[1]}; "
                "give masks of the picture's own size"
            )
    picture = _decode(data)
    if picture is None or picture.shape[:2] != size[::-1]:
        raise FormatError(
            f"{path} is no mask of {size[0]}x{size[1]} px that can be read; save it as png again"
        )
    picture = picture.reshape(*picture.shape[:2], -1)
    if picture.dtype != np.uint8:
        # 16 bits a channel: as two channels of 8, so that no label is lost.
        picture = np.ascontiguousarray(picture).view(np.uint8)
    elif picture.shape[2] == 4:
        picture = picture[..., :3]
    soft = picture.shape[2] in (1, 3) and (
        path.suffix.lower() in _LOSSY or len(np.unique(picture)) > MAX_PEOPLE + 1
    )
    return (picture.max(-1, keepdims=True) >= _SOFT).view(np.uint8) if soft else picture


def _decode(data: bytes) -> np.ndarray | None:
    # OpenCV logs what it returns as well; libpng writes a line in any case.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)


def split_colours(
    picture: UInt8[np.ndarray, "H W A"], path: Path
) -> list[tuple[str, Bool[np.ndarray, "H W"]]]:
    """Return a mask for every colour but black, named by its number.

    Raises:
        FormatError: If there are more colours than people.
    """
    packed = np.zeros(picture.shape[:2], np.int64)
    for channel in range(picture.shape[2]):
        packed |= picture[..., channel].astype(np.int64) << (8 * channel)
    labels = np.unique(packed)
    labels = labels[labels > 0]
    if len(labels) > MAX_PEOPLE:
        raise FormatError(
            f"{path} has {len(labels)} colours; a mask has one for each person, at most "
            f"{MAX_PEOPLE}"
        )
    return [(str(label), packed == label) for label in labels.tolist()]
