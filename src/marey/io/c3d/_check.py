"""Whether a C3D file's header and parameters stay within the file, before any library reads them.

The first block of 512 bytes is the header, which names the first block of the parameters and that
of the data. The parameters are a chain: length of the name, number of the group, name, distance to
the next link, then for a parameter the size of its elements, its dimensions and its data.
"""

import math
import struct
from pathlib import Path

from marey.core.errors import FormatError, InputError

BLOCK = 512
MAGIC = 0x50
PROCESSORS = {84: "<", 85: "<", 86: ">"}
"""Byte order by the kind of processor: Intel, DEC, MIPS."""

MAX_BYTES = 2**31


def check_layout(path: Path) -> None:
    """Refuse a file whose blocks or parameters reach outside of it.

    Raises:
        InputError: If the file is missing or cannot be read.
        FormatError: If it is not a sound C3D file, or too large.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the path of a .c3d file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise FormatError(f"{path} has {size / 1e9:.0f} GB; marey reads C3D files of up to 2 GB")
    try:
        with path.open("rb") as file:
            # Parameters begin in one of 255 blocks and have up to 255.
            head = file.read(2 * 256 * BLOCK)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    fault = _find_fault(head, size)
    if fault is not None:
        raise FormatError(f"{path} is not a sound C3D file: {fault}; export it again")


def _find_fault(head: bytes, size: int) -> str | None:
    if len(head) < 2 * BLOCK or head[1] != MAGIC:
        return "it has no C3D header"
    start = BLOCK * (head[0] - 1)
    if not BLOCK <= start <= len(head) - BLOCK:
        return f"its parameters should begin in block {head[0]}"
    num_blocks, processor = head[start + 2 : start + 4]
    if processor not in PROCESSORS:
        return f"its processor type is {processor}, expected 84, 85 or 86"
    order = PROCESSORS[processor]
    (data_block,) = struct.unpack_from(f"{order}H", head, 16)
    if not start < BLOCK * (data_block - 1) <= size:
        return f"its data should begin in block {data_block}"
    end = start + BLOCK * num_blocks
    if not start < end <= len(head):
        return f"its parameters should have {num_blocks} blocks"
    return _check_chain(head[start + 4 : end], order)


def _check_chain(section: bytes, order: str) -> str | None:
    place = 0
    while place + 2 <= len(section):
        name_length, group = struct.unpack_from("bb", section, place)
        if name_length == 0 or group == 0:
            return None
        link = place + 2 + abs(name_length)
        if link + 2 > len(section):
            return "a parameter's name reaches beyond the parameters"
        (distance,) = struct.unpack_from(f"{order}h", section, link)
        following = link + distance if distance else len(section)
        if distance and not link + 2 < following <= len(section):
            return "a parameter points outside the parameters"
        if group > 0 and not _fits(section[link + 2 : following]):
            return "a parameter is larger than its room"
        place = following
    return None


def _fits(content: bytes) -> bool:
    """Whether the element size, the dimensions, the data and the description are all there."""
    if len(content) < 2:
        return False
    (element,) = struct.unpack_from("b", content)
    dimensions = content[2 : 2 + content[1]]
    needed = 2 + len(dimensions) + abs(element) * math.prod(dimensions)
    is_whole = element in (-1, 1, 2, 4) and len(dimensions) == content[1] <= 7
    return is_whole and needed <= len(content)
