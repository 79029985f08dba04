"""The stored size of an image file, read from its header without decoding it."""

import struct
from collections.abc import Callable

JPEG_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers: all of C0..CF but Huffman tables, extensions and arithmetic tables."""


def read_stored_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height in px as stored (before EXIF orientation), or None if unknown.

    Args:
        data: The file's first bytes.
    """
    for signature, read_size in _READERS.items():
        if data.startswith(signature):
            try:
                return read_size(data)
            except (struct.error, IndexError):
                return None
    return None


def _read_png(data: bytes) -> tuple[int, int]:
    return struct.unpack_from(">II", data, 16)


def _read_bmp(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<ii", data, 18)
    # A negative height marks rows stored from the top.
    return width, abs(height)


def _read_jpeg(data: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 <= len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:  # padding between segments
            position += 1
        elif marker in JPEG_FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        else:
            position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    return None


def _read_webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
        return width, height
    return None


_READERS: dict[bytes, Callable[[bytes], tuple[int, int] | None]] = {
    b"\x89PNG\r\n\x1a\n": _read_png,
    b"BM": _read_bmp,
    b"\xff\xd8": _read_jpeg,
    b"RIFF": _read_webp,
}
