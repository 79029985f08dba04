"""Writing video that plays everywhere: H.264 in mp4, exact times, finished files only.

The same frames become the same bytes, however many processors the machine has.

PyAV's wheels carry x264; builds without it fall back to the next encoder of `ENCODERS`. Colours are
stored as BT.709 and say so.
"""

import errno
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream
from jaxtyping import Float, UInt8

from marey.core.errors import EnvironmentFault, InputError, ShapeError
from marey.core.files import atomic_path

ENCODERS = ("libx264", "libopenh264", "libvpx-vp9", "libsvtav1")
"""In order of preference; all of them play in browsers."""

TICKS_PER_SECOND = 90_000
"""Resolution of stored times: every common frame rate is a whole number of ticks."""

BT709, LIMITED_RANGE = 1, 1

NUM_THREADS = 4
"""Frames encoded side by side. x264 gives other bytes for another number, and would choose it by
the machine's processors; frames side by side cost no more than one at a time."""


class VideoWriter:
    """A video file being written; made by `open_video_writer`."""

    def __init__(self, container: OutputContainer, *, frame_rate: float, quality: int):
        self._container, self._frame_rate, self._quality = container, frame_rate, quality
        self._stream: VideoStream | None = None
        self._size = (0, 0)
        self._last_tick: int | None = None
        self._num_frames = 0

    def write(self, image: UInt8[np.ndarray, "H W 3"], *, time: float | None = None) -> None:
        """Append a frame.

        Args:
            image: RGB picture; all frames have the size of the first.
            time: When it is shown, in s, later than the frame before; None for the constant rate.

        Raises:
            ShapeError: If the picture's size differs from the first one's.
            InputError: If the time does not increase.
        """
        height, width = image.shape[:2]
        if self._stream is None:
            self._size = (width, height)
            self._stream = self._add_stream(width + width % 2, height + height % 2)
        if (width, height) != self._size:
            raise ShapeError(
                f"frame {self._num_frames} is {width}x{height} px but the video's frames are "
                f"{self._size[0]}x{self._size[1]} px; give frames of one size"
            )
        tick = round(
            (self._num_frames / self._frame_rate if time is None else time) * TICKS_PER_SECOND
        )
        if self._last_tick is not None and tick <= self._last_tick:
            raise InputError(
                f"frame {self._num_frames} is not shown later than the frame before it; "
                f"give increasing times at least 1/{TICKS_PER_SECOND} s apart"
            )
        self._encode(self._stream, image, tick)
        self._last_tick, self._num_frames = tick, self._num_frames + 1

    def finish(self) -> None:
        """Flush the encoder; called by `open_video_writer`."""
        if self._stream is None:
            raise InputError("a video needs at least one frame; none was written")
        self._container.mux(self._stream.encode())

    def _add_stream(self, width: int, height: int) -> VideoStream:
        name = _choose_encoder()
        rate = Fraction(self._frame_rate).limit_denominator(1001)
        stream = self._container.add_stream(name, rate=rate, options=self._options(name))
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = stream.time_base = Fraction(1, TICKS_PER_SECOND)
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        context.thread_type, context.thread_count = "FRAME", NUM_THREADS
        return stream

    def _options(self, encoder: str) -> dict[str, str]:
        if encoder == "libx264":
            return {"crf": str(self._quality), "preset": "medium"}
        return {"crf": str(self._quality + 8), "b": "0"} if encoder == "libvpx-vp9" else {}

    def _encode(self, stream: VideoStream, image: UInt8[np.ndarray, "H W 3"], tick: int) -> None:
        height, width = image.shape[:2]
        # 4:2:0 needs even sides; the edge is repeated, so that no black line appears.
        padded = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        frame.pts, frame.time_base = tick, Fraction(1, TICKS_PER_SECOND)
        self._container.mux(stream.encode(frame))


@contextmanager
def open_video_writer(
    path: str | Path, *, frame_rate: float = 30.0, quality: int = 20, overwrite: bool = True
) -> Generator[VideoWriter, None, None]:
    """Open a video file for writing; it appears when the block ends without an error.

    Args:
        path: An .mp4 (or .mov, .mkv) file.
        frame_rate: Frames per second of frames written without a time.
        quality: Constant rate factor: 0 is lossless, 18 looks so, 28 is small.
        overwrite: Whether an existing file may be replaced.

    Raises:
        InputError: If the frame rate is not positive, no frame is written or the place is taken.
        EnvironmentFault: If this build of PyAV has no usable encoder.
    """
    path = Path(path)
    if not 0 < frame_rate < np.inf:
        raise InputError(f"a frame rate must be positive, not {frame_rate}; give e.g. 30")
    if path.suffix.lower() not in (".mp4", ".mov", ".mkv"):
        raise InputError(f"{path} must end in .mp4, .mov or .mkv to be written as a video")
    with atomic_path(path, overwrite=overwrite) as temporary, _explain_refusal(path):
        # The index goes to the front of the file, so that browsers start before the download ends.
        # The movie's own time scale bounds how exactly a first frame after 0 s is kept.
        options = {"movflags": "faststart", "movie_timescale": str(TICKS_PER_SECOND)}
        options = {} if path.suffix.lower() == ".mkv" else options
        with av.open(str(temporary), "w", options=options) as container:
            yield (writer := VideoWriter(container, frame_rate=frame_rate, quality=quality))
            writer.finish()


@contextmanager
def _explain_refusal(path: Path) -> Generator[None, None, None]:
    """Say in a sentence what the encoder or the container does not take."""
    try:
        yield
    except FFmpegError as error:
        # A full disk is no matter of the pictures.
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"{path} cannot be encoded ({error.strerror}); write fewer frames, or such that are "
            "less far apart in time"
        ) from error


def write_video(
    path: str | Path,
    frames: Iterable[UInt8[np.ndarray, "H W 3"]],
    *,
    frame_rate: float = 30.0,
    times: Float[np.ndarray, "T"] | None = None,
    quality: int = 20,
) -> None:
    """Encode RGB frames to a video file.

    Args:
        path: An .mp4 (or .mov, .mkv) file.
        frames: The pictures; an iterator is consumed one by one.
        frame_rate: Frames per second, where no times are given.
        times: When each frame is shown, in s, strictly increasing; kept to 1/90000 s.
        quality: Constant rate factor: 0 is lossless, 18 looks so, 28 is small.

    Raises:
        InputError: If frames and times differ in number, or times do not increase.
        ShapeError: If the frames differ in size.
    """
    if times is not None and len(times) > 1:
        frame_rate = 1.0 / float(np.median(np.diff(times)))
    with open_video_writer(path, frame_rate=frame_rate, quality=quality) as writer:
        count = 0
        for count, image in enumerate(frames, start=1):
            if times is not None and count > len(times):
                break
            writer.write(image, time=None if times is None else float(times[count - 1]))
        if times is not None and count != len(times):
            raise InputError(f"{len(times)} times do not fit the frames given; give one each")


def _choose_encoder() -> str:
    for name in ENCODERS:
        try:
            Codec(name, "w")
        except (UnknownCodecError, FFmpegError):
            continue
        return name
    raise EnvironmentFault("this build of PyAV has no video encoder; run: pip install --force av")
