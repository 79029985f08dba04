"""Images with keypoints and SMPL in the layout of SPIN's preprocessing, an .npz per corpus.

An entry per image: `imgname`, `center` (2) px, `scale` (box side / 200 px), `part` (24, 3)
keypoints in SPIN's 24 "ground truth" places (`spin-49` from 25 on), `openpose` (25, 3)
(`spin-49`'s first 25), `pose` (72), `shape` (10), `S` (24, 4) joints in the camera, m and
confidence, `has_smpl`. Files of 17 `part` or `S` (mmpose's Human3.6M) are in that data set's order
(`h36m-17`). Fits to LSP's training images lie beside, `lsp-orig_fits.npy` (N, 82): pose and shape.

Photographs are recordings of one frame each. Images whose names hold a sequence and a number are
grouped by `read_sequences(..., grouped=True)` as far as they follow on each other.

Licences: SPIN's files non-commercial; images and labels as their corpora. Tried on real files: LSP
(1,000 images) and four Human3.6M frames.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from marey.core import BodyMotion, Keypoints2D, Keypoints3D, load_skeleton
from marey.core.errors import FormatError, NothingFoundError
from marey.datasets._fields import describe, get_array
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import (
    make_keypoints2d,
    make_keypoints3d,
    make_times,
    make_unique,
    name_sequence,
    number_image,
    number_images,
)
from marey.datasets._smpl import make_body_motion
from marey.datasets.recording import Recording
from marey.io.npz import read_npy, read_npz

BOX_SIDE_PX = 200.0
"""Of scale 1."""

_FIELDS = ("imgname", "center", "scale", "part", "openpose", "pose", "shape", "S", "has_smpl")
_WIDTHS = {"center": (2,), "scale": (), "openpose": (25, 3), "pose": (72,), "shape": (10,)}
_PLACES = {24: ("spin-49", 25), 17: ("h36m-17", 0), 14: ("j14", 0)}
"""Keypoint set and the place of the first, by the number of `part` and `S`."""


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the files in a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, "*.npz", what="files of SPIN's layout")


def read_sequences(
    path: str | Path, *, fits: str | Path | None = None, grouped: bool = False
) -> Iterator[Recording]:
    """Yield the images of a file, one recording each or grouped to sequences.

    Args:
        path: The file.
        fits: SMPL fits to its images, (N, 82).
        grouped: Whether neighbouring images of one sequence become one recording.

    Raises:
        InputError: If a file is missing.
        FormatError: If it is damaged or its arrays do not fit each other.
        NothingFoundError: If it holds no image.
    """
    path = check_file(path, "an .npz file of SPIN's layout")
    fields = _read_fields(path)
    names = _read_names(fields, path)
    if fits is not None:
        table = _read_fits(check_file(fits, "fits (N, 82)"), len(names))
        fields |= {"pose": table[:, :72], "shape": table[:, 72:]}
    groups = _group(names) if grouped else [(k, k + 1) for k in range(len(names))]
    titles = [name_sequence(names[a]) if grouped else Path(names[a]).stem for a, _ in groups]
    for title, (start, stop) in zip(make_unique(titles), groups, strict=True):
        part = {key: value[start:stop] for key, value in fields.items()}
        frame = number_images(names[start:stop]) if grouped else np.zeros(1, np.int64)
        yield _make(title, frame, names[start:stop], part)


def _read_fields(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_npz(path, _FIELDS)
    if "imgname" not in found or not {"part", "S", "pose", "openpose"} & set(found):
        raise FormatError(f"{path} lacks 'imgname', or all of 'part', 'S', 'pose' and 'openpose'")
    count = len(np.atleast_1d(found["imgname"]))
    fields: dict[str, Any] = {"imgname": found["imgname"]}
    for key, width in _WIDTHS.items():
        if key in found:
            fields[key] = get_array(found, key, path, (count, *width), missing=True)
    for key, axes in (("part", 3), ("S", 4)):
        if key in found:
            fields[key] = get_array(found, key, path, (count, None, axes), missing=True)
            if fields[key].shape[1] not in _PLACES:
                raise FormatError(f"{path}: '{key}' is {describe(found[key])}; expected 24 or 17")
    if "has_smpl" in found:
        fields["has_smpl"] = get_array(found, "has_smpl", path, (count,)) > 0
    return fields


def _read_names(fields: dict[str, Any], path: Path) -> tuple[str, ...]:
    names = fields.pop("imgname")
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise FormatError(f"{path}: 'imgname' is {describe(names)}; expected names of images")
    if not len(names):
        raise NothingFoundError(f"{path} holds no image")
    return tuple(names.astype(str).tolist())


def _read_fits(path: Path, count: int) -> Float[np.ndarray, "N 82"]:
    return get_array({path.name: read_npy(path)}, path.name, path, (count, 82))


def _group(names: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return where runs of one sequence begin and end; numbers rise within a run."""
    starts = [0]
    for k in range(1, len(names)):
        before, here = (number_image(name) for name in names[k - 1 : k + 1])
        follows = before is not None and here is not None and here > before
        if name_sequence(names[k]) != name_sequence(names[k - 1]) or not follows:
            starts.append(k)
    return list(zip(starts, [*starts[1:], len(names)], strict=True))


def _make(
    title: str, frame: Int[np.ndarray, "T"], names: tuple[str, ...], part: dict[str, Any]
) -> Recording:
    time = make_times(frame, None)
    box = None
    if "center" in part and "scale" in part:
        half = BOX_SIDE_PX * part["scale"][:, None] / 2
        box = np.concatenate([part["center"] - half, part["center"] + half], 1)[None] + 0.5
    return Recording(
        name=title,
        frame=frame,
        keypoints2d=_make_2d(part, time),
        keypoints3d=_make_3d(part, time),
        motion=_make_motion(part, time),
        box=box,
        images=names,
    )


def _make_2d(part: dict[str, Any], time: Float[np.ndarray, "T"]) -> Keypoints2D | None:
    if "part" not in part and "openpose" not in part:
        return None
    count = part["part"].shape[1] if "part" in part else 24
    kind, place = _PLACES[count]
    points = np.zeros((len(time), len(load_skeleton(kind)), 3))
    if "part" in part:
        points[:, place : place + count] = part["part"]
    if "openpose" in part and kind == "spin-49":
        points[:, :25] = part["openpose"]
    return make_keypoints2d(
        kind, ("person",), time, points[None, ..., :2] + 0.5, np.nan_to_num(points[None, ..., 2])
    )


def _make_3d(part: dict[str, Any], time: Float[np.ndarray, "T"]) -> Keypoints3D | None:
    if "S" not in part:
        return None
    kind, place = _PLACES[part["S"].shape[1]]
    points = np.zeros((len(time), len(load_skeleton(kind)), 4))
    points[:, place : place + part["S"].shape[1]] = part["S"]
    return make_keypoints3d(
        kind,
        ("person",),
        time,
        points[None, ..., :3],
        np.nan_to_num(points[None, ..., 3]),
        frame="camera",
    )


def _make_motion(part: dict[str, Any], time: Float[np.ndarray, "T"]) -> BodyMotion | None:
    if "pose" not in part:
        return None
    shape = part["shape"].mean(0)[None] if "shape" in part else np.zeros((1, 10))
    valid = part["has_smpl"][None] if "has_smpl" in part else None
    return make_body_motion(("person",), time, part["pose"][None], shape=shape, valid=valid)
