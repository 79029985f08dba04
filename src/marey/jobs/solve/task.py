"""What `marey solve` does with what it is given: one video or several, or keypoints of either."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from marey.core.errors import InputError
from marey.jobs.readers import KeypointHints
from marey.jobs.solve.commands import (
    solve_from_keypoint_views,
    solve_from_keypoints,
    solve_many_videos,
    solve_video,
)
from marey.jobs.solve.keypoint_networks import choose_network, name_network
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.views_commands import ManyVideos
from marey.jobs.talk import Talk


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveTask:
    """What is to be solved, and where it goes."""

    videos: tuple[Path, ...]
    output: Path | None
    exports: Sequence[Path]
    cameras: Path | None
    sync: bool
    keypoints: tuple[Path, ...]
    frame_rate: float | None
    """Of keypoints whose files state none."""
    size: tuple[int, int] | None
    """Of the pictures of keypoints, likewise."""

    @property
    def many(self) -> ManyVideos:
        """The same as videos of one scene."""
        return ManyVideos(
            videos=self.videos,
            cameras=self.cameras,
            output=self.output,
            exports=self.exports,
            sync=self.sync,
        )


def solve(task: SolveTask, *, options: SolveOptions, talk: Talk) -> None:
    """Solve what was given, write the take and the exports.

    Raises:
        InputError: If it is not clear what to solve, or what the solve itself raises.
    """
    if len(task.keypoints) == 1 and name_network(task.keypoints[0]) is not None:
        options = choose_network(options, task.keypoints[0])
        task = replace(task, keypoints=())
    if task.keypoints:
        _solve_keypoints(task, options, talk)
        return
    video = next(iter(task.videos), None)
    if video is None:
        raise InputError("give a video, or --keypoints FILE")
    if task.frame_rate is not None or task.size is not None:
        option = "--size" if task.frame_rate is None else "--fps"
        raise InputError(f"{option} is for --keypoints; a video states it, so leave it out")
    if len(task.videos) > 1 or task.cameras is not None:
        solve_many_videos(task.many, options=options, talk=talk)
        return
    _refuse_views(task, options)
    solve_video(video, task.output, exports=task.exports, options=options, talk=talk)


def _refuse_views(task: SolveTask, options: SolveOptions) -> None:
    for name, wanted in (("--no-sync", task.sync), ("--no-contact", options.contact)):
        if not wanted:
            raise InputError(f"{name} is for several cameras; leave it out, or add --cameras")


def _solve_keypoints(task: SolveTask, options: SolveOptions, talk: Talk) -> None:
    hints = KeypointHints(frame_rate=task.frame_rate, size=task.size)
    if task.cameras is not None:
        solve_from_keypoint_views(
            task.many, task.keypoints, hints=hints, options=options, talk=talk
        )
        return
    keypoints, *others = task.keypoints
    if len(task.videos) > 1 or others:
        raise InputError(
            "--keypoints of several cameras need their calibration: add --cameras; without it give "
            "those of one camera, and its video alone or none"
        )
    solve_from_keypoints(
        keypoints,
        task.output,
        hints=replace(hints, video=next(iter(task.videos), None)),
        exports=task.exports,
        options=options,
        talk=talk,
    )
