"""`read` and `write`: a file's suffix chooses the door (tables in `readers` and `writers`)."""

from dataclasses import replace
from pathlib import Path

from marey.core import BodyMotion, Clip, Keypoints3D, Take
from marey.core.errors import InputError
from marey.core.files import refuse_existing, refuse_missing
from marey.io.joint_names import JointNames
from marey.io.limits import check_picture_size
from marey.io.recording_names import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from marey.jobs.export.writers import MOTION_WRITERS, POINT_WRITERS, check_names
from marey.jobs.readers import FORCED, IMAGE_DOORS, READERS, Axis, Hints, Size, find_door

__all__ = ["holds_image_keypoints", "read", "refuse_existing", "write"]

OPTIONS = {"frame_rate": "--fps", "size": "--size", "up": "--up", "body": "--body"}
"""What hints are called on the command line."""


def read(
    path: str | Path,
    *,
    frame_rate: float | None = None,
    size: Size | None = None,
    up: Axis | None = None,
    body: str | None = None,
    format: str | None = None,
) -> Take | BodyMotion | Keypoints3D:
    """Read a take, or what is in a file of another kind.

    Args:
        path: What ends in .take (gives a `Take`); motion in .bvh, .glb that marey wrote, AMASS .npz
            (a `BodyMotion`); points in space in .trc, .c3d, and .csv and .parquet that marey wrote
            (`Keypoints3D`); keypoints in images as COCO .json, a folder of OpenPose's files,
            MediaPipe's .npz or .npy (a `Take` without motion); results of other programs as .pkl,
            .pt, .npz or .json (a `Take`, see `marey.datasets.outputs`).
        frame_rate: Frames per second, for keypoints in images that state none; 30 if None.
        size: Width and height of the pictures, px, for keypoints in images that state none.
        up: Which axis of a .bvh (y unless said) or .c3d (z unless said) points up.
        body: The body an AMASS .npz moves: the path of your own SMPL-H (SMPL, SMPL-X) file, or
            marey-h for our own body in its average shape; without it, only the angles are known.
        format: Name of the program that wrote the file, where its content does not tell (coco,
            openpose, mediapipe, trc, or one of `marey.datasets.outputs.formats.FORMATS`).

    Raises:
        InputError: If the suffix is unknown, nothing is there, or an option has no use here.
        FormatError: If the content is not what the suffix promises.
        MissingExtraError: If the format needs a package that is not installed.
    """
    path = Path(path)
    hints = Hints(frame_rate=frame_rate, size=size, up=up, body=body, format=format)
    door = find_door(path) if format is None else FORCED.get(format, ".pkl")
    refuse_missing(path)
    if door not in READERS:
        raise InputError(_explain_unreadable(path))
    reader, used = READERS[door]
    for name, option in OPTIONS.items():
        if getattr(hints, name) is not None and name not in used:
            raise InputError(
                f"{path} needs no {option}; leave it out (in Python {name}), it is for files that "
                "do not say it themselves"
            )
    value = reader(path, hints)
    return _with_size(value, path, hints.size) if isinstance(value, Take) else value


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


def _explain_unreadable(path: Path) -> str:
    if path.suffix.lower() in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES):
        return f"{path} is a recording; run marey solve {path}"
    if path.is_dir():
        return _explain_folder(path)
    known = ", ".join(door for door in READERS if door != ".harmony4d")
    return f"{path} is of no kind that can be read here; it can be one of {known}"


def _explain_folder(path: Path) -> str:
    from marey.jobs.evaluate.corpora import find_corpus

    inner = next((each for each in sorted(path.glob("*/processed_data"))), None)
    if inner is not None:
        return f"{path} holds sequences of a corpus; import them one by one: {inner.parent}"
    corpus = find_corpus(path)
    if corpus is not None:
        return (
            f"{path} is of a corpus ({corpus.title}) that is evaluated and trained on, not made a "
            f"take of; marey info {path} says what is in it"
        )
    return (
        f"{path} is a folder, but neither a take, nor one of OpenPose's files, nor a sequence of "
        f"Harmony4D; for a folder of images run marey solve {path}"
    )


def holds_image_keypoints(path: Path) -> bool:
    """Tell whether a file is one of keypoints in images.

    Raises:
        InputError: If it must be opened to know, and cannot be.
        FormatError: If it is damaged.
    """
    return find_door(path) in IMAGE_DOORS


def _with_size(take: Take, path: Path, size: Size | None) -> Take:
    """Give keypoints the size of their pictures, as a clip without a video."""
    if size is None:
        return take
    check_picture_size(*size, path)
    if not take.clips:
        return replace(take, clips=(Clip(path=None, size=size, time=take.time),))
    if take.clips[0].size != size:
        width, height = take.clips[0].size
        raise InputError(
            f"{path} is of pictures of {width}x{height} px, not {size[0]}x{size[1]}; give the "
            "video it was made of"
        )
    return take
