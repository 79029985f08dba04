"""`read` and `write`: a file's suffix chooses the door.

The tables below are all there is to it: add a format by writing its module in `io` and its line
here (and in `jobs.export`, if takes can be written as it).
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core import BodyMotion, Clip, Keypoints3D, Rig, Take
from marey.core.errors import InputError, OutputExistsError
from marey.io._joint_names import JointNames
from marey.io._limits import check_picture_size

Value = Take | BodyMotion | Keypoints3D
Size = tuple[int, int]


def read(
    path: str | Path, *, frame_rate: float | None = None, size: Size | None = None
) -> Take | BodyMotion | Keypoints3D:
    """Read a take, or what is in a file of another kind.

    Args:
        path: What ends in .take (gives a `Take`); motion in .bvh, .glb that marey wrote, AMASS .npz
            (a `BodyMotion`); points in space in .trc, .c3d (`Keypoints3D`); keypoints in images
            as COCO .json, a folder of OpenPose's files, MediaPipe's .npz or .npy (a `Take` without
            motion); tables of marey's in .csv or .parquet.
        frame_rate: Frames per second, for keypoints in images that state none; 30 if None.
        size: Width and height of the pictures, px, for keypoints in images that state none.

    Raises:
        InputError: If the suffix is unknown, nothing is there, or an option has no use here.
        FormatError: If the content is not what the suffix promises.
    """
    path = Path(path)
    suffix = ".openpose" if _is_openpose_folder(path) else _find_suffix(path)
    if suffix not in READERS:
        raise InputError(
            f"cannot read '{path.name}'; choose a name that ends in {', '.join(READERS)}, or a "
            "folder of OpenPose files"
        )
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name")
    if holds_image_keypoints(path):
        reader = _IMAGE_READERS.get(suffix, _read_mediapipe)
        return _with_size(reader(path, frame_rate, size), path, size)
    if frame_rate is not None or size is not None:
        raise InputError(
            f"{path} states its own clock and needs no size of a picture; leave out --fps and "
            "--size (in Python frame_rate and size)"
        )
    return _OTHER_READERS[suffix](path)


def write(
    value: Take | BodyMotion | Keypoints3D,
    path: str | Path,
    *,
    names: JointNames = "marey",
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write a take, a motion or points in space.

    Args:
        value: A take goes to a `.take` folder; a motion to `.bvh` (a file per person), `.glb` or an
            AMASS `.npz` (a file per person and unbroken run of frames); points to `.trc` or `.c3d`.
        path: Where to write.
        names: What joints are called in .bvh and .glb.
        overwrite: Whether existing files may be replaced.

    Returns:
        The files written.

    Raises:
        InputError: If the suffix is unknown or does not suit the value.
        OutputExistsError: If the place is taken and may not be overwritten.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if isinstance(value, Take):
        if suffix != ".take":
            raise InputError(
                f"a take is written to a name that ends in .take, got '{path.name}'; "
                "for other formats use marey.export(take, path)"
            )
        from marey.io.take import write_take

        write_take(value, path, overwrite=overwrite)
        return (path,)
    kind, writers = (
        ("a motion", MOTION_WRITERS) if isinstance(value, BodyMotion) else ("points", POINT_WRITERS)
    )
    if suffix not in writers:
        raise InputError(
            f"{kind} can be written to a name that ends in {', '.join(writers)}, got '{path.name}'"
        )
    check_names(suffix, names)
    refuse_existing(path, overwrite=overwrite)
    if isinstance(value, BodyMotion):
        return tuple(MOTION_WRITERS[suffix](value, path, names, overwrite))
    return tuple(POINT_WRITERS[suffix](value, path, overwrite))


def holds_image_keypoints(path: Path) -> bool:
    """Tell whether a file is one of keypoints in images.

    Raises:
        InputError: If it must be opened to know, and cannot be.
        FormatError: If it is damaged.
    """
    suffix = path.suffix.lower()
    if suffix in _IMAGE_READERS or _is_openpose_folder(path):
        return True
    return suffix == ".npz" and path.exists() and _is_mediapipe(path)


def check_names(suffix: str, names: JointNames) -> None:
    """Refuse a choice of joint names for formats that do not offer it.

    Raises:
        InputError: If other names than marey's are asked for in vain.
    """
    if names != "marey" and suffix not in NAMED:
        raise InputError(f"--names {names} is for {' and '.join(NAMED)} files, not for {suffix}")


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Stop if a place is taken.

    Raises:
        OutputExistsError: If it exists and may not be overwritten.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path} exists already; choose another name, or overwrite it "
            "(--overwrite, in Python overwrite=True)"
        )


def _with_size(take: Take, path: Path, size: Size | None) -> Take:
    """Give keypoints the size of their pictures, as a clip under the file's own name."""
    if size is None:
        return take
    check_picture_size(*size, path)
    if not take.clips:
        return replace(take, clips=(Clip(path=path, size=size, time=take.time),))
    if take.clips[0].size != size:
        width, height = take.clips[0].size
        raise InputError(
            f"{path} is of pictures of {width}x{height} px, not {size[0]}x{size[1]}; give the "
            "video it was made of"
        )
    return take


