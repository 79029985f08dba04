"""Which kinds of video this build of PyAV really encodes and decodes.

A codec may be listed and still fail (a build without its library, a processor it was not made for),
so each is tried on a clip of a few small frames in memory.
"""

from dataclasses import dataclass
from io import BytesIO

import av
import numpy as np
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

CODECS = {
    "h264": ("libx264", "libopenh264"),
    "hevc": ("libx265",),
    "vp9": ("libvpx-vp9",),
    "av1": ("libsvtav1", "libaom-av1"),
    "mjpeg": ("mjpeg",),
}
"""What cameras, phones and web pages record, by FFmpeg's names, and encoders to try each with."""

SIZE_PX = 64
GREYS = (40, 90, 140, 190)
TOLERANCE = 12
"""Grey levels; the encoders are lossy, and neighbours lie 50 apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecTrial:
    """How one codec fared."""

    codec: str
    decodes: bool
    """Whether the decoder is there and, if there is an encoder to test it with, was right."""
    encoder: str
    """The encoder it was tried with; empty if there is none, so that nothing was tried."""
    problem: str = ""
    """What went wrong."""


def try_codec(codec: str) -> CodecTrial:
    """Encode and decode a tiny clip.

    Args:
        codec: A key of `CODECS`.
    """
    if not _exists(codec, "r"):
        return CodecTrial(codec=codec, decodes=False, encoder="", problem="no decoder")
    encoder = next((name for name in CODECS[codec] if _exists(name, "w")), "")
    if not encoder:
        return CodecTrial(codec=codec, decodes=True, encoder="")
    try:
        seen = _decode(_encode(encoder))
    except (FFmpegError, ValueError) as error:
        return CodecTrial(codec=codec, decodes=False, encoder=encoder, problem=str(error))
    right = len(seen) == len(GREYS) and np.allclose(seen, GREYS, atol=TOLERANCE)
    problem = "" if right else f"grey levels {list(GREYS)} came back as {np.round(seen).tolist()}"
    return CodecTrial(codec=codec, decodes=right, encoder=encoder, problem=problem)


def _exists(name: str, mode: str) -> bool:
    try:
        Codec(name, "w" if mode == "w" else "r")
    except (UnknownCodecError, FFmpegError):
        return False
    return True


def _encode(encoder: str) -> BytesIO:
    memory = BytesIO()
    with av.open(memory, "w", format="matroska") as container:
        assert isinstance(container, OutputContainer)
        stream = container.add_stream(encoder, rate=30)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = SIZE_PX
        stream.pix_fmt = "yuvj420p" if encoder == "mjpeg" else "yuv420p"
        for index, grey in enumerate(GREYS):
            picture = np.full((SIZE_PX, SIZE_PX, 3), grey, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))
    memory.seek(0)
    return memory


def _decode(memory: BytesIO) -> list[float]:
    with av.open(memory) as container:
        assert isinstance(container, InputContainer)
        frames = container.decode(video=0)
        return [float(frame.to_ndarray(format="rgb24").mean()) for frame in frames]
