"""Where the videos of a take lie now: found by their own names, else by those of its cameras."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from marey.core import Clip, Take
from marey.core.errors import InputError
from marey.io.recording_names import IMAGE_SUFFIXES, VIDEO_SUFFIXES

Videos = str | Path | Sequence[str | Path]
"""A video, several, or the folder in which those of all cameras lie."""
MAX_NAMED = 8
"""Cameras that a message names."""


def name_views(take: Take) -> tuple[str, ...]:
    """Return what a take's cameras are called: as its calibration has them, else as its videos."""
    if take.cameras is not None:
        return take.cameras.names
    return tuple(clip.name if clip.path is None else clip.path.stem for clip in take.clips)


def list_names(names: Sequence[str]) -> str:
    """Return names in a row, the first few of many."""
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def locate_videos(take: Take, given: Videos) -> list[Path]:
    """Return where the videos of all cameras of a take lie.

    A video is a file, or a folder of images. It is found by the name it had, else by its camera's:
    `cam1.mp4`, `take3_cam1.mp4` and `cam1/` are of `cam1`. Files that are not named like anything
    are taken in the order of the cameras.

    Args:
        take: A take of several cameras.
        given: The folder they lie in, or the videos.

    Raises:
        InputError: If a camera has no video there.
    """
    names, given = name_views(take), _unpack(given)
    if isinstance(given, str | Path) and not Path(given).is_dir():
        raise InputError(
            f"this take has {len(names)} cameras, and {given} is "
            f"{'one video' if Path(given).exists() else 'not there'}; name its camera with "
            "--camera (in Python camera=...), or give the folder in which all videos lie, named "
            f"like the cameras: {list_names(names)}"
        )
    offered = _list_folder(Path(given)) if isinstance(given, str | Path) else _as_paths(given)
    found = [_find(view, take, names, offered) for view in range(len(names))]
    if isinstance(given, str | Path) or any(found):
        lacking = [name for name, path in zip(names, found, strict=True) if path is None]
        if lacking:
            where = given if isinstance(given, str | Path) else "what was given"
            raise InputError(
                f"there is no video of {list_names(lacking)} in {where}; a video is named like its "
                f"camera ({names[0]}.mp4, or a folder {names[0]} of images), and the take's "
                f"cameras are {list_names(names)}"
            )
        return [path for path in found if path is not None]
    if len(offered) != len(names):
        raise InputError(
            f"this take has {len(names)} cameras ({list_names(names)}), and {len(offered)} videos "
            "were given; give one per camera, or name them like the cameras"
        )
    return offered


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
    if Path(video).is_dir() and own.num_frames == found.num_frames:
        # Images have no clock; the take has kept theirs.
        return replace(found, time=own.time)
    return found


def _unpack(given: Videos) -> Videos:
    """Return one path by itself."""
    return given[0] if not isinstance(given, str | Path) and len(given) == 1 else given


def _as_paths(given: Sequence[str | Path]) -> list[Path]:
    return [Path(video) for video in given]


def _find(view: int, take: Take, names: Sequence[str], offered: Sequence[Path]) -> Path | None:
    """Return the video of one camera among some; None if none, or no single one, is like it."""
    own = [clip.path.name for clip in take.clips if clip.path is not None]
    clip = take.clips[view] if view < len(take.clips) else None
    if clip is not None and clip.path is not None and Counter(own)[clip.path.name] == 1:
        same = [path for path in offered if clip.path.name in (path.name, path.parent.name)]
        if len(same) == 1:
            return same[0]
    name = names[view].lower()
    whole = [path for path in offered if name in (_stem(path), path.name.lower())]
    parts = [path for path in offered if name in re.split(r"[^a-z0-9]+", _stem(path))]
    return next((each[0] for each in (whole, parts) if len(each) == 1), None)


def _stem(path: Path) -> str:
    """Return what a video is called; a folder `images` by the folder around it."""
    return (path.parent.name if path.name == "images" else path.stem).lower()


def _list_folder(folder: Path) -> list[Path]:
    """Return the videos and the folders of images that lie in a folder."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES:
            found.append(path)
        elif path.is_dir():
            found += [inner for inner in (path, path / "images") if _holds_images(inner)][:1]
    return found


def _holds_images(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir())
