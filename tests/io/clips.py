"""Small synthetic videos, encoded with PyAV directly (never with the code under test).

Frame i is a flat grey of value `grey(i)`, so that a decoded picture tells which frame it is.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

TIME_BASE = Fraction(1, 90_000)


def grey(index: int) -> int:
    """Brightness of frame `index`; neighbours differ by 7, far above what compression changes."""
    return 20 + 7 * (index % 30)


def frame_of(image: np.ndarray) -> int:
    """Return which frame (modulo 30) a decoded picture shows."""
    return round((float(image[8:-8, 8:-8].mean()) - 20) / 7)


def make_video(
    path: Path,
    times: Sequence[float],
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (64, 48),
    pix_fmt: str = "yuv420p",
    rotation: tuple[int, bool, bool] | None = None,
    options: dict[str, str] | None = None,
    time_base: Fraction = TIME_BASE,
    images: Sequence[np.ndarray] | None = None,
) -> Path:
    """Encode frames shown at `times`, two B-frames between others, a key frame every 12."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = time_base
        stream.codec_context.gop_size = 12
        if codec == "libx264":
            stream.codec_context.max_b_frames = 2
        if rotation is not None:
            stream.set_display_rotation(rotation[0], hflip=rotation[1], vflip=rotation[2])
        for index, time in enumerate(times):
            picture = (
                np.full((size[1], size[0], 3), grey(index), np.uint8)
                if images is None
                else images[index]
            )
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = round(time / time_base), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
