"""Video in and video out; the only module that decodes and encodes video.

A clip is a video file, a folder of images or a single image. Frames come upright (rotation and
mirror flags applied), as RGB with 8 bits a channel, with the exact presentation time the container
states; a variable frame rate survives. Pixels are as stored: neither deinterlaced nor stretched
where a container states oblong pixels.

An intact file yields exactly as many frames as `Clip.time` has entries. A file that breaks off
yields what decodes. Only where packets in the middle of a file are damaged, frames may be missing:
then the indices jump, and each frame still carries the index and time it has in the clip.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from av import VideoFrame
from av.error import FFmpegError
from jaxtyping import UInt8

from marey.core.clip import Clip
from marey.core.errors import FormatError, InputError
from marey.io._orientation import Orientation, read_orientation
from marey.io.images import is_image, probe_images, read_image_frames
from marey.io.video._container import Source, check_file, check_name, open_source
from marey.io.video._encode import VideoWriter, open_video_writer, write_video
from marey.io.video._prefetch import prefetch
from marey.io.video._probe import make_clock, probe_video

__all__ = [
    "Frame",
    "VideoWriter",
    "open_video_writer",
    "probe_clip",
    "read_frames",
    "select_frames",
    "write_video",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One decoded frame of a clip."""

    index: int
    """Position in `Clip.time`."""
    time: float
    """Presentation time in s."""
    image: UInt8[np.ndarray, "H W 3"]
    """RGB."""


def probe_clip(path: str | Path, *, frame_rate: float = 30.0) -> Clip:
    """Describe a video, an image folder or an image without decoding it all.

    Args:
        path: The file or folder.
        frame_rate: Images per second of an image folder; videos state their own times.

    Returns:
        The clip, with the presentation time of every frame, and warnings about damage.

    Raises:
        InputError: If nothing is there, or what is there holds no pictures.
        FormatError: If it cannot be decoded, or is too large.
    """
    path = Path(path)
    check_name(path)
    if path.is_dir():
        return probe_images(path, frame_rate=frame_rate)
    check_file(path)
    if is_image(path):
        return probe_images(path, frame_rate=frame_rate)
    time, size, warnings = probe_video(path)
    return Clip(path=path, size=size, time=time, warnings=warnings)


def select_frames(
    clip: Clip, *, start: float | None = None, end: float | None = None, every: int = 1
) -> Clip:
    """Return the part of a clip between two moments.

    Args:
        clip: A whole clip.
        start: First moment, s from the clip's first frame; None for the beginning.
        end: Moment at which the part ends, not included; None for the end.
        every: Step; 2 takes every other frame.

    Returns:
        A clip whose clock keeps the times of the frames it has.

    Raises:
        InputError: If no frame is left, or the step is below 1.
    """
    if every < 1:
        raise InputError(f"the step from frame to frame must be at least 1, got {every}")
    # What is written with three decimals means the frame that is shown then.
    moments = clip.time - clip.time[0] + 5e-4
    first = 0 if start is None else int(np.searchsorted(moments, start))
    stop = len(moments) if end is None else int(np.searchsorted(moments, end))
    if stop <= first:
        raise InputError(_explain_nothing(clip, start or 0.0, end))
    return replace(clip, time=clip.time[first:stop:every], first=first, step=every)


def _explain_nothing(clip: Clip, start: float, end: float | None) -> str:
    if end is not None and end <= start:
        return f"the end, {end:g} s, must come after the start, {start:g} s"
    length = float(clip.time[-1] - clip.time[0])
    name = clip.name
    if start > length:
        return f"{name} ends before {start:g} s; its last frame is at {length:.2f} s"
    return f"no frame of {name} lies between {start:g} s and {end or length:g} s"


