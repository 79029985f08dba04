"""What `marey solve` does with several videos of one scene."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from marey.core.errors import InputError
from marey.io.overrides import find_overrides
from marey.jobs.export.outputs import check_exports, check_target
from marey.jobs.readers import KeypointHints
from marey.jobs.reporting import report
from marey.jobs.solve.options import SolveOptions
from marey.jobs.workspace import find_part

if TYPE_CHECKING:
    from marey.jobs.solve.into import SolvedTake


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyVideos:
    """Several videos, their calibration, and the take they are to become."""

    videos: tuple[Path, ...]
    cameras: Path | None
    output: Path | None
    exports: Sequence[Path]
    sync: bool = True
    """Whether clocks are put right by what the videos show."""

    @property
    def target(self) -> Path:
        """Where the take goes."""
        return self.output or Path(f"{self.videos[0].stem or self.videos[0].resolve().name}.take")


def solve_videos(
    task: ManyVideos,
    *,
    options: SolveOptions,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    note: Callable[[str], None],
) -> "SolvedTake":
    """Solve several videos of one scene, write the take and the exports.

    Raises:
        InputError: If there is no calibration, one video only or one twice, or what `solve_many`
            raises.
    """
    if task.cameras is None:
        raise InputError(
            f"{len(task.videos)} videos of one scene need the calibration of their cameras: add "
            "--cameras FILE, or solve them one by one"
        )
    if len(task.videos) < 2:
        raise InputError(
            "--cameras is for videos of several cameras; give two at least, or leave it out"
        )
    if len({video.resolve() for video in task.videos}) < len(task.videos):
        raise InputError("a video is given twice; give one per camera")
    sources = [*task.videos, task.cameras]
    check_target(task.target, overwrite=overwrite)
    check_exports(task.target, task.exports, overwrite=overwrite, sources=sources)
    # Loads what takes seconds, which nobody wants to wait for to be refused.
    from marey.jobs.camera_files import find_calibration
    from marey.jobs.solve.at_once import solve_at_once
    from marey.jobs.solve.views import solve_many

    options = replace(options, override=options.override or find_overrides(task.target))
    cameras, journals = find_calibration(task.cameras), find_part(task.target) / "views"
    with report(quiet=quiet, as_json=as_json) as progress:
        return solve_at_once(
            lambda: solve_many(
                task.videos,
                cameras,
                options=options,
                sync=task.sync,
                journals=journals,
                progress=progress,
                note=note,
            ),
            task.target,
            sources=[*task.videos, cameras, *filter(None, [options.override])],
            settings={"options": repr(options), "sync": task.sync},
            exports=task.exports,
            overwrite=overwrite,
            progress=progress,
            note=note,
            resumes=True,
        )


def solve_keypoint_files(
    task: ManyVideos,
    keypoints: Sequence[Path],
    *,
    hints: KeypointHints,
    options: SolveOptions,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    note: Callable[[str], None],
) -> "SolvedTake":
    """Solve keypoints of several cameras, write the take and the exports.

    Raises:
        InputError: If there are less than two, or one twice, or what `solve_keypoint_views` raises.
    """
    assert task.cameras is not None
    if len(keypoints) < 2:
        raise InputError("--cameras is for keypoints of several cameras; give --keypoints for each")
    if len({path.resolve() for path in keypoints}) < len(keypoints):
        raise InputError("a file of keypoints is given twice; give one per camera")
    first = keypoints[0]
    target = task.output or Path(f"{first.stem or first.resolve().name}.take")
    if target.resolve() in {path.resolve() for path in keypoints}:
        raise InputError(f"{target} would be replaced by its own result; name it with --output")
    sources = [*keypoints, *task.videos, task.cameras]
    check_target(target, overwrite=overwrite)
    check_exports(target, task.exports, overwrite=overwrite, sources=sources)
    from marey.jobs.camera_files import find_calibration
    from marey.jobs.solve.at_once import solve_at_once
    from marey.jobs.solve.keypoint_views import solve_keypoint_views

    options = replace(options, override=options.override or find_overrides(target))
    cameras = find_calibration(task.cameras)
    with report(quiet=quiet, as_json=as_json) as progress:
        return solve_at_once(
            lambda: solve_keypoint_views(
                keypoints,
                cameras,
                videos=task.videos,
                hints=hints,
                options=options,
                sync=task.sync,
                progress=progress,
                note=note,
            ),
            target,
            sources=[*keypoints, *task.videos, cameras, *filter(None, [options.override])],
            settings={"hints": repr(hints), "options": repr(options), "sync": task.sync},
            exports=task.exports,
            overwrite=overwrite,
            progress=progress,
            note=note,
        )
