"""Opening a video file from outside, and decoding it however damaged it is.

Only plain files in known containers are opened: no playlists, no concatenation scripts, no network
addresses, since each of those can make the decoder read files its user never named.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from marey.core.errors import FormatError, InputError
from marey.io.limits import MAX_PIXELS, check_picture_size

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,gif,mxf,ivf,nut,"
    "h264,hevc,m4v,mjpeg,yuv4mpegpipe,dv,obu,av1,amrnb,wav,mp3,aac,flac"
)
"""FFmpeg's names of the demuxers in use; the sound-only ones give a better message."""


_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/")
"""`http://` and its like, after pathlib has made one slash of two."""

_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"file ", b"v=0", b"<?xml", b"<MPD", b"[playlist]")


@dataclass(slots=True)
class Source:
    """An open container and the video stream chosen from it."""

    path: Path
    container: InputContainer
    stream: VideoStream
    num_damaged: int = field(default=0)
    """Packets that did not decode so far."""

    @property
    def is_counted(self) -> bool:
        """Whether decoded frames carry wrong time stamps, so that only their order counts.

        AVI has no presentation times: frames that look ahead make FFmpeg's guesses trade places.
        """
        return self.container.format.name == "avi"

    def decode(self) -> Iterator[av.VideoFrame]:
        """Yield every frame that decodes, in order of presentation; damaged packets are counted."""
        packets = self._packets()
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = packet.decode()
            except FFmpegError:
                self.num_damaged += 1
                continue
            for frame in frames:
                assert isinstance(frame, av.VideoFrame)
                yield frame

    def _packets(self) -> Iterator[av.Packet]:
        try:
            yield from self.container.demux(self.stream)
        except FFmpegError:
            # A file that breaks off: what the decoder still holds is drained with an empty packet.
            self.num_damaged += 1
            flush = av.Packet()
            flush.stream = self.stream
            yield flush


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a video file for decoding.

    Raises:
        InputError: If the file is missing, empty or holds no video.
        FormatError: If the file is no video that marey reads, or its pictures are too large.
    """
    check_file(path)
    try:
        container = av.open(
            str(path.resolve()),
            options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except FFmpegError as error:
        if _is_playlist(path):
            raise FormatError(
                f"{path} is a playlist, which only names other files; give the video itself"
            ) from error
        raise FormatError(
            f"{path} is not a video marey can read ({error.strerror}); if it is one, it may be cut "
            f"off: re-export it as mp4, mov, mkv, webm or avi"
        ) from error
    with container:
        yield Source(path, container, _choose_stream(container, path))


def check_file(path: Path) -> None:
    """Refuse what is no readable file with content.

    Raises:
        InputError: If the file is missing, not a plain file, unreadable or empty.
    """
    if not path.exists():
        if _ADDRESS.match(str(path)):
            raise InputError(f"{path} does not exist; marey reads files only: download it first")
        raise InputError(f"{path} does not exist; check the spelling of the path")
    if not path.is_file():
        raise InputError(
            f"{path} is not a plain file; give a video, an image or a folder of images"
        )
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    if empty:
        raise InputError(f"{path} is empty (0 bytes); copy or record it again")


def check_name(path: Path) -> None:
    """Refuse names that cannot be written into a take.

    Raises:
        InputError: If the path is not text in UTF-8, as names of old archives may be.
    """
    try:
        os.path.realpath(path).encode()
    except UnicodeEncodeError as error:
        shown = str(path).encode(errors="replace").decode()
        raise InputError(
            f"the name {shown} has letters that are not in UTF-8; rename the file or its folder"
        ) from error


def _is_playlist(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(512).lstrip().startswith(_PLAYLISTS)


def _choose_stream(container: InputContainer, path: Path) -> VideoStream:
    # A cover picture of a sound file is a video stream by its type, but not a recording.
    cover = Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        raise InputError(f"{path} holds no video, only sound or other data; give a video file")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in streams else streams[0]
    context = stream.codec_context
    if context is None:
        raise FormatError(
            f"the video in {path} uses a codec this machine cannot decode; re-encode it as H.264"
        )
    if context.width and context.height:
        check_picture_size(context.width, context.height, path)
    context.options = {"max_pixels": str(MAX_PIXELS)}
    stream.thread_type = "AUTO"
    return stream
