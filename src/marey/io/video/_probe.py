"""When each frame of a video file is shown.

The packets of most files state it, and reading them costs no decoding. Files whose packets state
nothing, contradict themselves or are damaged are decoded instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from av import VideoFrame
from av.error import FFmpegError
from jaxtyping import Float

from marey.core.errors import FormatError
from marey.io._orientation import Orientation, read_orientation
from marey.io.limits import check_picture_size
from marey.io.video._container import Source, open_source

HIDDEN_FRAME_CODECS = frozenset({"vp8"})
"""Codecs with packets that are never shown, which only the decoder can tell."""

FALLBACK_RATE = Fraction(30)
"""Frames per second where a file states neither times nor a rate."""


JUMP_S, JUMP = 1.0, 5.0
"""A step from frame to frame that is worth a word, in s and in median steps."""


class FrameClock:
    """Turns the time stamps of frames in decoded order into strictly increasing seconds.

    A missing or backward stamp is replaced by the previous time plus one nominal interval.
    """

    def __init__(self, time_base: Fraction, frame_rate: Fraction | None):
        self._time_base = time_base
        self._interval = float(1 / (frame_rate or FALLBACK_RATE))
        self._last: float | None = None
        self.num_backward = 0
        """Stamps that were not later than the frame before."""

    def tick(self, pts: int | None) -> float:
        """Return the time of the next frame in s."""
        time = None if pts is None else stamp_to_seconds(pts, self._time_base)
        if self._last is not None and (time is None or time <= self._last):
            self.num_backward += time is not None
            time = self._last + self._interval
        self._last = 0.0 if time is None else time
        return self._last


def stamp_to_seconds(pts: int, time_base: Fraction) -> float:
    """Convert a time stamp to s, rounded once."""
    return pts * time_base.numerator / time_base.denominator


def make_clock(source: Source) -> FrameClock:
    """Return the clock of an opened video."""
    stream = source.stream
    return FrameClock(stream.time_base or 1 / FALLBACK_RATE, stream.average_rate)


def probe_video(path: Path) -> tuple[Float[np.ndarray, "T"], tuple[int, int], tuple[str, ...]]:
    """Return the frame times in s, the shown size in px, and warnings about the file.

    Raises:
        FormatError: If no frame decodes.
    """
    with open_source(path) as source:
        first = next(source.decode(), None)
        if first is None:
            raise FormatError(
                f"not one frame of {path} can be decoded; the file is damaged or cut off: export "
                f"it again"
            )
        promise = _Promise(
            frames=source.stream.frames,
            seconds=(source.container.duration or 0) / 1e6,
            interval=float(1 / (source.stream.average_rate or FALLBACK_RATE)),
        )
        size = _shown_size(first, read_orientation(first), path)
    time = _times_of_packets(path, first.pts)
    num_damaged = num_backward = 0
    if time is None:
        time, num_damaged, num_backward = _times_of_frames(path)
    warnings = [*_find_jumps(time, path)]
    if num_backward:
        warnings.append(
            f"{_count(num_backward, 'time stamp')} of {path.name} do not come after the frame "
            "before; those frames are placed at the frame rate"
        )
    if first.interlaced_frame:
        warnings.append(f"{path.name} is interlaced; deinterlace it for precise motion")
    if num_damaged:
        warnings.append(
            f"{path.name} is damaged: {_count(num_damaged, 'packet')} could not be decoded; "
            "copy or export it again"
        )
    elif promise.is_broken(time):
        warnings.append(f"{path.name} is cut off {promise.compare(time)}; copy or export it again")
    return time, size, tuple(warnings)


def _find_jumps(time: Float[np.ndarray, "T"], path: Path) -> Iterator[str]:
    steps = np.diff(time)
    if not len(steps):
        return
    jumps = np.flatnonzero(steps > max(JUMP_S, JUMP * float(np.median(steps))))
    if len(jumps):
        first = int(jumps[0])
        yield (
            f"the clock of {path.name} jumps {_count(len(jumps), 'time')}, first by "
            f"{steps[first]:.1f} s after {time[first] - time[0]:.1f} s; what happened in between "
            "is not known"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promise:
    """How long a video is by its header; 0 where the header does not tell."""

    frames: int
    seconds: float
    interval: float
    """Seconds from one frame to the next, on average."""

    def is_broken(self, time: Float[np.ndarray, "T"]) -> bool:
        """Tell whether frames are missing at the end.

        AVI counts frames that were dropped in the recording and MP4 those that are cut away by an
        edit, so fewer frames than promised are no damage as long as the clock reaches the end.
        """
        length = float(time[-1] - time[0])
        if self.frames:
            # Frames may be far apart on a fine clock, so its rate alone does not tell the distance.
            typical = float(np.median(np.diff(time))) if len(time) > 1 else 0.0
            last = max(length, float(time[-1])) + 1.5 * max(self.interval, typical)
            short = not self.seconds or self.seconds > last
            return self.frames > len(time) and short
        # Sound may outlast the pictures a little; headers without a frame count tell no better.
        return self.seconds > length + 1.0

    def compare(self, time: Float[np.ndarray, "T"]) -> str:
        """Say where the clip ends and where it should."""
        if self.frames:
            return f"after {len(time)} of {self.frames} frames"
        return f"after {float(time[-1] - time[0]):.1f} of {self.seconds:.1f} s"


def _shown_size(frame: VideoFrame, orientation: Orientation, path: Path) -> tuple[int, int]:
    check_picture_size(frame.width, frame.height, path)
    return orientation.shown_size(frame.width, frame.height)


def _times_of_packets(path: Path, first_pts: int | None) -> Float[np.ndarray, "T"] | None:
    """Return the times the packets state, or None where they cannot be trusted."""
    with open_source(path) as source:
        if source.stream.codec_context.name in HIDDEN_FRAME_CODECS:
            return None
        stamps = _read_stamps(source)
        time_base = source.stream.time_base
    if not stamps or time_base is None or stamps[0] != first_pts:
        return None
    return np.array([stamp_to_seconds(pts, time_base) for pts in stamps])


def _read_stamps(source: Source) -> list[int] | None:
    stamps: list[int] = []
    try:
        for packet in source.container.demux(source.stream):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None or packet.is_corrupt:
                return None
            stamps.append(packet.pts)
    except FFmpegError:
        return None
    # Packets come in decoding order; frames that look ahead (B-frames) are shown earlier.
    stamps.sort()
    return stamps if len(set(stamps)) == len(stamps) else None


def _times_of_frames(path: Path) -> tuple[Float[np.ndarray, "T"], int, int]:
    """Return the times of all frames, how many packets are damaged and stamps go backwards."""
    with open_source(path) as source:
        clock = make_clock(source)
        times = [clock.tick(frame.pts) for frame in source.decode()]
        # AVI's stamps are guesses of the decoder; marey counts its frames instead.
        num_backward = 0 if source.is_counted else clock.num_backward
        return np.array(times), source.num_damaged, num_backward
