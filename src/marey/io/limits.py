"""How large a picture from outside may be.

A header of a few bytes can promise a picture of many gigabytes; the limits are far above what
cameras record (16k is a 360-degree master) and far below what exhausts a machine.
"""

from pathlib import Path

from marey.core.errors import FormatError

MAX_SIDE_PX = 16384
MAX_PIXELS = 2**27


def check_picture_size(width: int, height: int, path: Path) -> None:
    """Refuse pictures that are empty or absurdly large.

    Args:
        width: Width in px.
        height: Height in px.
        path: Where the picture comes from, for the message.

    Raises:
        FormatError: If the size is outside the limits.
    """
    if min(width, height) < 1:
        raise FormatError(f"{path} states a picture of {width}x{height} px; re-encode it")
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise FormatError(
            f"{path} has pictures of {width}x{height} px, more than the {MAX_SIDE_PX} px a side "
            f"and {MAX_PIXELS / 1e6:.0f} megapixels marey accepts; scale it down first"
        )
