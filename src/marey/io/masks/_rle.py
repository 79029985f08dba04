"""COCO's segmentations: run lengths, plain or as text, and polygons.

Runs go down the columns, begin with the length of the background, and add up to the picture's size.
As text each run is a number in groups of five bits, the lowest first, a sixth bit saying that more
follow, as characters from '0' on; from the fourth run on it is the difference from the run two
before, negative if the last group's fifth bit is set.
"""

from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Int

from marey.io.json_file import JsonFault, read_numbers

MAX_RUNS = 2_000_000
MAX_POLYGONS = 10_000
_FIRST, _MORE, _SIGN = 48, 0x20, 0x10
_LONGEST = 7
"""Groups of a number; no picture needs more bits."""
_LONGEST_RUN = 2**31


def read_segmentation(value: Any, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Return the mask that a COCO `segmentation` says.

    Args:
        value: Polygons, or an object with `size` and `counts`.
        size: Width and height of the picture, px.

    Raises:
        JsonFault: If it is neither, or of another size.
    """
    if isinstance(value, list):
        return _fill_polygons(value, size)
    if not isinstance(value, dict):
        raise JsonFault("'segmentation' is neither polygons nor run lengths")
    stated: Any = value.get("size")
    if stated != [size[1], size[0]]:
        shown = f"{stated[1]}x{stated[0]} px" if _is_size(stated) else "not stated"
        raise JsonFault(f"the size of a mask is {shown}, its picture's is {size[0]}x{size[1]} px")
    counts = value.get("counts")
    runs = decode_text(counts) if isinstance(counts, str) else _whole_runs(counts)
    return fill_runs(runs, size)


def _is_size(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(one) is int for one in value)


def _whole_runs(counts: Any) -> Int[np.ndarray, "R"]:
    # Runs may be longer than any coordinate, so this is not `read_numbers`.
    if not isinstance(counts, list) or not set(map(type, counts)) <= {int}:
        raise JsonFault("'counts' is neither a text nor a list of whole numbers")
    if len(counts) > MAX_RUNS:
        raise JsonFault(f"'counts' has more than {MAX_RUNS} runs")
    if any(not 0 <= run < _LONGEST_RUN for run in counts):
        raise JsonFault("'counts' has a run of no sane length")
    return np.array(counts, np.int64)


def decode_text(text: str) -> Int[np.ndarray, "R"]:
    """Return the run lengths of a compressed `counts`.

    Raises:
        JsonFault: If it is damaged.
    """
    if len(text) > MAX_RUNS:
        raise JsonFault(f"'counts' has more than {MAX_RUNS} characters")
    runs: list[int] = []
    value, shift = 0, 0
    for letter in text:
        group = ord(letter) - _FIRST
        if not 0 <= group < 2 * _MORE or shift >= 5 * _LONGEST:
            raise JsonFault("'counts' is no text of run lengths")
        value |= (group & (_MORE - 1)) << shift
        shift += 5
        if group & _MORE:
            continue
        if group & _SIGN:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        if not 0 <= runs[-1] < _LONGEST_RUN:
            raise JsonFault("'counts' has a run of no sane length")
        value, shift = 0, 0
    if shift:
        raise JsonFault("'counts' ends in the middle of a number")
    return np.array(runs, np.int64)


def encode_text(runs: Int[np.ndarray, "R"]) -> str:
    """Return run lengths as a compressed `counts`."""
    letters = []
    for index, run in enumerate(runs.tolist()):
        value = run - int(runs[index - 2]) if index > 2 else run
        while True:
            group, value = value & (_MORE - 1), value >> 5
            done = value == (-1 if group & _SIGN else 0)
            letters.append(chr(_FIRST + (group if done else group | _MORE)))
            if done:
                break
    return "".join(letters)


def fill_runs(runs: Int[np.ndarray, "R"], size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Return the mask of some runs.

    Raises:
        JsonFault: If they are not those of a picture of this size.
    """
    width, height = size
    if runs.sum() != width * height:
        raise JsonFault(f"the runs of a mask do not add up to {width}x{height} px")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(width, height).T


def find_runs(mask: Bool[np.ndarray, "H W"]) -> Int[np.ndarray, "R"]:
    """Return the runs of a mask."""
    flat = mask.T.ravel()
    change = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], change, [flat.size]]))
    return np.concatenate([[0], runs]) if flat.size and flat[0] else runs


def _fill_polygons(value: list[Any], size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    if len(value) > MAX_POLYGONS:
        raise JsonFault(f"a mask has more than {MAX_POLYGONS} polygons")
    mask = np.zeros((size[1], size[0]), np.uint8)
    for each in value:
        numbers = read_numbers(each, "segmentation")
        if len(numbers) % 2 or len(numbers) > MAX_RUNS:
            raise JsonFault("a polygon has an odd number of coordinates, or too many")
        # A polygon's coordinates span the picture from 0 to its size; OpenCV's are pixel centres.
        corner = np.round((np.clip(numbers, -1e5, 1e5) - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(mask, [corner.reshape(-1, 2)], 1, shift=4)
    return mask > 0
