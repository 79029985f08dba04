"""From single sightings of people, as files of detectors list them, to a take of one view."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core import Clip, Keypoints2D, Person, Skeleton, Take, Track, Tracks
from marey.core.errors import FormatError, InputError, NothingFoundError

MAX_PEOPLE = 10_000
MAX_CELLS = 2**26
"""Keypoints of all people over their spans, 12 bytes each."""
MAX_NAME = 64
ASSUMED_RATE = 30.0
"""Frames per second of files that state none, unless the caller knows better."""
TIMES_OF_FILE = "times of the file"
"""What `provenance` says of a clock that a video may not replace."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One person in one frame, as a detector saw them."""

    frame: int
    position: Float[np.ndarray, "K 2"]
    """px, marey's convention."""
    confidence: Float[np.ndarray, "K"]
    """0 where missing."""
    box: Float[np.ndarray, "4"] | None = None
    """x0 y0 x1 y1 px."""
    score: float | None = None
    """Of the person as a whole."""
    person: str | None = None
    """Who it is; None where the file does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a file says of the pictures its keypoints were seen in."""

    path: Path
    """The file of keypoints."""
    format: str
    num_frames: int
    size: tuple[int, int] | None = None
    """Width and height, px."""
    time: Float[np.ndarray, "T"] | None = None
    """When each frame was taken, s; None if the file does not say."""
    rate: float | None = None
    """Frames per second; None if the file does not say."""


def build_take(
    sightings: Sequence[Sighting],
    names: Sequence[str],
    *,
    skeleton: Skeleton,
    view: View,
    frame_rate: float | None,
) -> Take:
    """Gather sightings into people over spans of frames.

    The clip has a size and a clock but no path, as long as no video is attached. A person without a
    box has one drawn around the keypoints.

    Args:
        sightings: Everyone in every frame.
        names: Who each sighting is of.
        skeleton: Of all sightings.
        view: What the file says of its pictures.
        frame_rate: Frames per second of a file without a clock; 30 if None.

    Raises:
        FormatError: If a person is seen twice in one frame, or there are absurdly many.
        InputError: If the frame rate is impossible, or another than the file's own.
        NothingFoundError: If there are no sightings.
    """
    if not sightings:
        raise NothingFoundError(f"{view.path} holds no keypoints of any person")
    rows: dict[str, list[Sighting]] = defaultdict(list)
    for name, sighting in zip(names, sightings, strict=True):
        rows[name].append(sighting)
    _check_amount(rows, len(skeleton), view)
    time, origin = make_clock(view, frame_rate)
    people, tracks = [], []
    order = sorted(rows, key=lambda name: min(sighting.frame for sighting in rows[name]))
    for name in order:
        person, track = _gather(name, rows[name], skeleton, time, view)
        people.append(person)
        tracks.append(track)
    clip = () if view.size is None else (Clip(path=None, size=view.size, time=time),)
    return Take(
        time=time,
        clips=clip,
        tracks=(Tracks(time=time, tracks=tuple(tracks)),),
        people=tuple(people),
        provenance={"import": {"file": view.path.name, "format": view.format, "clock": origin}},
    )


def make_clock(view: View, frame_rate: float | None) -> tuple[Float[np.ndarray, "T"], str]:
    """Return a file's clock in s and a phrase that says where it comes from.

    Raises:
        InputError: If the frame rate is impossible, or not that which the file states.
    """
    own = _find_rate(view)
    if frame_rate is not None and own is not None and not isclose(frame_rate, own, rel_tol=0.01):
        raise InputError(f"{view.path} states {own:.4g} frames per second; leave out --fps")
    if view.time is not None:
        return view.time, TIMES_OF_FILE
    if frame_rate is not None and not 0.001 <= frame_rate <= 100_000:
        raise InputError(f"a frame rate must be positive, got {frame_rate:g}; give e.g. 30")
    rate = view.rate or frame_rate or ASSUMED_RATE
    origin = "of the file" if own is not None else "assumed" if frame_rate is None else "as given"
    return np.arange(view.num_frames) / rate, f"{rate:g} frames per second, {origin}"


def _find_rate(view: View) -> float | None:
    """Return the frame rate a file states, or that of its times; None if it states neither."""
    if view.time is None or len(view.time) < 2:
        return view.rate
    return 1 / float(np.median(np.diff(view.time)))


def check_name(name: str, path: Path) -> str:
    """Return a person's name if it can be one.

    Raises:
        FormatError: If it is empty, long or not printable.
    """
    if not (0 < len(name) <= MAX_NAME and name.isprintable()):
        raise FormatError(f"{path} calls a person {name[:20]!r}, which is no name")
    return name


def _check_amount(rows: dict[str, list[Sighting]], num_keypoints: int, view: View) -> None:
    if len(rows) > MAX_PEOPLE:
        raise FormatError(f"{view.path} has {len(rows)} people; at most {MAX_PEOPLE} are read")
    cells = 0
    for name, seen in rows.items():
        frames = [sighting.frame for sighting in seen]
        if len(set(frames)) < len(frames):
            raise FormatError(f"{view.path} has the person {name!r} twice in one frame; remove one")
        cells += (max(frames) - min(frames) + 1) * num_keypoints
    if cells > MAX_CELLS:
        raise FormatError(
            f"{view.path} spans {cells / 1e6:.0f} million keypoints, more than are read at once; "
            "split it by time"
        )


def _gather(
    name: str, seen: list[Sighting], skeleton: Skeleton, time: Float[np.ndarray, "T"], view: View
) -> tuple[Person, Track]:
    start = min(sighting.frame for sighting in seen)
    length = max(sighting.frame for sighting in seen) - start + 1
    position = np.full((1, length, len(skeleton), 2), np.nan, np.float32)
    confidence = np.zeros((1, length, len(skeleton)), np.float32)
    box, score = np.full((length, 4), np.nan, np.float32), np.zeros(length, np.float32)
    for sighting in seen:
        row, valid = sighting.frame - start, sighting.confidence > 0
        position[0, row] = np.where(valid[:, None], sighting.position, np.nan)
        confidence[0, row] = np.where(valid, sighting.confidence, 0)
        box[row] = _surround(position[0, row]) if sighting.box is None else sighting.box
        sure = confidence[0, row][valid].mean() if valid.any() else 0.0
        score[row] = sure if sighting.score is None else sighting.score
    score[~np.isfinite(box).all(-1)] = 0
    points = Keypoints2D(
        skeleton=skeleton,
        people=(name,),
        time=time[start : start + length],
        position=position,
        confidence=confidence,
    )
    person = Person(name=name, start=start, num_frames=length, keypoints2d=(points,))
    return person, Track(person=name, start=start, box=box, confidence=score)


def _surround(position: Float[np.ndarray, "K 2"]) -> Float[np.ndarray, "4"]:
    valid = position[np.isfinite(position).all(-1)]
    if not len(valid):
        return np.full(4, np.nan, np.float32)
    return np.concatenate([valid.min(0), valid.max(0)])
