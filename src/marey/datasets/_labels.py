"""Steps every reader of labels takes: clocks, names of images, missing points."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.core import Keypoints2D, Keypoints3D, load_skeleton
from marey.core.keypoints import Frame

FALLBACK_RATE = 30.0
"""Frames per second of clocks where the corpus states none."""


def make_times(frame: Int[np.ndarray, "T"], frame_rate: float | None) -> Float[np.ndarray, "T"]:
    """Return s since the first frame."""
    start = frame[0] if len(frame) else 0
    return (frame - start) / (frame_rate or FALLBACK_RATE)


def make_keypoints2d(
    skeleton: str,
    people: Sequence[str],
    time: Float[np.ndarray, "T"],
    position: Float[np.ndarray, "*C N T K 2"],
    confidence: Float[np.ndarray, "*C N T K"] | Bool[np.ndarray, "*C N T K"] | None = None,
) -> Keypoints2D:
    """Make keypoints whose missing ones are NaN and have no confidence."""
    points, trust = _hide_missing(position, confidence)
    return Keypoints2D(
        skeleton=load_skeleton(skeleton),
        people=tuple(people),
        time=time,
        position=points,
        confidence=trust,
    )


def make_keypoints3d(
    skeleton: str,
    people: Sequence[str],
    time: Float[np.ndarray, "T"],
    position: Float[np.ndarray, "N T K 3"],
    confidence: Float[np.ndarray, "N T K"] | Bool[np.ndarray, "N T K"] | None = None,
    *,
    frame: Frame = "world",
) -> Keypoints3D:
    """Make keypoints whose missing ones are NaN and have no confidence."""
    points, trust = _hide_missing(position, confidence)
    return Keypoints3D(
        skeleton=load_skeleton(skeleton),
        people=tuple(people),
        time=time,
        position=points,
        confidence=trust,
        frame=frame,
    )


def _hide_missing(
    position: Float[np.ndarray, "*K D"],
    confidence: Float[np.ndarray, "*K"] | Bool[np.ndarray, "*K"] | None,
) -> tuple[Float[np.ndarray, "*K D"], Float[np.ndarray, "*K"]]:
    given = np.ones(position.shape[:-1]) if confidence is None else confidence.astype(np.float64)
    known = np.isfinite(position).all(-1) & (np.nan_to_num(given) > 0)
    points = np.where(known[..., None], position, np.nan).astype(np.float64)
    return points, np.where(known, given, 0.0).astype(np.float32)


def number_images(images: Sequence[str]) -> Int[np.ndarray, "T"]:
    """Return the numbers images' names end in; 0, 1, 2 ... if those do not rise.

    `courtyard/image_00012.jpg` is frame 12.
    """
    found = [number_image(name) for name in images]
    known = [number for number in found if number is not None]
    if known and len(known) == len(images) and (np.diff(known) > 0).all():
        return np.array(known, np.int64)
    return np.arange(len(images))


def number_image(name: str) -> int | None:
    """Return the number an image's name ends in, if it does."""
    match = re.search(r"(\d{1,18})\D*$", PurePosixPath(name).stem)
    return int(match[1]) if match else None


def name_sequence(image: str) -> str:
    """Return the sequence an image's name says it is of: its folder, else its beginning.

    `imageFiles/courtyard/image_00012.jpg` is of `courtyard`, `S9_Walking.54138969_000012.jpg` of
    `S9_Walking.54138969`.
    """
    path = PurePosixPath(image.replace("\\", "/"))
    return path.parent.name or re.sub(r"[_.-]?\d+$", "", path.stem) or path.stem


def make_unique(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of which later ones of the same name carry a number: `a`, `b`, `a (2)`."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(result)
