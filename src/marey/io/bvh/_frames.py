"""The second half of a BVH file: a frame time and one line of numbers for each frame."""

import re
from array import array
from io import TextIOWrapper

import numpy as np
from jaxtyping import Float

from marey.core.errors import NothingFoundError
from marey.io.bvh._lines import LineReader

MAX_VALUES = 2**26
"""Frames times channels, at least three for each joint; 3.9 hours of 52 joints at 30 Hz."""
MAX_VALUE = 1e7
MIN_FRAME_TIME, MAX_FRAME_TIME = 1e-5, 1e3

_CHUNK = 4096
"""Frames formatted at a time."""

_ROUND_RATE = 5e-4
"""Largest relative error for which a frame time counts as a rounded whole rate; 29.97 stays."""


def parse_frames(
    lines: LineReader, *, num_channels: int, num_nodes: int
) -> tuple[float, Float[np.ndarray, "T C"]]:
    """Read everything after MOTION.

    Args:
        lines: The file.
        num_channels: Numbers in each frame.
        num_nodes: Joints and ends, which take memory even without channels.

    Returns:
        The frame rate and the numbers of each frame.

    Raises:
        FormatError: If the counts disagree, a number cannot be read or is not finite, or there are
            too many.
        NothingFoundError: If there are no frames.
    """
    num_frames = int(_take_header(lines, r"frames\s*:?\s*(\d{1,12})", "Frames: and their number"))
    text = _take_header(lines, r"frame\s*time\s*:?\s*(\S+)", "Frame Time: and seconds")
    rate = _parse_rate(text, lines)
    size = max(num_channels, 3 * num_nodes)
    if num_frames * size > MAX_VALUES:
        raise lines.fault(f"at most {MAX_VALUES // size} frames of this skeleton", f"{num_frames}")
    if num_frames == 0:
        raise NothingFoundError(f"line {lines.number} promises no frames, so there is no motion")
    values, numbers = array("d"), array("Q")
    while (words := lines.read_words()) is not None:
        if len(numbers) == num_frames:
            raise lines.fault(f"the end after the {num_frames} frames promised", "more frames")
        if len(words) != num_channels:
            raise lines.fault(f"{num_channels} numbers, one per channel", f"{len(words)}")
        try:
            values.extend(map(float, words))
        except ValueError as error:
            raise lines.fault("numbers only", _find_fault(words)) from error
        numbers.append(lines.number)
    if len(numbers) < num_frames:
        raise lines.fault(f"the {num_frames} frames promised", f"the end after {len(numbers)}")
    table = np.frombuffer(values).reshape(num_frames, num_channels)
    # A comparison with NaN is false, so this finds it too.
    sound = (np.abs(table) <= MAX_VALUE).all(1)
    if not sound.all():
        lines.number = numbers[int(sound.argmin())]
        raise lines.fault(f"finite numbers up to {MAX_VALUE:.0e}", "others")
    return rate, table


def write_frames(file: TextIOWrapper, rate: float, table: Float[np.ndarray, "T C"]) -> None:
    """Write everything after MOTION; numbers get four decimals (1 um, 2e-6 rad)."""
    file.write(f"Frames: {len(table)}\nFrame Time: {1 / rate:.9f}\n")
    line = " ".join(["%.4f"] * table.shape[1]) + "\n"
    for start in range(0, len(table), _CHUNK):
        # Adding zero turns -0.0 into 0.0.
        rounded = np.round(table[start : start + _CHUNK], 4) + 0.0
        file.writelines(line % tuple(row) for row in rounded.tolist())


def _take_header(lines: LineReader, pattern: str, expected: str) -> str:
    words = lines.read_words()
    found = re.fullmatch(pattern, " ".join(words or ()), re.IGNORECASE)
    if found is None:
        raise lines.fault(expected, "the end of the file" if words is None else " ".join(words))
    return found[1]


def _parse_rate(text: str, lines: LineReader) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = np.nan
    if not MIN_FRAME_TIME <= seconds <= MAX_FRAME_TIME:
        raise lines.fault(f"a frame time of {MIN_FRAME_TIME} to {MAX_FRAME_TIME} s", text)
    rate, whole = 1 / seconds, max(round(1 / seconds), 1)
    # 0.0083333 is 120 Hz written with seven decimals, not 120.00048 Hz.
    rounding = 0.0 if "e" in text.lower() else 10.0 ** -len(text.partition(".")[2])
    is_rounded = abs(seconds - 1 / whole) < rounding and abs(rate / whole - 1) < _ROUND_RATE
    return float(whole) if is_rounded else rate


def _find_fault(words: list[str]) -> str:
    for word in words:
        try:
            float(word)
        except ValueError:
            return f"'{word}'"
    return "others"