def _read_take(path: Path) -> Take:
    from marey.io.take import read_take

    return read_take(path)


def _read_bvh(path: Path) -> BodyMotion:
    from marey.io.bvh import read_bvh

    return read_bvh(path)


def _read_glb(path: Path) -> BodyMotion:
    from marey.io.gltf import read_gltf

    return read_gltf(path)


def _read_amass(path: Path) -> BodyMotion:
    from marey.io.amass import read_amass

    return read_amass(path)


def _read_trc(path: Path) -> Keypoints3D:
    from marey.io.trc import read_trc

    return read_trc(path)


def _read_c3d(path: Path) -> Keypoints3D:
    from marey.io.c3d import read_c3d

    return read_c3d(path)


def _read_coco(path: Path, frame_rate: float | None, size: Size | None) -> Take:
    from marey.io.coco import read_coco

    return read_coco(path, frame_rate=frame_rate)


def _read_openpose(path: Path, frame_rate: float | None, size: Size | None) -> Take:
    from marey.io.openpose import read_openpose

    return read_openpose(path, frame_rate=frame_rate)


def _read_mediapipe(path: Path, frame_rate: float | None, size: Size | None) -> Take:
    from marey.io.mediapipe import read_mediapipe

    return read_mediapipe(path, frame_rate=frame_rate, size=size)


def _find_suffix(path: Path) -> str:
    name = path.name.lower()
    # Collections of motion keep their text files packed.
    return (
        Path(name.removesuffix(".gz")).suffix if name.endswith(".bvh.gz") else path.suffix.lower()
    )


def _is_mediapipe(path: Path) -> bool:
    from marey.io.mediapipe import is_mediapipe

    return is_mediapipe(path)


def _is_openpose_folder(path: Path) -> bool:
    if not path.is_dir() or path.suffix.lower() in (".take", ".openpose"):
        return False
    from marey.io.openpose import is_openpose

    return is_openpose(path)


def _write_bvh(motion: BodyMotion, path: Path, names: JointNames, overwrite: bool) -> list[Path]:
    from marey.io.bvh import write_bvh

    return write_bvh(motion, path, names=names, overwrite=overwrite)


def _write_glb(motion: BodyMotion, path: Path, names: JointNames, overwrite: bool) -> list[Path]:
    from marey.io.gltf import write_gltf

    write_gltf(motion, path, names=names)
    return [path]


def _write_amass(motion: BodyMotion, path: Path, names: JointNames, overwrite: bool) -> list[Path]:
    from marey.io.amass import write_amass

    return write_amass(motion, path, root_rest=_root_rest(motion), overwrite=overwrite)


def _root_rest(motion: BodyMotion) -> Float[np.ndarray, "N 3"] | None:
    """Where the root joint rests in each person's body; None for a bare rig."""
    if isinstance(motion.body, Rig):
        return None
    import torch

    from marey.body import load_body

    body = load_body(motion.body, num_shape=motion.shape.shape[1])
    return body.rest_joints(torch.from_numpy(motion.shape))[:, 0].numpy()


def _write_trc(points: Keypoints3D, path: Path, overwrite: bool) -> list[Path]:
    from marey.io.trc import write_trc

    return write_trc(points, path, overwrite=overwrite)


def _write_c3d(points: Keypoints3D, path: Path, overwrite: bool) -> list[Path]:
    from marey.io.c3d import write_c3d

    return write_c3d(points, path, overwrite=overwrite)


_OTHER_READERS: dict[str, Callable[[Path], Value]] = {
    ".take": _read_take,
    ".bvh": _read_bvh,
    ".glb": _read_glb,
    ".npz": _read_amass,
    ".trc": _read_trc,
    ".c3d": _read_c3d,
}
_IMAGE_READERS: dict[str, Callable[[Path, float | None, Size | None], Take]] = {
    ".npy": _read_mediapipe,
    ".json": _read_coco,
    ".openpose": _read_openpose,
}
READERS = (*_OTHER_READERS, *_IMAGE_READERS)
"""What can be read, by suffix; MediaPipe's .npz are told from AMASS's by the names inside."""

MOTION_WRITERS: dict[str, Callable[[BodyMotion, Path, JointNames, bool], list[Path]]] = {
    ".bvh": _write_bvh,
    ".glb": _write_glb,
    ".npz": _write_amass,
}
POINT_WRITERS: dict[str, Callable[[Keypoints3D, Path, bool], list[Path]]] = {
    ".trc": _write_trc,
    ".c3d": _write_c3d,
}
NAMED = (".bvh", ".glb")
"""Formats that offer a choice of joint names."""
