"""Which videos an overlay is drawn on, and of which cameras."""

from dataclasses import replace
from pathlib import Path

from marey.core import Clip, Take
from marey.core.errors import InputError
from marey.core.progress import Progress, silent


def draw_overlay(
    take: Take,
    path: Path,
    *,
    video: str | Path | None = None,
    camera: str | None = None,
    progress: Progress = silent,
) -> None:
    """Write an overlay of one camera, or of all cameras of a take side by side.

    Args:
        take: The take.
        path: An .mp4 file.
        video: Where the video lies now, if it has moved; for all cameras the folder that holds
            their videos.
        camera: Name of one camera; all of them if not given.
        progress: Called as frames are written.

    Raises:
        InputError: If there is no such camera, or its video cannot be found or is another one.
    """
    if camera is None and len(take.clips) > 1:
        from marey.view.grid import write_grid

        write_grid(take, path, clips=find_clips(take, video), progress=progress)
        return
    from marey.view.overlay import write_overlay

    view = find_view(take, camera)
    clip = find_clip(take, video, view=view)
    write_overlay(take, path, clip=clip, view=view, progress=progress)


def name_views(take: Take) -> tuple[str, ...]:
    """Return what a take's cameras are called: as its calibration has them, else as its videos."""
    if take.cameras is not None:
        return take.cameras.names
    return tuple(clip.name if clip.path is None else clip.path.stem for clip in take.clips)


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


def find_clips(take: Take, video: str | Path | None) -> list[Clip]:
    """Return the clips of all cameras: the take's own, or those in a folder.

    Raises:
        InputError: If one of them is not there.
    """
    if video is None:
        return [_own_clip(clip, len(take.clips)) for clip in take.clips]
    folder = Path(video)
    if not folder.is_dir():
        raise InputError(
            f"this take has {len(take.clips)} cameras, and {folder} is one video; name its camera "
            "with --camera (in Python camera=...), or give the folder in which all videos lie"
        )
    return [moved_clip(clip, folder / clip.video.name) for clip in take.clips]


def find_clip(take: Take, video: str | Path | None, *, view: int = 0) -> Clip | None:
    """Return the clip of one camera to draw on; None if the take has none.

    Raises:
        InputError: If it is not there.
    """
    own = take.clips[view] if view < len(take.clips) else None
    if video is not None:
        return moved_clip(own, video)
    return None if own is None else _own_clip(own, len(take.clips))


def _own_clip(clip: Clip, num_views: int) -> Clip:
    if not clip.video.exists():
        where = "where it is" if num_views == 1 else "in which folder they all are"
        raise InputError(
            f"the take's video {clip.path} is not there any more; say {where} with --video (in "
            "Python video=...)"
        )
    return clip


def moved_clip(own: Clip | None, video: str | Path) -> Clip:
    """Return the clip in a video named by the user: the part of it that the take was made from."""
    from marey.io.video import probe_clip

    found = probe_clip(video)
    if own is None:
        return found
    last = own.first + own.step * (own.num_frames - 1)
    is_part = own.first > 0 or own.step > 1
    if is_part and last < found.num_frames:
        return replace(own, path=found.path, size=found.size)
    return found
