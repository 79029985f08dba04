"""Which videos an overlay is drawn on, and of which cameras."""

from pathlib import Path

from marey.core import Clip, Take
from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.jobs.export.moved_videos import Videos, list_names, locate_videos, moved_clip, name_views


def draw_overlay(
    take: Take,
    path: Path,
    *,
    video: Videos | None = None,
    camera: str | None = None,
    progress: Progress = silent,
) -> None:
    """Write an overlay of one camera, or of all cameras of a take side by side.

    Args:
        take: The take.
        path: An .mp4 file.
        video: Where the video lies now, if it has moved; for all cameras the folder that holds
            their videos, or one per camera, see `locate_videos`.
        camera: Name of one camera; all of them if not given.
        progress: Called as frames are written.

    Raises:
        InputError: If there is no such camera, or its video cannot be found or is another one.
    """
    if camera is None and len(name_views(take)) > 1:
        from marey.view.grid import write_grid

        write_grid(take, path, clips=find_clips(take, video), progress=progress)
        return
    from marey.view.overlay import write_overlay

    view = find_view(take, camera)
    clip = find_clip(take, video, view=view)
    write_overlay(take, path, clip=clip, view=view, progress=progress)


def find_view(take: Take, camera: str | None) -> int:
    """Return the number of a camera; the first if none is named.

    Raises:
        InputError: If the take has no camera of this name.
    """
    if camera is None:
        return 0
    names = name_views(take)
    if camera not in names:
        known = f"it has {', '.join(names)}" if names else "it has none"
        raise InputError(f"this take has no camera '{camera}'; {known}")
    return names.index(camera)


def find_clips(take: Take, video: Videos | None) -> list[Clip]:
    """Return the clips of all cameras: the take's own, or those in a folder.

    Raises:
        InputError: If one of them is not there.
    """
    names = name_views(take)
    if video is not None:
        found = locate_videos(take, video)
        return [moved_clip(_clip_of(take, view), path) for view, path in enumerate(found)]
    if not any(clip.path for clip in take.clips):
        raise InputError(
            f"this take does not know the videos of its cameras {list_names(names)}; say with "
            "--video (in Python video=...) in which folder they lie, named like the cameras"
        )
    return [_own_clip(clip, len(take.clips)) for clip in take.clips]


def find_clip(take: Take, video: Videos | None, *, view: int = 0) -> Clip | None:
    """Return the clip of one camera to draw on; None if the take has none.

    Raises:
        InputError: If it is not there.
    """
    own = _clip_of(take, view)
    if video is not None:
        return moved_clip(own, _choose_video(take, video, view))
    return None if own is None else _own_clip(own, len(take.clips))


def _choose_video(take: Take, video: Videos, view: int) -> str | Path:
    """Return which of the given is the one camera's: the video, or that in a folder of several."""
    if not isinstance(video, str | Path):
        if len(video) != 1:
            return locate_videos(take, video)[view]
        video = video[0]
    if len(name_views(take)) < 2 or not Path(video).is_dir():
        return video
    from marey.io.recording_names import IMAGE_SUFFIXES

    own = any(path.suffix.lower() in IMAGE_SUFFIXES for path in Path(video).iterdir())
    return video if own else locate_videos(take, video)[view]


def _clip_of(take: Take, view: int) -> Clip | None:
    return take.clips[view] if view < len(take.clips) else None


def _own_clip(clip: Clip, num_views: int) -> Clip:
    if not clip.video.exists():
        where = "where it is" if num_views == 1 else "in which folder they all are"
        raise InputError(
            f"the take's video {clip.path} is not there any more; say {where} with --video (in "
            "Python video=...)"
        )
    return clip
