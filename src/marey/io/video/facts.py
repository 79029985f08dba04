"""What a video file's container says of itself: codec, rotation flag, sound; nothing is converted.

Sizes are those stored, in px, before the rotation flag; bit rates are in bits per second.
"""

from dataclasses import dataclass
from pathlib import Path

from av.codec.context import CodecContext

from marey.core.errors import FormatError
from marey.io._orientation import Orientation, read_orientation
from marey.io.video._container import Source, open_source


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """A video file, as its container and first frame describe it."""

    container: str
    codec: str
    """FFmpeg's name, with the profile where there is one."""
    pixel_format: str
    stored_size: tuple[int, int]
    """Width and height, px, before rotation."""
    rotation_deg: int
    """By how much the stored picture is turned clockwise to be shown: 0, 90, 180 or 270."""
    mirrored: bool
    """Whether it is also mirrored left to right, after the rotation."""
    bit_rate: int | None
    """Of the whole file."""
    pixel_aspect: float
    """Width of a pixel over its height; marey does not stretch."""
    sounds: tuple[str, ...]
    """One phrase per sound track."""


def read_container_facts(path: str | Path) -> ContainerFacts:
    """Describe a video file from its header and first frame.

    Raises:
        InputError: If the file is missing, empty or holds no video.
        FormatError: If it is no video that marey reads, or no frame decodes.
    """
    path = Path(path)
    with open_source(path) as source:
        first = next(source.decode(), None)
        if first is None:
            raise FormatError(f"not one frame of {path} can be decoded; export it again")
        rotation, mirrored = explain_orientation(read_orientation(first))
        context = source.stream.codec_context
        return ContainerFacts(
            container=source.container.format.long_name,
            codec=_name_codec(context),
            pixel_format=first.format.name,
            stored_size=(first.width, first.height),
            rotation_deg=rotation,
            mirrored=mirrored,
            bit_rate=source.container.bit_rate or None,
            pixel_aspect=float(source.stream.sample_aspect_ratio or 1),
            sounds=_list_sounds(source),
        )


def explain_orientation(orientation: Orientation) -> tuple[int, bool]:
    """Return degrees clockwise and whether the picture is mirrored afterwards."""
    rows, columns = orientation.flip_rows, orientation.flip_columns
    if orientation.transpose:
        # Transposing mirrors; together with one flip it is a quarter turn.
        return (270, columns) if rows else (90, not columns)
    return (180, not columns) if rows else (0, columns)


def _name_codec(context: CodecContext) -> str:
    profile = context.profile
    return f"{context.name} ({profile})" if profile else context.name


def _list_sounds(source: Source) -> tuple[str, ...]:
    return tuple(
        f"{stream.codec_context.name}, {stream.codec_context.sample_rate} Hz, {stream.layout.name}"
        for stream in source.container.streams.audio
        if stream.codec_context is not None
    )
