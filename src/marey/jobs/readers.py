"""The doors in: which reader opens a file, and what each of them is told.

To add a format, write its module in `io`, a function here that calls it, and a line in `READERS`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from marey.core import BodyMotion, Keypoints3D, Take
from marey.core.errors import InputError

Value = Take | BodyMotion | Keypoints3D
Size = tuple[int, int]
Axis = Literal["y", "z"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a user may know of a file that does not say it itself."""

    frame_rate: float | None = None
    size: Size | None = None
    up: Axis | None = None
    body: str | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointHints:
    """What a user may add to a file of keypoints in images."""

    video: Path | None = None
    frame_rate: float | None = None
    size: Size | None = None


def find_door(path: Path) -> str:
    """Return the key of `READERS` for a file: its suffix, unless its content says otherwise."""
    from marey.datasets.outputs.sniff import may_be_output

    name, suffix = path.name.lower(), path.suffix.lower()
    if path.is_dir() and suffix != ".take":
        from marey.io.openpose import is_openpose

        if (path / "processed_data").is_dir():
            return ".harmony4d"
        return ".openpose" if is_openpose(path) else suffix
    if may_be_output(path):
        return ".pkl"
    if suffix == ".npz" and path.is_file():
        from marey.io.mediapipe import is_mediapipe

        return ".npy" if is_mediapipe(path) else suffix
    # Collections of motion keep their text files packed.
    return ".bvh" if name.endswith(".bvh.gz") else suffix


def _read_take(path: Path, hints: Hints) -> Take:
    from marey.io.take import read_take

    return read_take(path)


def _read_bvh(path: Path, hints: Hints) -> BodyMotion:
    from marey.io.bvh import read_bvh

    return read_bvh(path, up=hints.up or "y")


def _read_glb(path: Path, hints: Hints) -> BodyMotion:
    from marey.io.gltf import read_gltf

    return read_gltf(path)


def _read_amass(path: Path, hints: Hints) -> BodyMotion:
    from marey.io.amass import read_amass

    motion = read_amass(path)
    return motion if hints.body is None else _put_on_body(motion, hints.body)


def _put_on_body(motion: BodyMotion, source: str) -> BodyMotion:
    """Name the body of a motion, and put its root where that body's root joint is.

    Raises:
        InputError: If the body has other joints.
    """
    import torch

    from marey.body import load_body

    body = load_body(source)
    joints = motion.R_parent_joint.shape[2]
    if len(body.rig.joints) != joints:
        raise InputError(
            f"the motion has {joints} joints, but {source} has {len(body.rig.joints)}; give the "
            "kind of body it was recorded with"
        )
    shape = np.zeros((1, body.num_shape), np.float32)
    # Coefficients mean something in their own family's space of shapes only.
    if body.name != "marey-h":
        count = min(body.num_shape, motion.shape.shape[1])
        shape[:, :count] = motion.shape[:, :count]
    root = motion.T_world_root.copy()
    root[..., 4:] += body.rest_joints(torch.from_numpy(shape))[:, :1].numpy()
    name = str(Path(source).resolve()) if Path(source).suffix else source
    return replace(motion, body=name, shape=shape, T_world_root=root)


def _read_trc(path: Path, hints: Hints) -> Keypoints3D:
    from marey.io.trc import read_trc

    return read_trc(path)


def _read_c3d(path: Path, hints: Hints) -> Keypoints3D:
    from marey.io.c3d import read_c3d

    return read_c3d(path, up=hints.up or "z")


def _read_csv(path: Path, hints: Hints) -> Keypoints3D:
    from marey.io.tables import read_csv

    return read_csv(path)


def _read_parquet(path: Path, hints: Hints) -> Keypoints3D:
    from marey.io.tables import read_parquet

    return read_parquet(path)


def _read_coco(path: Path, hints: Hints) -> Take:
    from marey.io.coco import read_coco

    return read_coco(path, frame_rate=hints.frame_rate)


def _read_openpose(path: Path, hints: Hints) -> Take:
    from marey.io.openpose import read_openpose

    return read_openpose(path, frame_rate=hints.frame_rate)


def _read_mediapipe(path: Path, hints: Hints) -> Take:
    from marey.io.mediapipe import read_mediapipe

    return read_mediapipe(path, frame_rate=hints.frame_rate, size=hints.size)


def _read_output(path: Path, hints: Hints) -> Take:
    from marey.datasets.outputs.formats import read_output
    from marey.datasets.outputs.people import Options

    options = Options(frame_rate=hints.frame_rate, size=hints.size, up=hints.up, body=hints.body)
    return read_output(path, format=hints.format, options=options)


def _read_corpus(path: Path, hints: Hints) -> Take:
    from marey.datasets.corpus.read import read_take

    return read_take(path, body=hints.body)


FORCED = {"coco": ".json", "openpose": ".openpose", "mediapipe": ".npy", "trc": ".trc"}
"""Doors by the names that --format takes; all other names are of `marey.datasets.outputs`."""

IMAGE_DOORS = (".npy", ".json", ".openpose")

READERS: dict[str, tuple[Callable[[Path, Hints], Value], tuple[str, ...]]] = {
    ".take": (_read_take, ()),
    ".bvh": (_read_bvh, ("up",)),
    ".glb": (_read_glb, ()),
    ".npz": (_read_amass, ("body",)),
    ".trc": (_read_trc, ()),
    ".c3d": (_read_c3d, ("up",)),
    ".csv": (_read_csv, ()),
    ".parquet": (_read_parquet, ()),
    ".json": (_read_coco, ("frame_rate", "size")),
    ".openpose": (_read_openpose, ("frame_rate", "size")),
    ".npy": (_read_mediapipe, ("frame_rate", "size")),
    ".pkl": (_read_output, ("frame_rate", "size", "up", "body")),
    ".harmony4d": (_read_corpus, ("body",)),
}
"""What can be read, by suffix, and the hints each reader makes use of. An .npz of MediaPipe goes
through the door of .npy, other programs' results (.pkl, .pt, .npz, .json) through that of .pkl. Any
folder that holds `processed_data` is a sequence of Harmony4D or EgoHumans."""