def read_frames(
    clip: Clip | str | Path,
    *,
    start: int = 0,
    stop: int | None = None,
    every: int = 1,
    prefetched: int = 3,
) -> Generator[Frame, None, None]:
    """Decode frames one after the other, in bounded memory.

    Decoding runs a few frames ahead in a thread; it ends when the generator is closed or dropped.

    Args:
        clip: A clip, or the path of one.
        start: First frame.
        stop: One past the last frame; None for all.
        every: Step; 2 skips every other frame.
        prefetched: How many decoded frames may wait.

    Returns:
        The frames start, start + every, ... below stop.

    Raises:
        InputError: If the options make no sense or the file cannot be read.
        FormatError: If the file cannot be decoded, or its frames change size.
    """
    if start < 0 or every < 1 or prefetched < 1 or (stop is not None and stop < start):
        raise InputError(
            f"frames {start} to {stop} in steps of {every} cannot be read; "
            f"start must not be negative, stop not before start, the step at least 1"
        )
    if not isinstance(clip, Clip):
        clip = probe_clip(clip)
    end = clip.num_frames if stop is None else min(stop, clip.num_frames)
    return prefetch(_decode_clip(clip, range(start, end, every)), ahead=prefetched)


def _decode_clip(clip: Clip, frames: range) -> Generator[Frame, None, None]:
    if (clip.first, clip.step) != (0, 1):
        yield from _decode_part(clip, frames)
        return
    if clip.video.is_dir() or is_image(clip.video):
        pictures = read_image_frames(clip, frames)
    else:
        pictures = _decode_video(clip, frames)
    for index, image in pictures:
        yield Frame(index=index, time=float(clip.time[index]), image=image)


def _decode_part(clip: Clip, frames: range) -> Generator[Frame, None, None]:
    """Decode frames of a clip that is a part of its file, by the clock of the whole file."""
    if not frames:
        return
    wanted = range(
        clip.first + clip.step * frames[0],
        clip.first + clip.step * frames[-1] + 1,
        clip.step * frames.step,
    )
    for frame in _decode_clip(probe_clip(clip.video), wanted):
        index = (frame.index - clip.first) // clip.step
        yield Frame(index=index, time=float(clip.time[index]), image=frame.image)


def _decode_video(
    clip: Clip, wanted: range
) -> Generator[tuple[int, UInt8[np.ndarray, "H W 3"]], None, None]:
    if not wanted:
        return
    orientation: Orientation | None = None
    for index, frame in _seek_frames(clip, wanted.start):
        orientation = orientation or read_orientation(frame)
        if index in wanted:
            size = orientation.shown_size(frame.width, frame.height)
            if size != clip.size:
                raise FormatError(
                    f"frame {index} of {clip.video} is {size[0]}x{size[1]} px after frames of "
                    f"{clip.size[0]}x{clip.size[1]} px; split the video there or re-encode it"
                )
            yield index, orientation.apply(frame.to_ndarray(format="rgb24"))
        if index >= wanted[-1]:
            return


def _seek_frames(clip: Clip, start: int) -> Generator[tuple[int, VideoFrame], None, None]:
    """Yield indexed frames from some frame at or before `start` on."""
    if start > 0:
        with open_source(clip.video) as source:
            if _seek(source, float(clip.time[start])):
                indexed = _index_frames(source, clip)
                first = next(indexed, None)
                # Files without an index land anywhere; those are decoded from their beginning.
                if first is not None and first[0] <= start:
                    yield first
                    yield from indexed
                    return
    with open_source(clip.video) as source:
        yield from _index_frames(source, clip)


def _seek(source: Source, time: float) -> bool:
    time_base = source.stream.time_base
    if time_base is None or source.is_counted:
        return False
    try:
        source.container.seek(int(time / time_base), stream=source.stream)
    except FFmpegError:
        return False
    return True


def _index_frames(source: Source, clip: Clip) -> Generator[tuple[int, VideoFrame], None, None]:
    clock, previous = make_clock(source), -1
    for frame in source.decode():
        found = None if source.is_counted else _find_time(clip, clock.tick(frame.pts))
        index = previous + 1 if found is None else found
        if previous < index < clip.num_frames:
            yield index, frame
            previous = index


def _find_time(clip: Clip, time: float) -> int | None:
    index = int(np.searchsorted(clip.time, time))
    return index if index < clip.num_frames and clip.time[index] == time else None
