"""The doors out of a take, by suffix: what each needs of the take, and who writes it.

To add a format for motions or points, see `writers`; what needs the whole take has its function
here and a line in `DOORS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from marey.core import Keypoints3D, Take
from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.io.joint_names import JointNames
from marey.jobs.export.moved_videos import Videos, name_views
from marey.jobs.export.overlay import draw_overlay, find_view
from marey.jobs.files import refuse_existing, write

Need = Literal["motion", "points in space", "keypoints in images", "a video"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a user may choose for an export."""

    video: Videos | None = None
    camera: str | None = None
    names: JointNames = "marey"
    overwrite: bool = False
    progress: Progress = silent


def _write_motion(take: Take, path: Path, choices: Choices) -> Sequence[Path]:
    return write(take.motion, path, names=choices.names, overwrite=choices.overwrite)


def _write_points(take: Take, path: Path, choices: Choices) -> Sequence[Path]:
    return write(points_in_space(take), path, overwrite=choices.overwrite)


def _write_table(take: Take, path: Path, choices: Choices) -> Sequence[Path]:
    moving = any(person.motion for person in take.people)
    value = take.motion if moving else points_in_space(take)
    return write(value, path, overwrite=choices.overwrite)


def _write_coco(take: Take, path: Path, choices: Choices) -> Sequence[Path]:
    from marey.io.coco import write_coco

    files = name_files(take, path, choices.camera)
    refuse_existing(*files.values(), overwrite=choices.overwrite)
    for view, file in files.items():
        write_coco(take, file, view=view, overwrite=choices.overwrite)
    return [*files.values()]


def _write_openpose(take: Take, path: Path, choices: Choices) -> Sequence[Path]:
    from marey.io.openpose import is_openpose, write_openpose

    files = name_files(take, path, choices.camera)
    refuse_existing(*files.values(), overwrite=choices.overwrite)
    foreign = [file for file in files.values() if file.exists() and not is_openpose(file)]
    if foreign:
        raise InputError(
            f"{foreign[0]} is no OpenPose folder, so it is not replaced; remove it first"
        )
    for view, file in files.items():
        write_openpose(take, file, view=view, overwrite=choices.overwrite)
    return [*files.values()]


def name_files(take: Take, path: Path, camera: str | None) -> dict[int, Path]:
    """Return where the keypoints of each camera go, by its number: all of them unless one is named.

    Args:
        take: The take.
        path: The name asked for: of the one file, or of what gets the cameras' names added.
        camera: Name of one camera.
    """
    from marey.io.file_names import make_file_names

    names = name_views(take)
    if camera is not None or len(names) < 2:
        return {find_view(take, camera): path}
    ends = make_file_names(names, fallback="camera")
    return {
        view: path.with_name(f"{path.stem}_{end}{path.suffix}") for view, end in enumerate(ends)
    }


def _write_overlay(take: Take, path: Path, choices: Choices) -> Sequence[Path]:
    draw_overlay(take, path, video=choices.video, camera=choices.camera, progress=choices.progress)
    return [path]


def points_in_space(take: Take) -> Keypoints3D:
    """Return the joints of all people over time, or the points in space of a take without motion.

    Raises:
        NothingFoundError: If it has neither.
    """
    from marey.jobs.import_take import stack_points

    if any(person.motion for person in take.people):
        from marey.body.trajectories import joint_trajectories

        return joint_trajectories(take.motion)
    return stack_points(take)


DOORS: dict[str, tuple[Need, Callable[[Take, Path, Choices], Sequence[Path]]]] = {
    ".glb": ("motion", _write_motion),
    ".bvh": ("motion", _write_motion),
    ".npz": ("motion", _write_motion),
    ".trc": ("points in space", _write_points),
    ".c3d": ("points in space", _write_points),
    ".csv": ("points in space", _write_table),
    ".parquet": ("points in space", _write_table),
    ".json": ("keypoints in images", _write_coco),
    ".openpose": ("keypoints in images", _write_openpose),
    ".mp4": ("a video", _write_overlay),
}
"""What a take can be written as, by suffix: what it must have for it, and the writer."""
