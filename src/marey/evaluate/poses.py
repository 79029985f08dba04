"""What is measured: sequences of poses, predicted or true, and the file that keeps them.

Predictions are saved first and measured from the file, again and again, without the network. The
file is an `.npz` of plain arrays, all sequences one after another along the frames:

    format      "marey poses"            version    1
    skeleton    name of the keypoint set
    unit        "m" or "px"
    origin      who or what made them, in a sentence
    names       S names of sequences
    lengths     S numbers of frames      people     S numbers of people
    frame_rate  S frames per second, NaN where unknown
    frame       [T] frame numbers; predictions and truth meet by them
    position    [N T K D] m or px, NaN where missing (N: as many as the fullest sequence has)
    confidence  [N T K]   optional       box        [N T 4] x0 y0 x1 y1, px, optional
    image       [N T K 2] px, optional   vertices   [N T V 3] m, optional
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from marey.core import load_skeleton
from marey.core.errors import FormatError, InputError, ShapeError
from marey.core.files import atomic_path
from marey.io.npz import read_npz

FORMAT, VERSION = "marey poses", 1
_HEADER = ("format", "version", "skeleton", "unit", "origin", "names", "lengths", "people")
_PLAIN = ("frame_rate", "frame", "position")
_OPTIONAL = ("confidence", "box", "image", "vertices")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseSequence:
    """Poses of N people over T frames of one recording."""

    name: str
    frame: Int[np.ndarray, "T"]
    """Frame numbers, rising."""
    position: Float[np.ndarray, "N T K D"]
    """m or px, NaN where missing."""
    confidence: Float[np.ndarray, "N T K"] | None = None
    image: Float[np.ndarray, "N T K 2"] | None = None
    """The same keypoints in the image, px."""
    box: Float[np.ndarray, "N T 4"] | None = None
    vertices: Float[np.ndarray, "N T V 3"] | None = None
    no_vertices: str = ""
    """Why there are none and what to do, where a reader knows; not saved."""
    frame_rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseSet:
    """All sequences of a benchmark, predicted or true."""

    skeleton: str
    unit: str
    """`m` or `px`."""
    sequences: tuple[PoseSequence, ...]
    origin: str = ""


def write_poses(poses: PoseSet, path: str | Path, *, overwrite: bool = False) -> None:
    """Save poses; the same poses give the same bytes.

    Raises:
        InputError: If there is nothing to save or an array does not fit the others.
        OutputExistsError: If the file exists and may not be replaced.
    """
    check_poses(poses, "the poses to save")
    sequences = poses.sequences
    most = max(len(each.position) for each in sequences)
    arrays: dict[str, Shaped[np.ndarray, ...]] = {
        "format": np.array(FORMAT),
        "version": np.array(VERSION),
        "skeleton": np.array(poses.skeleton),
        "unit": np.array(poses.unit),
        "origin": np.array(poses.origin),
        "names": np.array([each.name for each in sequences]),
        "lengths": np.array([len(each.frame) for each in sequences]),
        "people": np.array([len(each.position) for each in sequences]),
        "frame_rate": np.array([each.frame_rate or np.nan for each in sequences]),
        "frame": np.concatenate([each.frame for each in sequences]),
    }
    for name in ("position", *_OPTIONAL):
        parts = [getattr(each, name) for each in sequences]
        if any(part is not None for part in parts):
            arrays[name] = np.concatenate([_pad(part, most) for part in parts], axis=1)
    # The archive's entries carry no time of writing, so equal poses are equal files.
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read_poses(path: str | Path) -> PoseSet:
    """Read poses that `write_poses` saved.

    Raises:
        InputError: If the file cannot be opened.
        FormatError: If it is no such file, from a newer version, or its arrays disagree.
    """
    path = Path(path)
    arrays = read_npz(path, (*_HEADER, *_PLAIN, *_OPTIONAL))
    missing = [name for name in (*_HEADER, *_PLAIN) if name not in arrays]
    if missing or str(arrays["format"]) != FORMAT:
        lacks = f"; it lacks {', '.join(missing)}" if missing else ""
        raise FormatError(
            f"{path} is no file of poses{lacks}; marey.evaluate.write_poses makes one"
        )
    if arrays["version"].shape or arrays["version"] != VERSION:
        raise FormatError(
            f"{path}: field version is {arrays['version']}, expected {VERSION}; update marey"
        )
    try:
        poses = PoseSet(
            skeleton=str(arrays["skeleton"]),
            unit=str(arrays["unit"]),
            origin=str(arrays["origin"]),
            sequences=(),
        )
        poses = replace(poses, sequences=_cut(arrays, poses, str(path)))
        check_poses(poses, str(path))
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise FormatError(f"{path}: its arrays do not fit together ({error})") from error
    return poses


def check_poses(poses: PoseSet, what: str) -> None:
    """Check that arrays fit each other and the keypoint set, and that there is something.

    Raises:
        InputError: If there is no sequence, a name or frame occurs twice, or the unit is unknown.
        ShapeError: If an array has the wrong size.
    """
    num_keypoints = len(load_skeleton(poses.skeleton))
    if poses.unit not in ("m", "px"):
        raise InputError(f"{what}: field unit is 'm' or 'px', got '{poses.unit}'")
    if not poses.sequences or not any(each.position.size for each in poses.sequences):
        raise InputError(f"{what}: there is not one frame in it")
    names = [each.name for each in poses.sequences]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{what}: sequence '{twice}' occurs more than once; name each differently")
    for each in poses.sequences:
        _check_sequence(each, f"{what}, sequence '{each.name}'", num_keypoints, poses)


def _check_sequence(each: PoseSequence, what: str, num_keypoints: int, poses: PoseSet) -> None:
    fields = {name: getattr(each, name) for name in ("position", *_OPTIONAL)}
    _check_shapes(fields, what, (len(each.frame), num_keypoints), poses)
    step = np.diff(each.frame)
    if len(step) and step.min() <= 0:
        row = int(np.argmax(step <= 0))
        kind = "occurs twice" if step[row] == 0 else f"comes before frame {each.frame[row + 1]}"
        raise InputError(
            f"{what}: field frame should rise, but frame {each.frame[row]} {kind}; sort the frames "
            "and keep each once"
        )


def _check_shapes(
    fields: Mapping[str, Shaped[np.ndarray, "..."] | None],
    what: str,
    size: tuple[int, int],
    poses: PoseSet,
) -> None:
    frames, keypoints = size
    position = fields["position"]
    assert position is not None
    people = len(position)
    mesh = fields.get("vertices")
    expected: Mapping[str, tuple[int, ...]] = {
        "position": (people, frames, keypoints, 2 if poses.unit == "px" else 3),
        "confidence": (people, frames, keypoints),
        "image": (people, frames, keypoints, 2),
        "box": (people, frames, 4),
        "vertices": (people, frames, mesh.shape[2] if mesh is not None else 0, 3),
    }
    for name, array in fields.items():
        if array is not None and array.shape != expected[name]:
            raise ShapeError(
                f"{what}: field {name} should have shape {expected[name]} ({keypoints} keypoints "
                f"of {poses.skeleton}), got {array.shape}"
            )


def _pad(values: Shaped[np.ndarray, "..."] | None, people: int) -> Shaped[np.ndarray, "..."]:
    if values is None:
        raise InputError("either all sequences have confidences, boxes, images, vertices or none")
    empty = np.full((people - len(values), *values.shape[1:]), np.nan, values.dtype)
    return np.concatenate([values, empty])


def _cut(
    arrays: Mapping[str, Shaped[np.ndarray, "..."]], poses: PoseSet, what: str
) -> tuple[PoseSequence, ...]:
    num_keypoints = len(load_skeleton(poses.skeleton))
    lengths, people = (arrays[name].astype(np.int64) for name in ("lengths", "people"))
    if arrays["names"].dtype.kind != "U":
        raise FormatError(f"{what}: field names should hold text")
    names: Sequence[str] = [str(name) for name in arrays["names"]]
    if lengths.min(initial=0) < 0 or lengths.sum() != len(arrays["frame"]):
        raise FormatError(
            f"{what}: field lengths adds up to {lengths.sum()} frames, field frame has "
            f"{len(arrays['frame'])}"
        )
    fullest = len(arrays["position"])
    if len(people) != len(lengths) or people.min(initial=0) < 0 or people.max(initial=0) > fullest:
        raise FormatError(f"{what}: field people should give 0 to {fullest} for each sequence")
    stops = np.cumsum(lengths)
    result = []
    for row, name in enumerate(names):
        part = slice(int(stops[row] - lengths[row]), int(stops[row]))
        fields: dict[str, Any] = {
            field: _floats(arrays[field], field)[: people[row], part]
            for field in ("position", *_OPTIONAL)
            if field in arrays
        }
        _check_shapes(fields, f"{what}, '{name}'", (int(lengths[row]), num_keypoints), poses)
        rate = float(arrays["frame_rate"][row])
        if rate <= 0:
            raise FormatError(f"{what}: field frame_rate of '{name}' is {rate}, expected above 0")
        result.append(
            PoseSequence(
                name=name,
                frame=arrays["frame"][part].astype(np.int64),
                frame_rate=rate if np.isfinite(rate) else None,
                **fields,
            )
        )
    return tuple(result)


def _floats(values: Shaped[np.ndarray, "..."], field: str) -> Float[np.ndarray, "..."]:
    if values.dtype.kind not in "fiu" or values.ndim < 3:
        raise FormatError(f"field {field} should hold numbers on 3 or more axes")
    return values if values.dtype.kind == "f" else values.astype(np.float64)
