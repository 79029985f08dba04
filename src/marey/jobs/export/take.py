"""A take to a file of another kind; the suffix chooses the door."""

from pathlib import Path

from marey.core import Take
from marey.core.errors import InputError, NothingFoundError
from marey.core.progress import Progress, silent
from marey.io.joint_names import JointNames
from marey.jobs.export.doors import DOORS, Choices, Need
from marey.jobs.export.moved_videos import Videos, list_names, name_views
from marey.jobs.export.overlay import find_view
from marey.jobs.export.writers import SMPL_FAMILY, check_names
from marey.jobs.files import refuse_existing


def export(
    take: Take | str | Path,
    path: str | Path,
    *,
    video: Videos | None = None,
    camera: str | None = None,
    names: JointNames = "marey",
    overwrite: bool = False,
    progress: Progress = silent,
) -> tuple[Path, ...]:
    """Write a take in the format its suffix names.

    Args:
        take: The take, or where it lies.
        path: Where to write: .glb (skinned animation), .bvh, .npz (AMASS), .trc or .c3d (joint
            trajectories), .csv or .parquet (tables of joints and angles), .json (COCO-WholeBody
            keypoints), .openpose (a folder of OpenPose's JSON files) or .mp4 (overlay).
        video: Where the take's video lies now, if it has moved; for an overlay only. Of several
            cameras, the folder that holds their videos, or one per camera, named as they were or
            like the cameras.
        camera: Name of one of several cameras, whose keypoints or overlay to write. Unless one is
            named, an overlay shows all of them, and keypoints become a file per camera, with its
            name behind `_`.
        names: What joints are called in .glb and .bvh: as in marey, or as Mixamo does.
        overwrite: Whether existing files may be replaced.
        progress: Called as frames are written.

    Returns:
        The files written; BVH has one per person, AMASS one per person and unbroken run of frames,
        keypoints in images one per camera.

    Raises:
        OutputExistsError: If a file exists and may not be replaced.
        InputError: If the suffix is unknown or the take lacks what the format needs.
    """
    if not isinstance(take, Take):
        from marey.io.take import read_take

        take = read_take(Path(take))
    path = Path(path)
    check_export(path, names=names, overwrite=overwrite, sources=find_videos(take))
    choices = Choices(
        video=video, camera=camera, names=names, overwrite=overwrite, progress=progress
    )
    _check_camera(take, path, camera)
    if video is not None and path.suffix.lower() != ".mp4":
        raise InputError(f"--video is for .mp4, which is drawn on it; {path.name} needs none")
    if path.stem.endswith(".touch") and path.suffix.lower() in (".csv", ".json"):
        from marey.io.tables.touches import write_touches

        return tuple(write_touches(take.motion, path, overwrite=overwrite))
    _check_needs(take, path, choices)
    _, writer = DOORS[path.suffix.lower()]
    return tuple(writer(take, path, choices))


def find_videos(take: Take) -> list[Path]:
    """Return the files of a take's clips."""
    return [clip.path for clip in take.clips if clip.path is not None]


def check_export(
    path: Path, *, names: JointNames = "marey", overwrite: bool, sources: list[Path]
) -> None:
    """Refuse, before any work is done, what `export` would refuse afterwards.

    Args:
        path: Where to write.
        names: What joints are to be called.
        overwrite: Whether an existing file may be replaced.
        sources: Videos that must not be replaced in any case.

    Raises:
        InputError: If the suffix is unknown, the folder does not exist or a source is meant.
        OutputExistsError: If the file exists and may not be replaced.
    """
    from marey.io.openpose import is_openpose

    suffix = path.suffix.lower()
    if suffix not in DOORS:
        known = ", ".join(DOORS)
        raise InputError(f"cannot export to '{path.name}'; choose a name that ends in {known}")
    check_names(suffix, names)
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; create it first")
    if path.resolve() in [source.resolve() for source in sources]:
        raise InputError(f"{path} is what the take was made of; choose another name for the export")
    if path.is_dir() and suffix != ".openpose":
        raise InputError(f"{path} is a folder; choose the name of a file")
    if path.exists() and overwrite and suffix == ".openpose" and not is_openpose(path):
        raise InputError(f"{path} is no OpenPose folder, so it is not replaced; remove it first")
    refuse_existing(path, overwrite=overwrite)


def _check_camera(take: Take, path: Path, camera: str | None) -> None:
    """Refuse a camera that the take has not, or a format for which it has no meaning.

    Raises:
        InputError: With what is possible instead.
    """
    if camera is None:
        return
    need, _ = DOORS[path.suffix.lower()]
    if need not in ("keypoints in images", "a video"):
        raise InputError(
            f"--camera is for .mp4, .json and .openpose, which show one camera; {path.name} is "
            "about the world and needs none"
        )
    find_view(take, camera)


def _check_needs(take: Take, path: Path, choices: Choices) -> None:
    """Refuse formats that hold what the take does not have.

    Raises:
        NothingFoundError: With what is possible instead.
    """
    has: dict[Need, bool] = {
        "motion": any(person.motion for person in take.people),
        "points in space": any(person.motion or person.keypoints3d for person in take.people),
        "keypoints in images": any(person.keypoints2d for person in take.people),
        "a video": bool(find_videos(take)) or choices.video is not None,
    }
    need, _ = DOORS[path.suffix.lower()]
    if has[need]:
        _check_body(take, path)
        return
    possible = [suffix for suffix, (other, _) in DOORS.items() if has[other]]
    instead = f"it can be exported to {', '.join(possible)}" if possible else "it is empty"
    hint = _ask_for_video(take) if need == "a video" else ""
    raise NothingFoundError(f"{path.name} needs {need}, which this take has not{hint}; {instead}")


def _ask_for_video(take: Take) -> str:
    names = name_views(take)
    if len(names) < 2:
        return "; give one with --video (in Python video=...)"
    return (
        f"; say with --video (in Python video=...) in which folder those of its {len(names)} "
        f"cameras lie, named like them: {list_names(names)}"
    )


def _check_body(take: Take, path: Path) -> None:
    """Refuse to draw or measure bodies of the SMPL family whose file is not known.

    Raises:
        InputError: With what is possible instead.
    """
    bodies = [person.motion.body for person in take.people if person.motion]
    nameless = [b for b in bodies if isinstance(b, str) and b in SMPL_FAMILY]
    if nameless and path.suffix.lower() not in (".npz", ".json", ".openpose"):
        raise InputError(
            f"{path.name} needs bones, and those of '{nameless[0]}' are in a file that marey may "
            "not ship; import the motion again with --body FILE (your own SMPL file), or export "
            "to .npz"
        )
